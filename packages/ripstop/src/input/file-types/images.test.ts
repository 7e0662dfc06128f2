import { describe, expect, test } from 'vitest';
import {
  join,
  offsetOf,
  patched,
  u16be,
  u16le,
  u24le,
  u32be,
  u32le,
} from '../../../../../test/fixtures/uploads/bytes.js';
import * as image from '../../../../../test/fixtures/uploads/images.js';
import { samples } from '../../../../../test/fixtures/uploads/samples.js';
import { validateFileUpload } from '../file-upload.js';
import { fileTypes } from './formats.js';

const { pngChunk, pngEnd, pngSignature, riff, riffChunk } = image;

async function outcome(bytes: Uint8Array): Promise<unknown> {
  return validateFileUpload(bytes, { allowedTypes: fileTypes }).then(
    ({ type, width, height }) => `${type} ${width}×${height}`,
    ({ details, message }) => `${details?.reason}: ${message}`,
  );
}

const damaged = /^damaged: The file is damaged: /;
const images = samples.filter(({ type }) => type.startsWith('image/'));

test.each(images)('D18: $what that is cut anywhere is never taken for a whole one', async ({ bytes }) => {
  for (let length = 1; length < bytes.length; length += 1) {
    const cut = bytes.subarray(0, length);
    const padding = bytes.subarray(length).every((byte) => byte === 0);
    // What is lost may be padding; and the first bytes alone may be no signature yet, or a text.
    if (!padding) expect(await outcome(cut), `cut at ${length}`).toMatch(/^damaged|^type_not_allowed|^text\/plain/);
  }
});

describe('PNG', () => {
  const header = pngChunk('IHDR', u32be(3), u32be(2), [8, 0, 0, 0, 0]);
  const data = pngChunk('IDAT', [0x78, 0x9c, 1]);

  test('a wrong checksum, a nameless chunk, and a length beyond the file are damage', async () => {
    const good = image.png();
    expect(await outcome(patched(good, 17, [9]))).toBe('damaged: The file is damaged: a checksum of the PNG is wrong');
    expect(await outcome(join(pngSignature, header, u32be(0), '\0\0\0\0', u32be(0)))).toMatch(damaged);
    expect(await outcome(patched(good, offsetOf(good, 'IDAT') - 4, u32be(0xffff_ffff)))).toMatch(damaged);
  });

  test.each([
    ['no header first', [data, header, pngEnd]],
    ['two headers', [header, header, data, pngEnd]],
    ['no data', [header, pngEnd]],
    ['data in two places', [header, data, pngChunk('tEXt', 'a\0b'), data, pngEnd]],
    ['an index without a palette', [pngChunk('IHDR', u32be(3), u32be(2), [8, 3, 0, 0, 0]), data, pngEnd]],
    ['a depth that its colours do not have', [pngChunk('IHDR', u32be(3), u32be(2), [16, 3, 0, 0, 0]), data, pngEnd]],
    ['an unknown interlacing', [pngChunk('IHDR', u32be(3), u32be(2), [8, 0, 0, 0, 2]), data, pngEnd]],
    ['data that are not compressed', [header, pngChunk('IDAT', 'raw'), pngEnd]],
    ['an end with content', [header, data, pngChunk('IEND', 'x')]],
  ])('%s is damage', async (_, chunks) => {
    expect(await outcome(join(pngSignature, ...chunks))).toMatch(damaged);
  });

  test('texts, palettes and data in several chunks are none', async () => {
    const palette = pngChunk('PLTE', [0, 0, 0]);
    const indexed = pngChunk('IHDR', u32be(3), u32be(2), [1, 3, 0, 0, 1]);
    const bytes = join(pngSignature, indexed, palette, data, data, pngChunk('tEXt', 'Title\0a'), pngEnd);
    expect(await outcome(bytes)).toBe('image/png 3×2');
  });
});

describe('JPEG', () => {
  const start = '\xff\xd8';
  const frame = image.jpegSegment(0xc2, [8], u16be(2), u16be(3), [1, 1, 0x11, 0]);
  const scan = image.jpegSegment(0xda, [1, 1, 0, 0, 63, 0]);
  const end = '\xff\xd9';

  test.each([
    ['no frame', [start, image.jpegSegment(0xdb, 'x'), end]],
    ['a scan before its frame', [start, image.jpegSegment(0xdb, 'x'), scan, 'x', end]],
    ['two frames', [start, frame, frame, scan, 'x', end]],
    ['no scan', [start, frame, end]],
    ['no end', [start, frame, scan, 'x\xff']],
    ['a segment shorter than its length', [start, '\xff\xe0\0\x01', frame, scan, 'x', end]],
    ['something between its segments', [start, frame, 'xx', scan, 'x', end]],
    ['a start within', [start, frame, '\xff\xd8', scan, end]],
    [
      'components that do not fit',
      [start, image.jpegSegment(0xc0, [8], u16be(2), u16be(3), [3, 1, 0x11, 0]), scan, end],
    ],
  ])('%s is damage', async (_, parts) => {
    expect(await outcome(join(...parts))).toMatch(damaged);
  });

  test('fill bytes, several scans, and bare markers are none', async () => {
    const bytes = join(start, '\xff', frame, '\xff\xff\xff\xfe\0\x02', scan, 'x\xff\xff\xd0', scan, '\xff\0', end);
    expect(await outcome(bytes)).toBe('image/jpeg 3×2');
  });

  test('whole pictures behind the first are part of it, as cameras write them, and count for its size', async () => {
    const large = image.jpeg({ width: 900, height: 10 });
    expect(await outcome(join(image.jpeg(), '\0\0\0', large, '\n'))).toBe('image/jpeg 900×10');
    expect(await outcome(join(image.jpeg(), large.subarray(0, 40)))).toMatch(damaged);
    expect(await outcome(join(image.jpeg(), large, 'more'))).toMatch(/^trailing_data/);
    expect(await outcome(join(image.jpeg(), image.jpeg({ width: 60_000 })))).toMatch(/^too_many_pixels/);
  });
});

describe('GIF', () => {
  test('an unknown block, no picture, and an impossible code size are damage', async () => {
    const good = image.gif();
    expect(await outcome(image.gif({}, 'GIF89a', 1, 'x'))).toMatch(damaged);
    expect(await outcome(image.gif({}, 'GIF89a', 0))).toMatch(damaged);
    expect(await outcome(patched(good, good.length - 6, [12]))).toMatch(damaged);
  });

  test('a frame that reaches beyond its screen counts for the size', async () => {
    const bytes = join(image.gif().subarray(0, -1), image.gifFrame({ width: 60_000 }), ';');
    expect(await outcome(bytes)).toMatch(/^too_many_pixels/);
  });
});

describe('WebP', () => {
  test.each([
    ['no picture', riff('WEBP', riffChunk('EXIF', 'x'))],
    ['a chunk that is longer than the file says', patched(image.webp(), 16, u32le(99))],
    ['a file that is longer than itself', patched(image.webp(), 4, u32le(99))],
    ['a lossy picture without its start code', patched(image.webp(), 23, [0])],
    ['a lossy picture that builds upon another', patched(image.webp(), 20, [1])],
    ['a lossless picture without its signature', patched(image.webp({}, image.losslessChunk), 20, [0])],
    ['a frame in a frame', riff('WEBP', riffChunk('ANMF', new Uint8Array(16), riffChunk('ANMF', new Uint8Array(16))))],
    ['a frame without its picture', riff('WEBP', riffChunk('ANMF', u24le(0), u24le(0)))],
  ])('%s is damage', async (_, bytes) => {
    expect(await outcome(bytes)).toMatch(damaged);
  });

  test('a last byte of padding may be missing', async () => {
    const odd = riff('WEBP', image.lossyChunk(), riffChunk('XMP ', 'abc'));
    expect(await outcome(odd)).toBe('image/webp 3×2');
    expect(await outcome(patched(odd.subarray(0, -1), 4, u32le(odd.length - 9)))).toBe('image/webp 3×2');
  });
});

describe('BMP', () => {
  test('impossible headers are damage, or no BMP', async () => {
    const good = image.bmp();
    const cases: [number, number[]][] = [
      [18, u32le(0xffff_fffd)],
      [26, u16le(2)],
      [28, u16le(7)],
      [30, u32le(5)],
      [10, u32le(20)],
      [10, u32le(9_999)],
    ];
    for (const [at, bytes] of cases) expect(await outcome(patched(good, at, bytes)), `at ${at}`).toMatch(damaged);
    expect(await outcome(patched(good, 14, u32le(41)))).toMatch(/^type_not_allowed/);
  });

  test('the oldest header, and a colour profile behind the pixels, are read', async () => {
    const core = join('BM', u32le(0), u32le(0), u32le(26), u32le(12), [3, 0, 2, 0, 1, 0, 8, 0], new Uint8Array(8));
    expect(await outcome(core)).toBe('image/bmp 3×2');
    const info = join(
      u32le(124),
      u32le(3),
      u32le(2),
      u16le(1),
      u16le(32),
      u32le(0),
      new Uint8Array(92),
      u32le(148),
      u32le(4),
    );
    const profiled = join('BM', u32le(0), u32le(0), u32le(138), info, u32le(0), new Uint8Array(24), 'ICC!');
    expect(await outcome(profiled)).toBe('image/bmp 3×2');
    expect(await outcome(join(profiled, 'more'))).toMatch(/^trailing_data/);
  });
});

describe('TIFF', () => {
  const good = image.tiff();
  const first = 14;
  const entry = (index: number): number => first + 2 + 12 * index;

  test('pages that form a loop are damage', async () => {
    expect(await outcome(patched(good, good.length - 4, u32le(first)))).toBe(
      'damaged: The file is damaged: the pages of the TIFF form a loop',
    );
  });

  test.each<[string, Uint8Array]>([
    ['no page', patched(good, 4, u32le(0))],
    ['a page beyond the end', patched(good, 4, u32le(99_999))],
    ['a page without fields', patched(good, first, u16le(0))],
    ['no width', patched(good, entry(0), u16le(255))],
    ['no strips', patched(good, entry(4), u16le(272))],
    ['a strip beyond the end', patched(good, entry(4) + 8, u32le(99_999))],
    ['a strip that is too long', patched(good, entry(5) + 8, u32le(99_999))],
    ['more strips than sizes', patched(good, entry(4) + 4, u32le(2), u32le(8))],
    ['strips of a wrong type', patched(good, entry(4) + 2, u16le(5), u32le(1), u32le(8))],
    ['a field that is longer than the file', patched(good, entry(0) + 2, u16le(4), u32le(0xffff_ffff))],
  ])('%s is damage', async (_, bytes) => {
    expect(await outcome(bytes)).toMatch(damaged);
  });

  test('pages that share a long table are refused before they take long', async () => {
    const table = join(...Array.from({ length: 2_000 }, () => u32le(8)));
    const sizes = new Uint8Array(table.length);
    const pages = 100;
    const at = 8 + table.length + sizes.length;
    const field = (tag: number, count: number, value: number): Uint8Array =>
      join(u16le(tag), u16le(4), u32le(count), u32le(value));
    const directories = Array.from({ length: pages }, (_, page) =>
      join(
        u16le(4),
        field(256, 1, 3),
        field(257, 1, 2),
        field(273, 2_000, 8),
        field(279, 2_000, 8 + table.length),
        u32le(page + 1 < pages ? at + 54 * (page + 1) : 0),
      ),
    );
    expect(await outcome(join('II', u16le(42), u32le(at), table, sizes, ...directories))).toBe(
      'damaged: The file is damaged: the pages of the TIFF share their tables',
    );
  });
});

describe('AVIF and HEIC', () => {
  const good = image.avif();

  test('boxes that do not fit, no data, and no size are damage', async () => {
    expect(await outcome(patched(good, offsetOf(good, 'mdat') - 4, u32be(99)))).toMatch(damaged);
    expect(await outcome(patched(good, offsetOf(good, 'iprp') - 4, u32be(4)))).toMatch(damaged);
    expect(await outcome(patched(good, offsetOf(good, 'mdat'), 'free'))).toMatch(damaged);
    expect(await outcome(patched(good, offsetOf(good, 'ispe'), 'free'))).toMatch(damaged);
    expect(await outcome(join(good, 'more'))).toMatch(damaged);
  });

  test('the largest of several sizes counts', async () => {
    const size = (width: number): Uint8Array => image.box('ispe', u32be(0), u32be(width), u32be(2));
    const meta = image.box('meta', u32be(0), image.box('iprp', image.box('ipco', size(5), size(70_000), size(6))));
    expect(await outcome(join(image.box('ftyp', 'avif', u32be(0), 'avif'), meta, image.box('mdat')))).toMatch(
      /^too_many_pixels/,
    );
  });

  test('a general brand is told by those it is compatible with; sizes may have 64 bits, or reach to the end', async () => {
    expect(await outcome(image.boxedImage(['mif1', 'miaf', 'avif']))).toBe('image/avif 3×2');
    expect(await outcome(image.boxedImage(['mif1', 'heic']))).toBe('image/heic 3×2');
    expect(await outcome(image.boxedImage(['mif1', 'miaf']))).toMatch(/^type_not_allowed/);
    expect(await outcome(image.boxedImage(['qt  ', 'mp42']))).toMatch(/^type_not_allowed/);
    const wide = join(good.subarray(0, -11), u32be(1), 'mdat', u32be(0), u32be(19), [1, 2, 3]);
    expect(await outcome(wide)).toBe('image/avif 3×2');
    expect(await outcome(join(good.subarray(0, -11), u32be(0), 'mdat', [1, 2, 3, 4]))).toBe('image/avif 3×2');
    expect(await outcome(join(good, u32be(1), 'free', u32be(0xffff_ffff), u32be(0)))).toMatch(damaged);
  });
});
