import { describe, expect, test } from 'vitest';
import { join, u32le } from '../../../../test/fixtures/uploads/bytes.js';
import { pdf, zip } from '../../../../test/fixtures/uploads/documents.js';
import { animatedWebp, avif, bmp, gif, heic, jpeg, png, tiff, webp } from '../../../../test/fixtures/uploads/images.js';
import { InvalidInputError } from '../errors/input-errors.js';
import { type FileType, type FileUploadOptions, fileUploadDefaults, validateFileUpload } from './file-upload.js';
import { fileTypes } from './file-types/formats.js';

const everything: FileUploadOptions = { allowedTypes: fileTypes };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What is told of a refusal. */
async function refusal(bytes: Uint8Array, options: Partial<FileUploadOptions> = {}): Promise<object> {
  const error: unknown = await validateFileUpload(bytes, { ...everything, ...options }).catch(
    (thrown: unknown) => thrown,
  );
  if (!InvalidInputError.isInstance(error)) throw new Error('it was not refused', { cause: error });
  const { status, message, details } = error;
  return { status, message, ...details };
}

describe('the guide', () => {
  test('R36: too large, empty and of a wrong type are refused in this order, and the type is returned', async () => {
    const options: FileUploadOptions = { allowedTypes: ['image/png', 'image/jpeg'], maxBytes: 1024 * 1024 };
    expect(await refusal(new Uint8Array(1024 * 1024 + 1), options)).toMatchObject({
      message: 'File too large (max 1MB)',
    });
    expect(await refusal(new Uint8Array(), options)).toMatchObject({ message: 'File is empty' });
    expect(await refusal(gif(), options)).toMatchObject({
      message: 'File type not allowed. Allowed types: image/png, image/jpeg',
    });
    expect(await validateFileUpload(png(), options)).toMatchObject({ type: 'image/png' });
  });

  test('R36: the limit is 10 MB where none is given, and a file of just that size passes', async () => {
    const size = 10 * 1024 * 1024;
    expect(fileUploadDefaults.maxBytes).toBe(size);
    expect(await validateFileUpload(new Uint8Array(size).fill(0x61), everything)).toMatchObject({ size });
    expect(await refusal(new Uint8Array(size + 1))).toMatchObject({ message: 'File too large (max 10MB)' });
  });

  /** By its first bytes, and by nothing less. */
  async function expectKnown(type: FileType, bytes: Uint8Array): Promise<void> {
    const options = { allowedTypes: [type] };
    expect(await validateFileUpload(bytes, options)).toMatchObject({ type, size: bytes.length, bytes });
    expect(await refusal(join(' ', bytes), options)).toMatchObject({ status: 415, detected_type: null });
  }

  test('R37: a JPEG is known by its first bytes', () => expectKnown('image/jpeg', jpeg()));
  test('R38: a PNG is known by its first bytes', () => expectKnown('image/png', png()));
  test('R39: a GIF87a is known by its first bytes', () => expectKnown('image/gif', gif({}, 'GIF87a')));
  test('R40: a GIF89a is known by its first bytes', () => expectKnown('image/gif', gif({}, 'GIF89a')));
  test('R41: a PDF is known by its first bytes', () => expectKnown('application/pdf', pdf()));

  test('R170 D14: refusals are typed: 413 too large, 415 of a wrong type, 400 for the rest, none of them retryable', async () => {
    expect(await refusal(png(), { maxBytes: 5 })).toEqual({
      status: 413,
      message: 'File too large (max 5 bytes)',
      reason: 'too_large',
      limit_bytes: 5,
    });
    expect(await refusal(png(), { allowedTypes: ['image/gif'] })).toEqual({
      status: 415,
      message: 'File type not allowed. Allowed types: image/gif',
      reason: 'type_not_allowed',
      allowed_types: ['image/gif'],
      detected_type: 'image/png',
    });
    expect(await refusal(new Uint8Array())).toMatchObject({ status: 400, reason: 'empty' });
    expect(await refusal(png().subarray(0, 40))).toEqual({
      status: 400,
      message: 'The file is damaged: it ends too soon',
      reason: 'damaged',
    });
    const error = await validateFileUpload(new Uint8Array(), everything).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ errorType: 'invalid_input', isRetryable: false, origin: 'client' });
  });
});

describe('what comes back', () => {
  const size = { width: 640, height: 480 };

  test.each([
    ['png', png(size)],
    ['jpg', jpeg(size)],
    ['gif', gif(size)],
    ['webp', webp(size)],
    ['avif', avif(size)],
    ['heic', heic(size)],
    ['tiff', tiff(size, 'MM')],
  ])('a %s tells its dimensions and the extension to store it under', async (extension, bytes) => {
    expect(await validateFileUpload(bytes, everything)).toMatchObject({ extension, width: 640, height: 480 });
  });

  test('an animation tells its frames, and a ZIP its files and how much they say they are', async () => {
    expect(await validateFileUpload(gif({}, 'GIF89a', 3), everything)).toMatchObject({ frames: 3 });
    const archive = zip([
      { name: 'a', content: 'x'.repeat(500) },
      { name: 'b', content: 'yy', method: 'stored' },
    ]);
    expect(await validateFileUpload(archive, everything)).toEqual({
      type: 'application/zip',
      extension: 'zip',
      size: archive.length,
      bytes: archive,
      entries: 2,
      unpackedBytes: 502,
    });
  });
});

describe('bombs', () => {
  test('I10: a picture is refused by what its header declares', async () => {
    const wide = { width: 60_000, height: 2 };
    for (const bytes of [png(wide), jpeg(wide), gif(wide), avif(wide), heic(wide), tiff(wide)]) {
      expect(await refusal(bytes)).toMatchObject({
        status: 413,
        reason: 'too_many_pixels',
        width: 60_000,
        max_side: 16_384,
      });
    }
    const large = { width: 16_000, height: 16_000 };
    for (const bytes of [png(large), webp(large), animatedWebp({ width: 2 }, large), animatedWebp(large, {})]) {
      expect(await refusal(bytes)).toMatchObject({ status: 413, max_pixels: 50_000_000 });
    }
    expect(await validateFileUpload(png(large), { ...everything, maxPixels: 256_000_000 })).toMatchObject(large);
  });

  test('a BMP cannot declare more than it holds, unless it is packed by run length', async () => {
    const large = { width: 16_000, height: 16_000 };
    expect(await refusal(bmp(large))).toMatchObject({ reason: 'damaged' });
    const packed = bmp(large);
    packed.set(u32le(1), 30);
    packed.set(u32le(16), 34);
    expect(await refusal(packed.subarray(0, 70))).toMatchObject({ reason: 'too_many_pixels' });
  });

  test('a picture without any extent is damaged', async () => {
    for (const bytes of [png({ width: 0 }), jpeg({ height: 0 }), tiff({ height: 0 }), avif({ width: 0 })]) {
      expect(await refusal(bytes)).toMatchObject({ status: 400, reason: 'damaged' });
    }
  });

  test('an animation of too many frames is refused, and so is a TIFF of too many pages', async () => {
    const options = { maxFrames: 3 };
    for (const bytes of [gif({}, 'GIF89a', 4), animatedWebp({}, {}, 4), tiff({}, 'II', 4)]) {
      expect(await refusal(bytes, options)).toMatchObject({ status: 413, reason: 'too_many_frames', max_frames: 3 });
    }
    expect(await validateFileUpload(tiff({}, 'II', 3), { ...everything, ...options })).toMatchObject({ frames: 3 });
  });

  test('a ZIP is refused for what it declares: files, bytes, or bytes per packed byte', async () => {
    const zeros = (length: number): Uint8Array => zip([{ name: 'zeros', content: new Uint8Array(length) }]);
    expect(await refusal(zip([{ name: 'a' }, { name: 'b' }]), { maxEntries: 1 })).toMatchObject({
      status: 413,
      reason: 'too_many_entries',
    });
    const liar = zip([{ name: 'a', declared: 200 * 2 ** 20, descriptor: 'signed' }]);
    expect(await refusal(liar, { maxUnpackRatio: Number.POSITIVE_INFINITY })).toMatchObject({
      reason: 'unpacks_too_large',
    });
    expect(await refusal(zeros(2 ** 20 + 1))).toMatchObject({
      status: 413,
      reason: 'unpacks_too_large',
      max_ratio: 100,
    });
    expect(await validateFileUpload(zeros(2 ** 20), everything)).toMatchObject({ unpackedBytes: 2 ** 20 });
    expect(await validateFileUpload(zeros(2 ** 21), { ...everything, maxUnpackRatio: 2_000 })).toMatchObject({
      entries: 1,
    });
  });
});

describe('options', () => {
  test.each<[string, object]>([
    ['allowedTypes', { allowedTypes: [] }],
    ['allowedTypes', { allowedTypes: ['image/svg+xml'] }],
    ['allowedTypes', { allowedTypes: undefined }],
    ['allowUnsafe', { allowUnsafe: ['everything'] }],
    ['maxBytes', { maxBytes: 0 }],
    ['maxPixels', { maxPixels: Number.NaN }],
    ['maxSide', { maxSide: 1.5 }],
    ['maxFrames', { maxFrames: -1 }],
    ['maxEntries', { maxEntries: 0 }],
    ['maxUnpackedBytes', { maxUnpackedBytes: '1' }],
    ['maxUnpackRatio', { maxUnpackRatio: 0 }],
  ])('a bad %s is a RangeError that names it: %j', async (name, options) => {
    const error: unknown = await validateFileUpload(png(), { ...everything, ...options }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(RangeError);
    expect((error as RangeError).message).toContain(name);
  });

  test('an option that is undefined is as good as none, and Infinity is no limit', async () => {
    const options = { maxBytes: undefined, maxSide: Number.POSITIVE_INFINITY } as unknown as FileUploadOptions;
    const upload = await validateFileUpload(png({ width: 60_000 }), { ...everything, ...options });
    expect(upload.width).toBe(60_000);
  });
});

test('a refusal repeats nothing of the file, its name or its declared type', async () => {
  const canary = 'kanarie';
  const refused = [
    refusal(bytesOf(`<svg>${canary}`), { fileName: `${canary}.svg` }),
    refusal(png(), { fileName: `${canary}.${canary}-${canary}`, declaredType: `image/${canary}` }),
    refusal(png(), { fileName: `${canary}\0.png` }),
    refusal(bytesOf(`{"${canary}":}`), { declaredType: 'application/json' }),
    refusal(bytesOf(`a,"${canary}`), { fileName: 'a.csv' }),
    refusal(join(png(), canary)),
    refusal(zip([{ name: `../${canary}` }])),
  ];
  for (const told of await Promise.all(refused)) expect(JSON.stringify(told)).not.toContain(canary);
});
