import { expect, test } from 'vitest';
import { join, type Part } from '../../../../../test/fixtures/uploads/bytes.js';
import { pdf, zip } from '../../../../../test/fixtures/uploads/documents.js';
import {
  bmp,
  gif,
  jpeg,
  jpegSegment,
  png,
  pngChunk,
  riff,
  riffChunk,
  lossyChunk,
  webp,
} from '../../../../../test/fixtures/uploads/images.js';
import { flac, mp4 } from '../../../../../test/fixtures/uploads/sound.js';
import { type FileUploadOptions, validateFileUpload } from '../file-upload.js';
import { fileTypes } from './formats.js';
import type { UnsafeContent } from './polyglot.js';

async function outcome(bytes: Uint8Array, options: Partial<FileUploadOptions> = {}): Promise<unknown> {
  return validateFileUpload(bytes, { allowedTypes: fileTypes, ...options }).then(
    ({ type }) => type,
    ({ status, details }) => `${status} ${details?.reason}`,
  );
}

const allow = (...allowUnsafe: readonly UnsafeContent[]): Partial<FileUploadOptions> => ({ allowUnsafe });

const endings: readonly [string, Uint8Array][] = [
  ['PNG', png()],
  ['JPEG', jpeg()],
  ['GIF', gif()],
  ['WebP', webp()],
  ['BMP', bmp()],
  ['PDF', pdf()],
];

test.each(endings)('D19: a %s that goes on behind its end is refused unless allowed', async (_, bytes) => {
  const longer = join(bytes, 'x');
  expect(await outcome(longer)).toBe('400 trailing_data');
  expect(await outcome(longer, allow('trailing_data'))).toBe(await outcome(bytes));
  expect(await outcome(join(bytes, '\r\n \0\0'))).toBe(await outcome(bytes));
});

test.each(endings)(
  'D19: a %s with a ZIP behind it is refused, even if bytes behind it are allowed',
  async (_, bytes) => {
    const both = join(bytes, zip([{ name: 'Evil.class' }], { comment: 'x' }));
    expect(await outcome(both)).toBe('400 trailing_data');
    expect(await outcome(both, allow('trailing_data'))).toBe('400 polyglot');
    expect(await outcome(both, allow('trailing_data', 'polyglot'))).toBe(await outcome(bytes));
  },
);

test('D19: a ZIP in the last part of a picture is found, however it is wrapped', async () => {
  const archive = zip([{ name: 'a' }], { comment: '\xff\xd9' });
  const comment = jpegSegment(0xfe, archive.subarray(0, -2));
  const hidden = join(jpeg().subarray(0, -2), comment, '\xff\xd9');
  expect(await outcome(hidden)).toBe('400 polyglot');
  expect(await outcome(riff('WEBP', lossyChunk(), riffChunk('JUNK', zip([{ name: 'ab' }]))))).toBe('400 polyglot');
  expect(await outcome(join(flac(), zip([{ name: 'a' }])))).toBe('400 polyglot');
});

test('D19: a PDF in the first part of another file is refused unless allowed', async () => {
  const hidden = png({}, pngChunk('tEXt', '%PDF-1.7 '));
  expect(await outcome(hidden)).toBe('400 polyglot');
  expect(await outcome(hidden, allow('polyglot'))).toBe('image/png');
  expect(await outcome(mp4('isom', '\0\0\0\x10free%PDF-1.4'))).toBe('400 polyglot');
});

test.each<[string, (hidden: Part) => Uint8Array]>([
  ['PNG', (hidden) => png({}, pngChunk('tEXt', 'Comment\0', hidden))],
  ['JPEG', (hidden) => jpeg({}, jpegSegment(0xfe, hidden))],
  ['GIF', (hidden) => gif({}, 'GIF89a', 1, '!\xfe', [join(hidden).length], hidden, '\0')],
  ['WebP', (hidden) => riff('WEBP', riffChunk('EXIF', hidden), lossyChunk())],
])('D19: a %s that holds markup or a script is refused unless allowed', async (_, wrapped) => {
  for (const hidden of [
    '<script>',
    '<ScRiPt src=x>',
    '<?php eval();',
    '<!DOCTYPE html>',
    '<iframe/>',
    '<svg onload=x>',
    '<HTML>',
    '<body\t',
  ]) {
    expect(await outcome(wrapped(hidden)), hidden).toBe('400 markup');
    expect(await outcome(wrapped(hidden), allow('markup')), hidden).toMatch(/^image/);
  }
  for (const harmless of ['<x:xmpmeta>', '<?xpacket begin=""?>', '<scripture>', '<svgs', 'script', '<sCrip', '<']) {
    expect(await outcome(wrapped(harmless)), harmless).toMatch(/^image/);
  }
});

test('D19: a script is found anywhere in a picture, the shorter tags only where browsers look', async () => {
  const far = 'x'.repeat(3_000);
  expect(await outcome(png({}, pngChunk('tEXt', far, '<script>')))).toBe('400 markup');
  expect(await outcome(png({}, pngChunk('tEXt', far, '<svg>')))).toBe('image/png');
  expect(await outcome(pdf(`% ${far}<script>\n`))).toBe('application/pdf');
  expect(await outcome(pdf('% <script>\n'))).toBe('400 markup');
});
