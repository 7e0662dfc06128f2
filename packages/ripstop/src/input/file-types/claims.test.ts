import { expect, test } from 'vitest';
import { zip } from '../../../../../test/fixtures/uploads/documents.js';
import { jpeg, png } from '../../../../../test/fixtures/uploads/images.js';
import { mp4 } from '../../../../../test/fixtures/uploads/sound.js';
import { samples } from '../../../../../test/fixtures/uploads/samples.js';
import { type FileUploadOptions, type FileUploadSource, validateFileUpload } from '../file-upload.js';
import { fileTypes } from './formats.js';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

async function outcome(source: FileUploadSource, options: Partial<FileUploadOptions>): Promise<unknown> {
  return validateFileUpload(source, { allowedTypes: fileTypes, ...options }).then(
    ({ type }) => type,
    ({ status, details }) => ({ status, ...details }),
  );
}

test.each(samples)('D19: $what agrees with its own type and extension', async ({ type, bytes }) => {
  const { extension } = await validateFileUpload(bytes, { allowedTypes: fileTypes, declaredType: type });
  expect(
    await outcome(bytes, { declaredType: `${type.toUpperCase()}; x=y`, fileName: `a.b.${extension.toUpperCase()}` }),
  ).toBe(type);
});

test('D19: a declared type that is not the content’s is refused', async () => {
  expect(await outcome(png(), { declaredType: 'image/jpeg' })).toEqual({
    status: 415,
    reason: 'type_mismatch',
    detected_type: 'image/png',
    declared_type: 'image/jpeg',
  });
  expect(await outcome(png(), { declaredType: 'font/woff2' })).toMatchObject({ status: 415, reason: 'type_mismatch' });
  expect(await outcome(text('hello'), { declaredType: 'image/png' })).toMatchObject({ detected_type: 'text/plain' });
  expect(await outcome(png(), { declaredType: 'text/plain' })).toMatchObject({ declared_type: 'text/plain' });
});

test('D19: a name that says something else than the content is refused, whatever else it says before', async () => {
  for (const fileName of ['a.jpg', 'a.png.exe', 'a.php', 'a.png.', 'a.svg', 'a.a/b']) {
    const expected = fileName === 'a.png.' || fileName === 'a.a/b' ? 'image/png' : { reason: 'type_mismatch' };
    expect(await outcome(png(), { fileName }), fileName).toEqual(
      typeof expected === 'string' ? expected : expect.objectContaining(expected),
    );
  }
  expect(await outcome(zip([{ name: 'a' }]), { fileName: 'a.jar' })).toMatchObject({ extension: 'jar' });
  expect(await outcome(zip([{ name: 'a' }]), { fileName: 'a.docx' })).toMatchObject({ extension: 'docx' });
});

test('D19: an extension is shown only if it is one', async () => {
  const told = await outcome(png(), { fileName: 'a.<script>alert(1)' });
  expect(told).toEqual({ status: 415, reason: 'type_mismatch', detected_type: 'image/png' });
});

test('D19: a name that hides its extension is refused', async () => {
  for (const fileName of ['a.php\0.png', 'a\u202egnp.exe', 'a.exe\r\n.png']) {
    expect(await outcome(png(), { fileName })).toEqual({ status: 400, reason: 'file_name' });
  }
});

test('D19: the name and type of a File count, unless others are given', async () => {
  const content = Buffer.from(jpeg());
  const file = (name: string, type: string): File => new File([content], name, { type });
  expect(await outcome(file('a.jpg', 'image/jpeg'), {})).toBe('image/jpeg');
  expect(await outcome(file('a.png', 'image/jpeg'), {})).toMatchObject({ extension: 'png' });
  expect(await outcome(file('a.jpg', 'image/png'), {})).toMatchObject({ declared_type: 'image/png' });
  expect(await outcome(file('a.jpg', 'image/png'), { declaredType: 'image/jpeg' })).toBe('image/jpeg');
});

test('D19: what says nothing contradicts nothing', async () => {
  for (const declaredType of [null, undefined, '', 'application/octet-stream', 'binary/octet-stream; a=b']) {
    expect(await outcome(png(), { declaredType, fileName: 'picture' })).toBe('image/png');
  }
  expect(await outcome(png(), { fileName: null })).toBe('image/png');
});

test('D19: other names of a type are as good', async () => {
  expect(await outcome(jpeg(), { declaredType: 'image/pjpeg', fileName: 'a.JPEG' })).toBe('image/jpeg');
  expect(await outcome(zip([{ name: 'a' }]), { declaredType: 'application/x-zip-compressed' })).toBe('application/zip');
  expect(await outcome(mp4('M4A '), { declaredType: 'audio/x-m4a', fileName: 'a.m4a' })).toBe('video/mp4');
});

test('D18: a text is the kind of text that it is said to be', async () => {
  const json = text('[1, 2]');
  const csv = text('a,b\n1,2\n');
  expect(await outcome(json, {})).toBe('application/json');
  expect(await outcome(json, { fileName: 'a.txt' })).toBe('text/plain');
  expect(await outcome(json, { declaredType: 'text/plain', fileName: 'a.json' })).toBe('application/json');
  expect(await outcome(csv, {})).toBe('text/csv');
  expect(await outcome(csv, { declaredType: 'application/vnd.ms-excel', fileName: 'a.csv' })).toBe('text/csv');
  expect(await outcome(csv, { declaredType: 'text/markdown' })).toBe('text/plain');
  expect(await outcome(text('only one column\nof words\n'), { fileName: 'a.csv' })).toBe('text/csv');
  expect(await outcome(text('{}'), { fileName: 'a.json', declaredType: 'text/csv' })).toMatchObject({
    reason: 'type_mismatch',
  });
});

test('D18: unsaid, a text is the first allowed kind that it looks like', async () => {
  const json = text('[1, 2]');
  expect(await outcome(json, { allowedTypes: ['text/plain'] })).toBe('text/plain');
  expect(await outcome(json, { allowedTypes: ['text/csv'] })).toMatchObject({
    status: 415,
    detected_type: 'text/plain',
  });
  expect(await outcome(text('42'), { allowedTypes: ['application/json'] })).toBe('application/json');
  expect(await outcome(text('a,b\n1\n'), { allowedTypes: ['text/csv', 'text/plain'] })).toBe('text/plain');
});
