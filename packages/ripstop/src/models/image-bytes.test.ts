import { afterEach, expect, test, vi } from 'vitest';
import { base64Of, imageType } from './image-bytes.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

const heads: Readonly<Record<string, string>> = {
  'image/png': '\x89PNG\r\n\x1a\n\0\0\0\r',
  'image/jpeg': '\xff\xd8\xff\xe0\0\x10JFIF\0\x01',
  'image/webp': 'RIFF\x24\0\0\0WEBPVP8 ',
  'image/gif': 'GIF89a\x01\0\x01\0\x80\0',
};

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

test('R108: a picture is known by its first bytes, in base64 too', () => {
  for (const [type, head] of Object.entries(heads)) {
    expect(imageType(bytesOf(head))).toBe(type);
    expect(imageType(Buffer.from(head, 'latin1').toString('base64'))).toBe(type);
  }
  for (const other of ['', 'BM', '%PDF-1.7 abcd', '{"error":"no"}', 'RIFF\x24\0\0\0WAVEfmt '])
    expect(imageType(bytesOf(other))).toBeUndefined();
});

test('R108: bytes become the same base64 with and without Node', () => {
  const bytes = Uint8Array.from({ length: 100_003 }, (_, index) => (index * 7) % 256).subarray(2);
  const expected = Buffer.from(bytes).toString('base64');
  expect(base64Of(bytes)).toBe(expected);
  vi.stubGlobal('Buffer', undefined);
  expect(base64Of(bytes)).toBe(expected);
});
