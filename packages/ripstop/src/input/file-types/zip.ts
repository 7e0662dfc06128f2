/** ZIP: PKWARE APPNOTE.TXT 6.3.10, §4.3 (records), §4.5.3 (ZIP64). The central directory rules; all must agree with it. */
import { fault, type FileBytes, unsafe } from './file-bytes.js';
import type { FileFacts, FileFormat } from './file-format.js';
import { readDirectory, type ZipDirectory } from './zip-end.js';

const localHeader = 'PK\x03\x04';
const centralHeader = 'PK\x01\x02';
const full32 = 0xffff_ffff;
const stored = 0;
/** General purpose flags: bit 0 encrypted, bit 3 the sizes stand behind the data. */
const encryptedFlag = 0x0001;
const descriptorFlag = 0x0008;
/** With signature and 64-bit sizes. */
const longestDescriptor = 24;

interface Entry {
  readonly method: number;
  readonly flags: number;
  readonly compressed: number;
  readonly uncompressed: number;
  readonly nameAt: number;
  readonly nameLength: number;
  /** Where the local header of the entry is. */
  readonly local: number;
  readonly end: number;
}

export const zip: FileFormat = {
  type: 'application/zip',
  extensions: ['zip'],
  aliases: ['application/x-zip-compressed', 'application/x-zip', 'multipart/x-zip'],
  matches: (file) => file.is(localHeader) || file.is('PK\x05\x06'),
  inspect(file, limits) {
    const directory = readDirectory(file);
    // Whoever compares the number of entries with what is allowed needs no entry read.
    if (directory.entries > limits.maxEntries) return { entries: directory.entries, end: directory.end };
    return { ...readEntries(file, directory), end: directory.end };
  },
};

function readEntries(file: FileBytes, { start, size, entries }: ZipDirectory): FileFacts {
  const found: Entry[] = [];
  let at = start;
  for (let index = 0; index < entries; index += 1) {
    const entry = readEntry(file, at);
    assertHarmlessName(file, entry, at);
    found.push(entry);
    at = entry.end;
  }
  if (at !== start + size) throw fault('the directory of the ZIP has a wrong size');
  assertPlaced(file, found, start);
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    entries,
    unpackedBytes: sum(found.map(({ uncompressed }) => uncompressed)),
    packedBytes: sum(found.map(({ compressed }) => compressed)),
  };
}

function readEntry(file: FileBytes, at: number): Entry {
  if (!file.is(centralHeader, at)) throw fault('the directory of the ZIP is not valid');
  const nameLength = file.u16le(at + 28);
  const extraAt = at + 46 + nameLength;
  const extraEnd = extraAt + file.u16le(at + 30);
  const end = extraEnd + file.u16le(at + 32);
  file.need(at, end - at);
  // ZIP64: a field of all ones stands, with 64 bits, in the extra field 1, in this order (§4.5.3).
  const wide = wideValues(file, extraAt, extraEnd);
  const value = (offset: number): number => {
    const narrow = file.u32le(at + offset);
    return narrow === full32 ? wide() : narrow;
  };
  const uncompressed = value(24);
  const compressed = value(20);
  const local = value(42);
  const [flags, method] = [file.u16le(at + 8), file.u16le(at + 10)];
  return { method, flags, compressed, uncompressed, nameAt: at + 46, nameLength, local, end };
}

function wideValues(file: FileBytes, start: number, end: number): () => number {
  let at = start;
  while (at + 4 <= end && file.u16le(at) !== 1) at += 4 + file.u16le(at + 2);
  const last = at + 4 <= end ? Math.min(end, at + 4 + file.u16le(at + 2)) : at;
  at += 4;
  return () => {
    if (at + 8 > last) throw fault('an entry of the ZIP has no size');
    at += 8;
    return file.u64le(at - 8);
  };
}

/** Entries lie one behind the other, from the first byte to the directory: nothing between, nothing twice (42.zip's kin). */
function assertPlaced(file: FileBytes, found: readonly Entry[], directory: number): void {
  let at = 0;
  for (const entry of [...found].sort((one, other) => one.local - other.local)) {
    if (entry.local !== at) throw fault('the entries of the ZIP overlap, or hide something between them');
    at = entryEnd(file, entry, directory);
  }
  if (at !== directory) throw fault('the ZIP hides something before its directory');
}

function entryEnd(file: FileBytes, entry: Entry, directory: number): number {
  const at = entry.local;
  if (!file.is(localHeader, at)) throw fault('an entry of the ZIP is not where the directory says');
  const dataAt = at + 30 + file.u16le(at + 26) + file.u16le(at + 28);
  const dataEnd = dataAt + entry.compressed;
  if (dataEnd > directory) throw fault('an entry of the ZIP is longer than the ZIP');
  assertSameHeader(file, entry);
  return (entry.flags & descriptorFlag) === 0 ? dataEnd : afterDescriptor(file, dataEnd, directory);
}

/** What readers of a stream believe (the local header) must be what readers of the directory believe. */
function assertSameHeader(file: FileBytes, { local, nameAt, nameLength, ...entry }: Entry): void {
  let same = file.u16le(local + 26) === nameLength && file.u16le(local + 8) === entry.method;
  for (let index = 0; same && index < nameLength; index += 1) {
    same = file.u8(local + 30 + index) === file.u8(nameAt + index);
  }
  const [compressed, uncompressed] = [file.u32le(local + 18), file.u32le(local + 22)];
  if ((entry.flags & descriptorFlag) === 0) {
    same &&= [entry.compressed, full32].includes(compressed) && [entry.uncompressed, full32].includes(uncompressed);
  }
  if (entry.method === stored && (entry.flags & encryptedFlag) === 0) same &&= entry.compressed === entry.uncompressed;
  if (!same) throw fault('an entry of the ZIP contradicts the directory');
}

/** A data descriptor has 12 to 24 bytes; what follows it is the next entry or the directory. */
function afterDescriptor(file: FileBytes, at: number, directory: number): number {
  for (let length = 12; length <= longestDescriptor; length += 4) {
    const next = at + length;
    if (next === directory || (next < directory && file.is(localHeader, next))) return next;
  }
  throw fault('an entry of the ZIP does not end where it should');
}

/** Names that leave the folder into which the ZIP is unpacked, and links that do. */
function assertHarmlessName(file: FileBytes, { nameAt, nameLength }: Entry, at: number): void {
  const name = file.text(nameAt, nameLength);
  const leaves = /^[\\/]|^[A-Za-z]:|\0/.test(name) || name.split(/[\\/]/).includes('..');
  const madeOnUnix = file.u8(at + 5) === 3;
  const isLink = madeOnUnix && file.u32le(at + 38) >>> 28 === 0xa;
  if (leaves || isLink) throw unsafe('unsafe_path', 'The ZIP holds a path that leaves its folder');
}
