/** PNG: https://www.w3.org/TR/png-3/ (chunks §5, CRC-32 Annex D, IHDR §11.2.1, acTL §11.3.6.1). */
import { crc32 } from './crc32.js';
import { fault, type FileBytes } from './file-bytes.js';
import type { FileFormat } from './file-format.js';

const signature = '\x89PNG\r\n\x1a\n';

/** Bit depths by colour type. */
const depths: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
const palette = 3;

export const png: FileFormat = {
  type: 'image/png',
  extensions: ['png', 'apng'],
  aliases: ['image/apng', 'image/x-png'],
  matches: (file) => file.is(signature),
  inspect(file) {
    const header = readHeader(file);
    let frames = 1;
    let dataEnd: number | undefined;
    let hasPalette = false;
    for (let at = signature.length; ; ) {
      const { name, length, end } = readChunk(file, at);
      if (name === 'IEND') {
        if (length !== 0 || dataEnd === undefined) throw fault('the PNG has no picture');
        return { width: header.width, height: header.height, frames, end };
      }
      if (name === 'IHDR' && at > signature.length) throw fault('the PNG has two headers');
      if (name === 'PLTE') hasPalette = true;
      if (name === 'acTL') frames = Math.max(1, file.u32be(at + 8));
      if (name === 'IDAT') {
        if (dataEnd === undefined) assertZlib(file, at + 8, length);
        else if (dataEnd !== at) throw fault('the picture data of the PNG is torn apart');
        if (header.colour === palette && !hasPalette) throw fault('the PNG has no palette');
        dataEnd = end;
      }
      at = end;
    }
  },
};

function readHeader(file: FileBytes): { width: number; height: number; colour: number } {
  const at = signature.length + 8;
  if (!file.is('\0\0\0\x0dIHDR', signature.length)) throw fault('the PNG does not begin with its header');
  const [width, height, depth, colour] = [file.u32be(at), file.u32be(at + 4), file.u8(at + 8), file.u8(at + 9)];
  const sound = depths[colour]?.includes(depth) && file.u8(at + 10) === 0 && file.u8(at + 11) === 0;
  if (!sound || file.u8(at + 12) > 1) throw fault('the header of the PNG is not valid');
  return { width, height, colour };
}

function readChunk(file: FileBytes, at: number): { name: string; length: number; end: number } {
  const length = file.u32be(at);
  const name = file.text(at + 4, 4);
  if (!/^[A-Za-z]{4}$/.test(name)) throw fault('a chunk of the PNG has no valid name');
  const checksum = file.u32be(at + 8 + length);
  if (crc32(file.bytes, at + 4, at + 8 + length) !== checksum) throw fault('a checksum of the PNG is wrong');
  return { name, length, end: at + 12 + length };
}

/** The two bytes before any deflated picture (RFC 1950 §2.2). */
function assertZlib(file: FileBytes, at: number, length: number): void {
  if (length < 2) return;
  const flags = file.u16be(at);
  if (((flags >> 8) & 0x0f) !== 8 || flags % 31 !== 0) throw fault('the picture data of the PNG is not compressed');
}
