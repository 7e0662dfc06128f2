/** WebP: RFC 9649 (RIFF §2.3, VP8X and ANMF §2.7); key frame header: RFC 6386 §9.1; lossless header: RFC 9649 §3.4. */
import { fault, type FileBytes } from './file-bytes.js';
import type { FileFormat } from './file-format.js';

interface Size {
  width: number;
  height: number;
  frames: number;
}

export const webp: FileFormat = {
  type: 'image/webp',
  extensions: ['webp'],
  aliases: [],
  matches: (file) => file.is('RIFF') && file.is('WEBP', 8),
  inspect(file) {
    const length = file.u32le(4);
    // RIFF sizes are even; some writers forget the last padding byte, and the file ends where it ends.
    const end = Math.min(8 + length + (length % 2), Math.max(file.size, 8 + length));
    file.need(0, end);
    const size: Size = { width: 0, height: 0, frames: 0 };
    readChunks(file, 12, end, size);
    if (size.frames === 0) throw fault('the WebP has no picture');
    return { ...size, end };
  },
};

/** Chunks from `start` to `end`. Only ANMF has chunks of its own, and never another ANMF, so this ends. */
function readChunks(file: FileBytes, start: number, end: number, size: Size, inFrame = ''): void {
  for (let at = start; at < end; ) {
    const length = file.u32le(at + 4);
    const body = at + 8;
    if (body + length > end) throw fault('a chunk of the WebP is longer than what holds it');
    const name = file.text(at, 4);
    if (name === 'VP8X') grow(size, file.u24le(body + 4) + 1, file.u24le(body + 7) + 1);
    if (name === 'VP8 ') readLossy(file, body, size);
    if (name === 'VP8L') readLossless(file, body, size);
    if (name === 'ANMF') {
      if (inFrame !== '') throw fault('a frame of the WebP holds another');
      grow(size, file.u24le(body + 6) + 1, file.u24le(body + 9) + 1);
      readChunks(file, body + 16, body + length, size, name);
    }
    at = body + length + (length % 2);
  }
}

function readLossy(file: FileBytes, at: number, size: Size): void {
  const isKeyFrame = (file.u8(at) & 1) === 0;
  if (!isKeyFrame || !file.is('\x9d\x01\x2a', at + 3)) throw fault('a picture of the WebP is not valid');
  size.frames += 1;
  grow(size, file.u16le(at + 6) & 0x3fff, file.u16le(at + 8) & 0x3fff);
}

function readLossless(file: FileBytes, at: number, size: Size): void {
  if (file.u8(at) !== 0x2f) throw fault('a picture of the WebP is not valid');
  const bits = file.u32le(at + 1);
  size.frames += 1;
  grow(size, (bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
}

function grow(size: Size, width: number, height: number): void {
  size.width = Math.max(size.width, width);
  size.height = Math.max(size.height, height);
}
