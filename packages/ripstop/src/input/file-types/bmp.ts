/** BMP: Microsoft, "Bitmap Storage" (BITMAPFILEHEADER, BITMAPCOREHEADER, BITMAPINFOHEADER, BITMAPV5HEADER). */
import { fault, type FileBytes } from './file-bytes.js';
import type { FileFormat } from './file-format.js';

const core = 12;
const headerSizes: readonly number[] = [core, 40, 52, 56, 64, 108, 124];
const depths: readonly number[] = [1, 2, 4, 8, 16, 24, 32];
/** BI_RLE8 and BI_RLE4. BI_JPEG and BI_PNG (4, 5) are for printers: a picture in a picture. */
const runLength: readonly number[] = [1, 2];
/** BI_RGB, BI_BITFIELDS, BI_ALPHABITFIELDS. */
const plain: readonly number[] = [0, 3, 6];

export const bmp: FileFormat = {
  type: 'image/bmp',
  extensions: ['bmp', 'dib'],
  aliases: ['image/x-ms-bmp', 'image/x-bmp', 'image/x-windows-bmp'],
  // Two letters are no signature, so the header's size must be one that exists.
  matches: (file) => file.is('BM') && file.size >= 18 && headerSizes.includes(file.u32le(14)),
  inspect(file) {
    const header = file.u32le(14);
    const { width, height, planes, depth } = header === core ? readCore(file) : readInfo(file);
    if (planes !== 1 || !depths.includes(depth)) throw fault('the header of the BMP is not valid');
    const compression = header === core ? 0 : file.u32le(30);
    const pixels = file.u32le(10);
    if (pixels < 14 + header) throw fault('the pixels of the BMP overlap its header');
    const end = pixels + pixelBytes(file, { width, height, depth, compression });
    file.need(0, end);
    return { width, height, frames: 1, end: Math.max(end, profileEnd(file, header)) };
  },
};

interface Header {
  readonly width: number;
  readonly height: number;
  readonly planes: number;
  readonly depth: number;
}

function readCore(file: FileBytes): Header {
  return { width: file.u16le(18), height: file.u16le(20), planes: file.u16le(22), depth: file.u16le(24) };
}

/** A negative height means that the first row is the top one. */
function readInfo(file: FileBytes): Header {
  const [width, height] = [file.i32le(18), Math.abs(file.i32le(22))];
  if (width < 0) throw fault('the header of the BMP is not valid');
  return { width, height, planes: file.u16le(26), depth: file.u16le(28) };
}

function pixelBytes(
  file: FileBytes,
  { width, height, depth, compression }: Omit<Header, 'planes'> & { readonly compression: number },
): number {
  if (runLength.includes(compression)) return file.u32le(34);
  if (!plain.includes(compression)) throw fault('the compression of the BMP is not supported');
  return Math.ceil((width * depth) / 32) * 4 * height;
}

/** A colour profile may stand behind the pixels (BITMAPV5HEADER; its offset counts from the header). */
function profileEnd(file: FileBytes, header: number): number {
  if (header < 124) return 0;
  const [offset, size] = [file.u32le(14 + 112), file.u32le(14 + 116)];
  if (size === 0) return 0;
  file.need(14 + offset, size);
  return 14 + offset + size;
}
