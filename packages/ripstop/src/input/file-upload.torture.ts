import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { join, u16le, u32be, u32le } from '../../../../test/fixtures/uploads/bytes.js';
import { pdf } from '../../../../test/fixtures/uploads/documents.js';
import { box, pngChunk, pngEnd, pngSignature } from '../../../../test/fixtures/uploads/images.js';
import { type RandomUpload, randomUpload } from '../../../../test/fixtures/uploads/mutations.js';
import { faultIn } from '../../../../test/fixtures/uploads/soundness.js';
import { fileTypes } from './file-types/formats.js';
import { type FileUploadOptions, validateFileUpload } from './file-upload.js';

const batches = 100;
const batchSize = 1_000;

test(`${batches * batchSize} random and mutated files: each is refused with a typed error, or passes as what it is`, async () => {
  const times: number[] = [];
  const outcomes = { passed: 0, refused: 0 };
  const faults: { readonly upload: RandomUpload; readonly fault: string }[] = [];
  const heaps: number[] = [];
  for (let batch = 0; batch < batches; batch += 1) {
    for (const upload of fc.sample(randomUpload, batchSize)) {
      const start = performance.now();
      const { outcome, fault } = await faultIn(upload);
      times.push((performance.now() - start) * 1_000);
      outcomes[outcome] += 1;
      if (fault !== undefined) faults.push({ upload, fault });
    }
    heaps.push(process.memoryUsage().heapUsed / 2 ** 20);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor((times.length - 1) * share)] ?? 0).toFixed(1);
  console.log(`${outcomes.passed} passed, ${outcomes.refused} refused`);
  console.log(`median ${at(0.5)} µs, 99 % below ${at(0.99)} µs, longest ${at(1)} µs`);
  console.log(`heap ${Math.min(...heaps).toFixed(0)} to ${Math.max(...heaps).toFixed(0)} MB`);
  expect(faults).toEqual([]);
  expect(outcomes.passed).toBeGreaterThan(batches * 20);
});

/** Files of about `size` bytes, each the worst that we know of for one of the readers. */
const worst: readonly (readonly [string, (size: number) => Uint8Array])[] = [
  ['text of tag beginnings', (size) => filled('<scrip', size)],
  ['declarations without an end', (size) => filled('<!a>', size)],
  ['open brackets', (size) => filled('[', size)],
  ['objects of objects', (size) => join('[', filled('{"a":1},', size), '0]')],
  ['escaped quotes', (size) => join('["', filled('\\"', size), '"]')],
  ['quotes', (size) => join('a,b\n', filled('""', size))],
  ['PDF of names', (size) => pdf(`% ${'/J#61vaScrip '.repeat(size / 13)}\n`)],
  ['PNG of empty chunks', (size) => join(pngSignature, pngHeader, filled(pngChunk('tEXt'), size), pngData, pngEnd)],
  [
    'PNG of tag beginnings',
    (size) => join(pngSignature, pngHeader, pngChunk('tEXt', filled('<script', size)), pngData, pngEnd),
  ],
  ['JPEG of fill bytes', (size) => join('\xff\xd8', filled('\xff', size))],
  ['JPEG of empty segments', (size) => join('\xff\xd8', filled('\xff\xfe\0\x02', size))],
  ['GIF of blocks of one byte', (size) => join('GIF89a\x01\0\x01\0\0\0\0!\xfe', filled('\x01x', size), '\0;')],
  ['WebP of empty chunks', (size) => join('RIFF', u32le(size + 4), 'WEBP', filled('JUNK\0\0\0\0', size))],
  [
    'AVIF of empty boxes',
    (size) =>
      join(box('ftyp', 'avif\0\0\0\0'), box('meta', u32be(0), box('iprp', box('ipco', filled(box('free'), size))))),
  ],
  ['AVIF of empty indexes', (size) => join(box('ftyp', 'avif\0\0\0\0'), filled(box('meta', u32be(0)), size))],
  [
    'TIFF of one long table',
    (size) => join('II*\0', u32le(8), u16le(0xffff), filled('\0\x01\x04\0\x01\0\0\0\x08\0\0\0', size)),
  ],
  ['ZIP of end records', (size) => join('PK\x03\x04', filled('PK\x05\x06', size))],
  ['MP3 of silence behind a tag', (size) => join('ID3\x04\0\0\0\0\0\0', filled('\0', size))],
];

const pngHeader = pngChunk('IHDR', u32be(1), u32be(1), [8, 0, 0, 0, 0]);
const pngData = pngChunk('IDAT', [0x78, 0x9c]);

function filled(unit: Uint8Array | string, size: number): Uint8Array {
  return new Uint8Array(Buffer.alloc(Math.floor(size / unit.length) * unit.length, unit, 'latin1'));
}

test.each(worst)('%s: ten times the bytes take about ten times as long', async (what, made) => {
  const [small, large] = [1e6, 1e7].map(made);
  if (small === undefined || large === undefined) throw new RangeError('two sizes');
  const options: FileUploadOptions = { allowedTypes: fileTypes, maxBytes: 12_000_000 };
  const short = await fastest(small, options);
  const long = await fastest(large, options);
  console.log(`${what}: ${short.toFixed(1)} ms, ${long.toFixed(1)} ms`);
  // Below a few milliseconds the clock says little.
  expect(long).toBeLessThan(20 * Math.max(short, 3));
});

async function fastest(bytes: Uint8Array, options: FileUploadOptions): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 5; run += 1) {
    const start = performance.now();
    await validateFileUpload(bytes, options).catch((error: unknown) => error);
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}

test('memory: a stream of ten megabytes, a byte a chunk, takes no more than a few times its size', async () => {
  const size = 10 * 2 ** 20;
  let highest = 0;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    const one = Uint8Array.of(0x61);
    for (let sent = 0; sent < size; sent += 1) {
      if (sent % 2 ** 17 === 0) highest = Math.max(highest, process.memoryUsage().arrayBuffers);
      yield one;
    }
  }
  const before = process.memoryUsage().arrayBuffers;
  expect(await validateFileUpload(bytes(), { allowedTypes: ['text/plain'] })).toMatchObject({ size });
  const taken = (highest - before) / 2 ** 20;
  console.log(`at most ${taken.toFixed(0)} MB for 10 MB`);
  expect(taken).toBeLessThan(40);
});
