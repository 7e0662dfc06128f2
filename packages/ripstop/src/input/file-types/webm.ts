/** WebM: an EBML header (RFC 8794 §11.2) whose document type is `webm`. Matroska in general is another type. */
import type { FileBytes } from './file-bytes.js';
import type { FileFormat } from './file-format.js';

const documentType = '\x42\x82';
/** Real headers have some 40 bytes. */
const longestHeader = 256;

export const webm: FileFormat = {
  type: 'video/webm',
  extensions: ['webm', 'weba'],
  aliases: ['audio/webm'],
  matches(file) {
    if (!file.is('\x1a\x45\xdf\xa3')) return false;
    const header = sizeAt(file, 4);
    if (header === undefined || header.value > longestHeader) return false;
    const end = Math.min(header.end + header.value, file.size);
    for (let at = header.end; at < end; ) {
      const name = file.is(documentType, at);
      const size = sizeAt(file, at + idLength(file.u8(at)));
      if (size === undefined) return false;
      if (name) return size.value >= 4 && file.is('webm', size.end);
      at = size.end + size.value;
    }
    return false;
  },
  inspect: () => ({}),
};

/** An element's name says its length by its leading zeros; so does a size, which then drops the marker bit. */
function idLength(first: number): number {
  return Math.min(4, Math.clz32(first) - 23);
}

function sizeAt(file: FileBytes, at: number): { readonly value: number; readonly end: number } | undefined {
  if (at >= file.size) return undefined;
  const first = file.u8(at);
  const length = Math.clz32(first) - 23;
  if (length > 8 || at + length > file.size) return undefined;
  let value = first & (0xff >> length);
  for (let index = 1; index < length; index += 1) value = value * 256 + file.u8(at + index);
  return { value, end: at + length };
}
