import { fileTypeFromBuffer } from 'file-type';
import { expect, test } from 'vitest';
import { binarySamples, samples, textSamples } from '../../../../../test/fixtures/uploads/samples.js';
import { validateFileUpload } from '../file-upload.js';
import { fileTypes } from './formats.js';

/** Where another reader says the same in other words. */
const oracleNames: Readonly<Record<string, string>> = {
  'audio/wav': 'audio/vnd.wave',
  'audio/ogg; codecs=opus': 'audio/ogg',
};

test.each(samples)('D18: $what is known as $type by its content', async ({ type, bytes }) => {
  expect(await validateFileUpload(bytes, { allowedTypes: fileTypes })).toMatchObject({ type, size: bytes.length });
});

test.each(binarySamples)('D18: another reader of signatures agrees that $what is $type', async ({ type, bytes }) => {
  const found = await fileTypeFromBuffer(bytes);
  const mime = found?.mime as string;
  expect(oracleNames[mime] ?? mime).toBe(oracleNames[type] ?? type);
});

test('D18: there is a sample of every type', () => {
  expect(new Set(samples.map(({ type }) => type))).toEqual(new Set(fileTypes));
  expect(textSamples.length).toBeGreaterThan(2);
});
