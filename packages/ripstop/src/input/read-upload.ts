/** The bytes of an upload, wherever they come from, and never more of them than allowed. */
import { badOption } from '../call/options.js';
import { InvalidInputError } from '../errors/input-errors.js';

/**
 * Bytes, a web `File` or `Blob`, a web stream, or anything that yields bytes, as the streams of Node do. `null` is what a
 * web `Request` without a body has as one.
 */
export type FileUploadSource =
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | null;

/** How much to read, and until when. */
export interface ReadLimits {
  readonly maxBytes: number;
  /** The size that was announced, in bytes, if one was. */
  readonly contentLength?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is read, chunk by chunk, and what tells it to stop. */
interface Chunks {
  next(): Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>;
  stop(reason: unknown): unknown;
}

const firstCapacity = 64 * 1024;

/**
 * All bytes of `source`. One byte too many ends the reading, and the source is told to stop.
 *
 * @throws InvalidInputError 413
 */
export async function readUpload(source: FileUploadSource, limits: ReadLimits): Promise<Uint8Array> {
  const { maxBytes, contentLength = 0, signal } = limits;
  if (source === null) return new Uint8Array();
  const chunks = chunksOf(source);
  try {
    signal?.throwIfAborted();
    if (contentLength > maxBytes || knownSize(source) > maxBytes) throw tooLarge(maxBytes);
    if (chunks === undefined) return asBytes(source);
    return await collect(chunks, limits);
  } catch (error) {
    if (chunks !== undefined) unheard(() => chunks.stop(error));
    throw error;
  }
}

function tooLarge(maxBytes: number): InvalidInputError {
  return new InvalidInputError(`File too large (max ${sizeText(maxBytes)})`, {
    status: 413,
    details: { reason: 'too_large', limit_bytes: maxBytes },
  });
}

/** In MB, or KB, of 1,024 where that comes out even, as limits mostly do. */
function sizeText(bytes: number): string {
  if (bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20}MB`;
  return bytes % 2 ** 10 === 0 ? `${bytes / 2 ** 10}KB` : `${bytes} bytes`;
}

function chunksOf(source: NonNullable<FileUploadSource>): Chunks | undefined {
  if (ArrayBuffer.isView(source) || source instanceof ArrayBuffer) return undefined;
  if (typeof source !== 'object') throw noSource(source);
  if ('stream' in source) return webChunks(source.stream());
  if ('getReader' in source) return webChunks(source);
  if (!(Symbol.asyncIterator in source)) throw noSource(source);
  const iterator = source[Symbol.asyncIterator]();
  return { next: async () => iterator.next(), stop: () => iterator.return?.() };
}

function webChunks(stream: ReadableStream<Uint8Array>): Chunks {
  const reader = stream.getReader();
  return { next: () => reader.read(), stop: (reason) => reader.cancel(reason) };
}

function knownSize(source: NonNullable<FileUploadSource>): number {
  if (ArrayBuffer.isView(source) || source instanceof ArrayBuffer) return source.byteLength;
  return 'stream' in source ? source.size : 0;
}

async function collect(chunks: Chunks, { maxBytes, signal }: ReadLimits): Promise<Uint8Array> {
  // One buffer that grows, not a list: a sender may choose to send every byte as a chunk of its own.
  let buffer = new Uint8Array(Math.min(firstCapacity, maxBytes));
  let size = 0;
  for (;;) {
    const { done, value } = await nextOrAbort(chunks, signal);
    if (done === true) return size === buffer.length ? buffer : buffer.slice(0, size);
    const chunk = asBytes(value);
    if (size + chunk.length > maxBytes) throw tooLarge(maxBytes);
    if (size + chunk.length > buffer.length) {
      const larger = new Uint8Array(Math.min(maxBytes, Math.max(2 * buffer.length, size + chunk.length)));
      larger.set(buffer);
      buffer = larger;
    }
    buffer.set(chunk, size);
    size += chunk.length;
  }
}

function nextOrAbort(chunks: Chunks, signal: AbortSignal | undefined): ReturnType<Chunks['next']> {
  if (signal === undefined) return chunks.next();
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    chunks
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', leave));
  });
}

function asBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw noSource(value);
}

/** Tells a source to stop, and does not wait for it: it may hang, and why it was told is known already. */
function unheard(stop: () => unknown): void {
  const stopping = async (): Promise<unknown> => stop();
  stopping().catch(() => undefined);
}

function noSource(value: unknown): RangeError {
  return badOption('source', 'must be bytes, a File or Blob, or a stream of bytes', `a value of type ${typeof value}`);
}
