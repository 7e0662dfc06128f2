/** The end of a ZIP: PKWARE APPNOTE.TXT §4.3.14–16. Also where a ZIP hides in another file. */
import { fault, type FileBytes } from './file-bytes.js';

/** Where the central directory stands. */
export interface ZipDirectory {
  readonly start: number;
  readonly size: number;
  readonly entries: number;
  /** Where the ZIP ends, comment included. */
  readonly end: number;
}

const signature = 'PK\x05\x06';
const recordSize = 22;
const longestComment = 0xffff;
const locatorSize = 20;

/**
 * @throws InvalidInputError 400 where there is none, or where it contradicts itself.
 */
export function readDirectory(file: FileBytes): ZipDirectory {
  const at = findEnd(file);
  if (at === undefined) throw fault('the ZIP has no directory');
  const wide = file.is('PK\x06\x07', at - locatorSize) ? file.u64le(at - locatorSize + 8) : undefined;
  const end = at + recordSize + file.u16le(at + 20);
  if (wide === undefined) {
    const [disk, first, here, entries] = [4, 6, 8, 10].map((offset) => file.u16le(at + offset));
    if (disk !== 0 || first !== 0 || here !== entries) throw fault('the ZIP is one part of several');
    return placed({ start: file.u32le(at + 16), size: file.u32le(at + 12), entries: entries ?? 0, end }, at);
  }
  if (!file.is('PK\x06\x06', wide)) throw fault('the ZIP has no directory');
  const directory = { start: file.u64le(wide + 48), size: file.u64le(wide + 40), entries: file.u64le(wide + 32), end };
  return placed(directory, wide);
}

/** The directory ends where its end record begins: nothing before the first entry shifts the offsets. */
function placed(directory: ZipDirectory, endRecord: number): ZipDirectory {
  if (directory.start + directory.size !== endRecord) throw fault('the directory of the ZIP is not where it should be');
  return directory;
}

/**
 * Would readers of ZIPs open this file, of whatever type? They look for an end record from behind, and many do not mind
 * bytes after its comment; so any counts before which a directory stands.
 */
export function hidesZip(file: FileBytes): boolean {
  const first = Math.max(0, file.size - recordSize - longestComment);
  for (let at = file.find(signature, first); at >= 0; at = file.find(signature, at + 1)) {
    if (at + recordSize <= file.size && file.is('PK\x01\x02', at - file.u32le(at + 12))) return true;
  }
  return false;
}

/** The end record whose comment reaches to the end of the file. */
function findEnd(file: FileBytes): number | undefined {
  const first = Math.max(0, file.size - recordSize - longestComment);
  for (let at = file.size - recordSize; at >= first; at -= 1) {
    if (file.is(signature, at) && at + recordSize + file.u16le(at + 20) === file.size) return at;
  }
  return undefined;
}
