/** Text has no signature: it is what no binary file is, valid UTF-8 without the control characters of binary data. */
import type { FileBytes } from './file-bytes.js';

/** So that no text is held twice, however long the file is. */
const pieceBytes = 64 * 1024;
const byteOrderMark = '\xef\xbb\xbf';

/**
 * Valid UTF-8 (RFC 3629), and none of the "binary data bytes" of https://mimesniff.spec.whatwg.org (§3): NUL and the C0
 * controls other than white space and ESC.
 */
export function isText(file: FileBytes): boolean {
  for (let at = 0; at < file.size; at += 1) if (isBinary(file.bytes[at] as number)) return false;
  return isUtf8(file.bytes);
}

/** Where the text begins: behind a byte order mark. */
export function textStart(file: FileBytes): number {
  return file.is(byteOrderMark) ? byteOrderMark.length : 0;
}

function isBinary(byte: number): boolean {
  return byte < 0x20 && (byte < 0x09 || byte === 0x0b || (byte > 0x0d && byte !== 0x1b));
}

function isUtf8(bytes: Uint8Array): boolean {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      decoder.decode(bytes.subarray(at, at + pieceBytes), { stream: true });
    }
    decoder.decode();
    return true;
  } catch {
    // A fatal decoder has no other way to say no.
    return false;
  }
}
