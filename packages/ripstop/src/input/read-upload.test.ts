import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { png } from '../../../../test/fixtures/uploads/images.js';
import { type FileUploadOptions, type FileUploadSource, validateFileUpload } from './file-upload.js';

const picture = png();
const options: FileUploadOptions = { allowedTypes: ['image/png'] };

function* pieces(bytes: Uint8Array, length = 7): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

test.each<[string, () => FileUploadSource]>([
  ['bytes', () => picture],
  ['a part of a larger buffer', () => Buffer.concat([Buffer.alloc(3), picture]).subarray(3)],
  ['an ArrayBuffer', () => Uint8Array.from(picture).buffer],
  ['a Blob', () => new Blob([Buffer.from(picture)])],
  ['a File', () => new File([Buffer.from(picture)], 'a.png', { type: 'image/png' })],
  ['the body of a web request', () => new Response(Buffer.from(picture)).body as ReadableStream<Uint8Array>],
  ['a web stream of small chunks', () => ReadableStream.from(pieces(picture))],
  ['a Node stream', () => Readable.from(pieces(picture, 1))],
])('D20: %s is read to its last byte', async (_, source) => {
  const upload = await validateFileUpload(source(), options);
  expect(upload).toMatchObject({ type: 'image/png', size: picture.length, width: 3 });
  expect(Buffer.from(upload.bytes).equals(picture)).toBe(true);
});

test('a large stream is read whole, however it is cut', async () => {
  const text = new Uint8Array(300_000).fill(0x61);
  const upload = await validateFileUpload(Readable.from(pieces(text, 70_001)), { allowedTypes: ['text/plain'] });
  expect(upload.size).toBe(300_000);
  expect(upload.bytes.buffer.byteLength).toBe(300_000);
});

describe('D20: the limit holds while reading', () => {
  /** A body without an end, and what became of it. */
  function endless(): { readonly chunk: () => Uint8Array; given: number; stopped: unknown } {
    const source = {
      given: 0,
      stopped: undefined,
      chunk: () => {
        source.given += 1;
        return new Uint8Array(1_000);
      },
    };
    return source;
  }

  test('D20: a web stream is cancelled at the first byte too many', async () => {
    const body = endless();
    const stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => controller.enqueue(body.chunk()),
        cancel: (reason) => void (body.stopped = reason),
      },
      { highWaterMark: 0 },
    );
    const error: unknown = await validateFileUpload(stream, { ...options, maxBytes: 10_000 }).catch((e: unknown) => e);
    expect(error).toMatchObject({ status: 413, details: { reason: 'too_large', limit_bytes: 10_000 } });
    expect(body.given).toBe(11);
    expect(body.stopped).toBe(error);
  });

  test('D20: an iterator is told to return, and a Node stream is destroyed', async () => {
    const body = endless();
    async function* generate(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield body.chunk();
      } finally {
        body.stopped = 'returned';
      }
    }
    await expect(validateFileUpload(generate(), { ...options, maxBytes: 2_500 })).rejects.toMatchObject({
      status: 413,
    });
    expect(body).toMatchObject({ given: 3, stopped: 'returned' });

    const stream = Readable.from(generate());
    await expect(validateFileUpload(stream, { ...options, maxBytes: 2_500 })).rejects.toMatchObject({ status: 413 });
    expect(stream.destroyed).toBe(true);
  });

  test('D20: an announced size, and that of a file, are enough to refuse it unread', async () => {
    const body = endless();
    const stream = new ReadableStream<Uint8Array>(
      { pull: (controller) => controller.enqueue(body.chunk()), cancel: () => void (body.stopped = 'cancelled') },
      { highWaterMark: 0 },
    );
    const announced = validateFileUpload(stream, { ...options, contentLength: 11_000_000 });
    await expect(announced).rejects.toMatchObject({ status: 413, message: 'File too large (max 10MB)' });
    expect(body).toMatchObject({ given: 0, stopped: 'cancelled' });

    const file = new File([Buffer.from(picture)], 'a.png');
    await expect(validateFileUpload(file, { ...options, maxBytes: 1_024 * 1_024 })).resolves.toMatchObject({
      size: picture.length,
    });
    await expect(validateFileUpload(file, { ...options, maxBytes: 10 })).rejects.toMatchObject({ status: 413 });
  });

  test('D20: a source that hangs when it is told to stop holds nobody', async () => {
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel: () => new Promise(() => undefined),
    });
    await expect(validateFileUpload(stream, { ...options, maxBytes: 5 })).rejects.toMatchObject({ status: 413 });
  });
});

test('an abort ends the reading of a silent stream, with its own reason', async () => {
  const controller = new AbortController();
  let cancelled: unknown;
  const silent = new ReadableStream<Uint8Array>({ cancel: (reason) => void (cancelled = reason) });
  const reading = validateFileUpload(silent, { ...options, signal: controller.signal }).catch(
    (error: unknown) => error,
  );
  const reason = new Error('the caller left');
  controller.abort(reason);
  expect(await reading).toBe(reason);
  expect(cancelled).toBe(reason);
  expect(await validateFileUpload(picture, { ...options, signal: controller.signal }).catch((e: unknown) => e)).toBe(
    reason,
  );
});

test('what a stream fails with comes through untouched', async () => {
  const reason = new Error('the connection broke');
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(reason) });
  expect(await validateFileUpload(broken, options).catch((error: unknown) => error)).toBe(reason);
});

test('a request without a body is an empty file', async () => {
  const { body } = new Request('http://127.0.0.1/', { method: 'POST' });
  await expect(validateFileUpload(body, options)).rejects.toMatchObject({ status: 400, message: 'File is empty' });
});

test('what is no source of bytes is a RangeError that says so', async () => {
  for (const source of ['text', undefined, {}, Readable.from(['text'])] as unknown as FileUploadSource[]) {
    await expect(validateFileUpload(source, options)).rejects.toThrow(RangeError);
  }
});
