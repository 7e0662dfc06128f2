import { expect, test } from 'vitest';
import { join } from '../../../../../test/fixtures/uploads/bytes.js';
import { box } from '../../../../../test/fixtures/uploads/images.js';
import { mp3, mp4, ogg, webm } from '../../../../../test/fixtures/uploads/sound.js';
import { validateFileUpload } from '../file-upload.js';
import { fileTypes } from './formats.js';

async function outcome(bytes: Uint8Array): Promise<unknown> {
  return validateFileUpload(bytes, { allowedTypes: fileTypes }).then(
    ({ type }) => type,
    ({ details }) => details?.reason,
  );
}

test('D18: eleven set bits alone are no MP3', async () => {
  expect(await outcome(mp3().subarray(0, 417))).toBe('audio/mpeg');
  expect(await outcome(join(mp3().subarray(0, 417), 'no frame'))).toBe('type_not_allowed');
  expect(await outcome(join([0xff, 0xf1, 0x50, 0x80], new Uint8Array(500)))).toBe('type_not_allowed');
  expect(await outcome(join([0xff, 0xfe, 0x41, 0x00, 0x42, 0x00]))).toBe('type_not_allowed');
  expect(await outcome(join('ID3\x04\0\0\0\0\0\x05', 'aaaaa', 'fLaC'))).toBe('type_not_allowed');
  expect(await outcome(join('ID3\x04\0\0\x80\0\0\0'))).toBe('type_not_allowed');
  expect(await outcome(join('ID3\x04'))).toBe('type_not_allowed');
});

test('D18: slower MP3s have frames of other lengths', async () => {
  for (const [header, length] of [
    [[0xff, 0xf3, 0x80, 0x00], 208],
    [[0xff, 0xe3, 0x80, 0x00], 417],
  ] as const) {
    const frame = join(header, new Uint8Array(length - 4));
    expect(await outcome(join(frame, frame))).toBe('audio/mpeg');
    expect(await outcome(join(frame, [0], frame))).toBe('type_not_allowed');
  }
});

test('D18: Ogg with film, Matroska and QuickTime are other types', async () => {
  expect(await outcome(ogg('\x80theora\x03\x02\x01'))).toBe('type_not_allowed');
  expect(await outcome(webm('matroska'))).toBe('type_not_allowed');
  expect(await outcome(mp4('qt  '))).toBe('type_not_allowed');
});

test('D18: a WebM header that ends too soon, or names no type, is none', async () => {
  const good = webm();
  for (let length = 4; length < 20; length += 1)
    expect(await outcome(good.subarray(0, length))).toBe('type_not_allowed');
  expect(await outcome(join([0x1a, 0x45, 0xdf, 0xa3, 0x00]))).toBe('type_not_allowed');
  expect(await outcome(join([0x1a, 0x45, 0xdf, 0xa3, 0x83, 0x42, 0x86, 0x80, 1, 2, 3]))).toBe('type_not_allowed');
});

test('D18: an MP4 without an index, or with a box that does not fit, is damaged', async () => {
  expect(await outcome(join(box('ftyp', 'isom', '\0\0\0\0', 'isom'), box('mdat', 'x')))).toBe('damaged');
  expect(await outcome(mp4().subarray(0, -1))).toBe('damaged');
});
