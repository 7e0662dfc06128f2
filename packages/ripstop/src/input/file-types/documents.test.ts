import { describe, expect, test } from 'vitest';
import { join, offsetOf, patched, u16le, u32le } from '../../../../../test/fixtures/uploads/bytes.js';
import { pdf, pdfWithStream, zip, type ZipEntry } from '../../../../../test/fixtures/uploads/documents.js';
import { samples } from '../../../../../test/fixtures/uploads/samples.js';
import { type FileUploadOptions, validateFileUpload } from '../file-upload.js';
import { fileTypes } from './formats.js';

async function outcome(bytes: Uint8Array, options: Partial<FileUploadOptions> = {}): Promise<unknown> {
  return validateFileUpload(bytes, { allowedTypes: fileTypes, ...options }).then(
    ({ type }) => type,
    ({ details, message }) => `${details?.reason}: ${message}`,
  );
}

const damaged = /^damaged: The file is damaged: /;
const archives = samples.filter(({ type }) => type === 'application/zip' || type === 'application/pdf');

test.each(archives)('D18: $what that is cut anywhere is never taken for a whole one', async ({ bytes }) => {
  const step = Math.ceil(bytes.length / 500);
  for (let length = 1; length < bytes.length; length += step) {
    if (bytes.subarray(length).every((byte) => byte === 0x0a)) continue;
    expect(await outcome(bytes.subarray(0, length)), `cut at ${length}`).toMatch(
      /^damaged|^type_not_allowed|^text\/plain/,
    );
  }
});

describe('PDF', () => {
  const good = pdf();
  const startxref = Buffer.from(good).lastIndexOf('startxref');

  test.each<[string, Uint8Array]>([
    ['no version', patched(good, 5, 'x')],
    ['no end mark', patched(good, good.length - 6, 'xxxxx')],
    ['no pointer to its index', patched(good, startxref, 'x')],
    ['a pointer that is no number', patched(good, startxref + 10, 'x')],
    ['a pointer beyond it', patched(good, startxref + 10, '999')],
    ['a pointer to something else', patched(good, startxref + 10, '020')],
    ['no trailer', patched(good, offsetOf(good, 'trailer'), 'x')],
    ['a stream that is no index', patched(pdfWithStream(), offsetOf(pdfWithStream(), '/XRef'), '/Page')],
  ])('%s is damage', async (_, bytes) => {
    expect(await outcome(bytes)).toMatch(damaged);
  });

  test('one that was changed at its end is whole, and so is one with line ends of any kind', async () => {
    const changed = join(
      good,
      `4 0 obj\n<<>>\nendobj\nxref\n0 0\ntrailer\n<</Prev 9>>\nstartxref\n${good.length + 20}\n%%EOF\r\n`,
    );
    expect(await outcome(changed)).toBe('application/pdf');
    expect(await outcome(join(good.subarray(0, -1), '\r\n\0'))).toBe('application/pdf');
  });

  test.each(['/S /JavaScript /JS (app.alert(1))', '/S/Launch/F(a)', '/S /J#61vaScript', '/S /#4C#61unch '])(
    'D19: one that runs something is refused unless allowed: %s',
    async (action) => {
      const bytes = pdf(`4 0 obj\n<</Type /Action ${action}>>\nendobj\n`);
      expect(await outcome(bytes)).toMatch(/^active_content/);
      expect(await outcome(bytes, { allowUnsafe: ['pdf_actions'] })).toBe('application/pdf');
    },
  );

  test('D19: longer names that only begin so are none, nor is a hash that stands for itself', async () => {
    expect(await outcome(pdf('4 0 obj\n<</JavaScripts 1 /Launcher 2 /Java#ZZ 3 /#>>\nendobj\n'))).toBe(
      'application/pdf',
    );
  });
});

describe('ZIP', () => {
  const two: readonly ZipEntry[] = [{ name: 'a' }, { name: 'b' }];
  const good = zip(two);
  const directory = offsetOf(good, 'PK\x01\x02');
  const end = offsetOf(good, 'PK\x05\x06');
  const wide = zip([{ name: 'a', wide: 'wide' }], { wide: 'wide' });

  test.each<[string, Uint8Array]>([
    ['no directory', good.subarray(0, end)],
    ['something between the entries and the directory', zip(two, { gap: 'hidden' })],
    ['something before the directory that it does not know of', join('PK\x03\x04', good)],
    ['a directory of another size', patched(good, end + 12, u32le(90))],
    ['fewer entries than it says', patched(good, end + 8, u16le(3), u16le(3))],
    ['more entries than it says', patched(good, end + 8, u16le(1), u16le(1))],
    ['one part of several', patched(good, end + 4, u16le(1))],
    ['an entry whose header is elsewhere', patched(good, directory + 42, u32le(1))],
    ['two entries in one place', patched(good, directory + 47 + 42, u32le(0))],
    ['an entry that is longer than the file', patched(good, directory + 20, u32le(9_999))],
    ['an entry of another size than its own header says', patched(good, directory + 24, u32le(1))],
    ['an entry of another method than its own header says', patched(good, directory + 10, u16le(0))],
    ['an entry of another name than its own header says', zip([{ name: 'a.txt', localName: 'a.exe' }])],
    [
      'a stored entry that unpacks to more',
      zip([{ name: 'a', method: 'stored', descriptor: 'bare', declared: 9_999 }]),
    ],
    ['data behind an entry that nobody knows', zip([{ name: 'a', descriptor: 'bare' }], { gap: 'hidden things' })],
    ['64-bit fields that point nowhere', patched(wide, offsetOf(wide, 'PK\x06\x07') + 8, u32le(1))],
    ['64-bit sizes that are missing', patched(wide, offsetOf(wide, 'PK\x01\x02') + 47, u16le(2))],
  ])('%s is damage', async (_, bytes) => {
    expect(await outcome(bytes)).toMatch(damaged);
  });

  /** A ZIP of these entries and records, with an end that counts them. */
  function assembled(locals: Uint8Array, centrals: readonly Uint8Array[]): Uint8Array {
    const records = join(...centrals);
    const counts = [u16le(centrals.length), u16le(centrals.length)];
    return join(
      locals,
      records,
      'PK\x05\x06',
      u32le(0),
      ...counts,
      u32le(records.length),
      u32le(locals.length),
      u16le(0),
    );
  }

  test('an entry that the directory leaves out is damage', async () => {
    const three = zip([{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
    const start = offsetOf(three, 'PK\x01\x02');
    const [a, b, c] = [0, 1, 2].map((index) => three.subarray(start + 47 * index, start + 47 * (index + 1)));
    if (a === undefined || b === undefined || c === undefined) throw new RangeError('three entries');
    expect(await outcome(assembled(three.subarray(0, start), [a, b, c]))).toBe('application/zip');
    expect(await outcome(assembled(three.subarray(0, start), [a, c]))).toMatch(damaged);
  });

  test('an entry that lies in another, as in bombs without nesting, is damage', async () => {
    const inner = zip([{ name: 'b' }], { prefix: new Uint8Array(31) });
    const innerStart = offsetOf(inner, 'PK\x01\x02');
    const outer = zip([{ name: 'a', method: 'stored', content: inner.subarray(31, innerStart) }]);
    const outerStart = offsetOf(outer, 'PK\x01\x02');
    const records = [outer, inner].map((bytes) => bytes.subarray(offsetOf(bytes, 'PK\x01\x02'), -22));
    expect(await outcome(assembled(outer.subarray(0, outerStart), records.slice(0, 1)))).toBe('application/zip');
    expect(await outcome(assembled(outer.subarray(0, outerStart), records))).toMatch(damaged);
  });

  test('one without any file is whole, and so is one whose entries stand in another order', async () => {
    expect(await outcome(zip([]))).toBe('application/zip');
    const swapped = join(
      good.subarray(0, directory),
      good.subarray(directory + 47, end),
      good.subarray(directory, directory + 47),
      good.subarray(end),
    );
    expect(await outcome(swapped)).toBe('application/zip');
  });

  test.each(['../a', 'a/../../b', '/etc/passwd', 'C:\\a', '\\\\host\\a', 'a\\..\\b', 'a\0.txt', '..'])(
    'D19: a name that leaves the folder is refused: %j',
    async (name) => {
      expect(await outcome(zip([{ name: 'a' }, { name }]))).toMatch(/^unsafe_path/);
    },
  );

  test('D19: a link is refused, a file with two dots in its name is not', async () => {
    expect(await outcome(zip([{ name: 'a', mode: 0o120_777 }]))).toMatch(/^unsafe_path/);
    expect(await outcome(zip([{ name: 'a..b/c...d', mode: 0o100_644 }]))).toBe('application/zip');
  });

  test('files that lie in it as they are, are its own business', async () => {
    const stored = zip([{ name: 'a.html', content: '<html><script>%PDF-1.4', method: 'stored' }]);
    expect(await outcome(stored)).toBe('application/zip');
    expect(await outcome(zip([{ name: 'a.zip', content: good, method: 'stored' }]))).toBe('application/zip');
  });
});
