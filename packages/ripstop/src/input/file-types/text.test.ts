import { expect, test } from 'vitest';
import { join } from '../../../../../test/fixtures/uploads/bytes.js';
import { type FileUploadOptions, validateFileUpload } from '../file-upload.js';
import { fileTypes } from './formats.js';

async function outcome(bytes: Uint8Array | string, options: Partial<FileUploadOptions> = {}): Promise<unknown> {
  const content = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  return validateFileUpload(content, { allowedTypes: fileTypes, ...options }).then(
    ({ type }) => type,
    ({ status, message, details }) => ({ status, message, ...details }),
  );
}

test('D18: text is valid UTF-8 without control characters', async () => {
  expect(await outcome('\ufeffÜber\tdas\r\nhinaus \u001b[1m…\f')).toBe('text/plain');
  for (const bytes of [
    join('a\0b'),
    join('a\x01'),
    join([0xc3]),
    join([0xed, 0xa0, 0x80]),
    join([0xff, 0xfe, 0x41, 0]),
  ]) {
    expect(await outcome(bytes)).toMatchObject({ status: 415, detected_type: null });
  }
});

test('D18: a character that straddles the pieces in which a text is read is whole', async () => {
  const piece = 64 * 1024;
  expect(await outcome(`${'a'.repeat(piece - 1)}ü${'a'.repeat(piece)}`)).toBe('text/plain');
  expect(await outcome(join('a'.repeat(piece - 1), [0xc3]))).toMatchObject({ status: 415 });
});

test('D18: a JSON says where it breaks, and one that is nested too deep is refused', async () => {
  const options = { declaredType: 'application/json' };
  expect(await outcome('{"a": 1,\n "b" 2}', options)).toMatchObject({
    status: 400,
    message: 'The file is damaged: the JSON breaks at line 2, column 6',
  });
  expect(await outcome('[1, 2', options)).toMatchObject({
    message: 'The file is damaged: the JSON ends too soon at line 1, column 6',
  });
  expect(await outcome('['.repeat(129) + ']'.repeat(129), options)).toMatchObject({
    status: 400,
    reason: 'too_deep',
    max_depth: 128,
  });
  expect(await outcome('['.repeat(1_000_000), options)).toMatchObject({
    status: 400,
    reason: 'too_deep',
    max_depth: 128,
  });
  expect(await outcome(`[${'1,'.repeat(200_000)}1]`, options)).toBe('application/json');
});

test('D18: a CSV may be ragged and hold quotes, but each quoted field must end', async () => {
  const options = { fileName: 'a.csv' };
  for (const csv of ['a,b\n1\n', 'a;"b\n""c"";"\r1;2', '5" pipe,3\n', '\n\n', 'a\tb', '"a"|"b"\n"c"|', '""']) {
    expect(await outcome(csv, options), csv).toBe('text/csv');
  }
  for (const csv of ['a,"b\n', '"a"b,c\n', '"']) {
    expect(await outcome(csv, options), csv).toMatchObject({
      status: 400,
      message: 'The file is damaged: a quoted field of the CSV has no end',
    });
  }
});

test.each([
  '<svg xmlns="http://www.w3.org/2000/svg"/>',
  '\ufeff \n<?xml version="1.0"?>\n<!-- a > b -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">\n<svg/>',
  '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "<html>">]><x:svg xmlns:x="http://www.w3.org/2000/svg"/>',
  `<!--${' '.repeat(5_000)}--><SVG>`,
])('D19: SVG is refused, however it begins (%#)', async (svg) => {
  expect(await outcome(svg, { allowedTypes: ['image/png', 'text/plain'] })).toEqual({
    status: 415,
    message: 'File type not allowed. Allowed types: image/png, text/plain',
    reason: 'active_content',
    allowed_types: ['image/png', 'text/plain'],
    detected_type: 'image/svg+xml',
  });
  expect(await outcome(svg, { allowUnsafe: ['svg'], fileName: 'a.svg' })).toBe('image/svg+xml');
  expect(await outcome(svg, { allowUnsafe: ['html'] })).toMatchObject({ reason: 'active_content' });
});

test.each([
  '<!doctype HTML><p>',
  '  <html>',
  '<script>alert(1)</script>',
  '<!-- a comment',
  '<B>',
  '<body\tonload=x>',
  '<?xml?><html/>',
])('D19: HTML is refused, as browsers know it: %s', async (html) => {
  expect(await outcome(html)).toMatchObject({ status: 415, reason: 'active_content', detected_type: 'text/html' });
  expect(await outcome(html, { fileName: 'a.txt' })).toMatchObject({ status: 415, reason: 'active_content' });
  expect(await outcome(html, { allowUnsafe: ['html'], allowedTypes: [] })).toBe('text/html');
});

test('D19: other XML is none of the types, and a text that only speaks of tags is a text', async () => {
  expect(await outcome('<?xml version="1.0"?><note/>')).toMatchObject({
    status: 415,
    detected_type: 'application/xml',
  });
  expect(await outcome('How do I close a <script> tag?')).toBe('text/plain');
  expect(await outcome('<3 is a heart, <bold> is no tag')).toBe('text/plain');
  expect(await outcome('{"html": "<html><script>"}')).toBe('application/json');
});

test('D19: a text that PDF readers would open is refused unless allowed', async () => {
  const text = 'Some words before\n%PDF-1.4\n';
  expect(await outcome(text)).toMatchObject({ status: 400, reason: 'polyglot' });
  expect(await outcome(text, { allowUnsafe: ['polyglot'] })).toBe('text/plain');
});
