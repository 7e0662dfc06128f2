/** GIF87a and GIF89a: CompuServe, "Graphics Interchange Format, Version 89a" (1990). */
import { fault, type FileBytes } from './file-bytes.js';
import type { FileFormat } from './file-format.js';

const extension = 0x21;
const image = 0x2c;
const trailer = 0x3b;

export const gif: FileFormat = {
  type: 'image/gif',
  extensions: ['gif'],
  aliases: [],
  matches: (file) => file.is('GIF87a') || file.is('GIF89a'),
  inspect(file) {
    let width = file.u16le(6);
    let height = file.u16le(8);
    let frames = 0;
    for (let at = 13 + tableSize(file.u8(10)); ; ) {
      switch (file.u8(at)) {
        case extension:
          at = skipBlocks(file, at + 2);
          break;
        case image:
          // A frame may reach beyond the screen, and then decoders make the screen larger.
          width = Math.max(width, file.u16le(at + 1) + file.u16le(at + 5));
          height = Math.max(height, file.u16le(at + 3) + file.u16le(at + 7));
          frames += 1;
          at = skipPicture(file, at + 9);
          break;
        case trailer:
          if (frames === 0) throw fault('the GIF has no picture');
          return { width, height, frames, end: at + 1 };
        default:
          throw fault('the GIF has no block where one must stand');
      }
    }
  },
};

/** Bytes of the colour table that a packed field announces. */
function tableSize(packed: number): number {
  return packed & 0x80 ? 3 * 2 ** ((packed & 0x07) + 1) : 0;
}

function skipPicture(file: FileBytes, at: number): number {
  const codes = at + 1 + tableSize(file.u8(at));
  const codeSize = file.u8(codes);
  if (codeSize < 1 || codeSize > 11) throw fault('a picture of the GIF is not valid');
  return skipBlocks(file, codes + 1);
}

function skipBlocks(file: FileBytes, start: number): number {
  let at = start;
  for (let length = file.u8(at); length > 0; length = file.u8(at)) at += 1 + length;
  return at + 1;
}
