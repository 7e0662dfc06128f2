/** TIFF: Adobe, "TIFF Revision 6.0" (1992), §2 (structure), §8 (baseline fields), §15 (tiles). */
import { fault, type FileBytes } from './file-bytes.js';
import type { FileFormat, FileLimits } from './file-format.js';

const tags = {
  width: 256,
  height: 257,
  stripOffsets: 273,
  stripBytes: 279,
  tileOffsets: 324,
  tileBytes: 325,
  below: 330,
};

/** Bytes of one value, by field type (1 BYTE … 12 DOUBLE, 13 IFD). */
const typeSizes: readonly number[] = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];
const entrySize = 12;

export const tiff: FileFormat = {
  type: 'image/tiff',
  extensions: ['tiff', 'tif'],
  aliases: ['image/tiff-fx', 'image/x-tiff'],
  matches: (file) => file.is('II*\0') || file.is('MM\0*'),
  inspect: (file, limits) => new Directories(file, limits).walk(),
};

/** Where the values of a field stand, and how many there are. */
interface Field {
  readonly type: number;
  readonly count: number;
  readonly at: number;
}

class Directories {
  private readonly file: FileBytes;
  private readonly limits: FileLimits;
  private readonly isLittle: boolean;
  private readonly seen = new Set<number>();
  private width = 0;
  private height = 0;
  /** Pages may share their tables: together they may not be read longer than the file is. */
  private unread: number;

  constructor(file: FileBytes, limits: FileLimits) {
    this.file = file;
    this.limits = limits;
    this.isLittle = file.is('II');
    this.unread = file.size;
  }

  walk(): { width: number; height: number; frames: number } {
    const waiting = [this.u32(4)];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      // 0 ends a chain of directories.
      if (at === 0) continue;
      if (this.seen.has(at)) throw fault('the pages of the TIFF form a loop');
      this.seen.add(at);
      for (const next of this.directory(at)) waiting.push(next);
      // One more than allowed is enough to be refused, by whoever compares them.
      if (this.seen.size > this.limits.maxFrames) break;
    }
    if (this.seen.size === 0) throw fault('the TIFF has no picture');
    return { width: this.width, height: this.height, frames: this.seen.size };
  }

  /** Checks one page, and returns the offsets of those that follow it. */
  private directory(at: number): number[] {
    const count = this.u16(at);
    const end = at + 2 + count * entrySize;
    if (count === 0) throw fault('a page of the TIFF is empty');
    this.spend(count * entrySize);
    const fields = new Map<number, Field>();
    for (let entry = at + 2; entry < end; entry += entrySize) fields.set(this.u16(entry), this.field(entry));

    const [width, height] = [this.first(fields.get(tags.width)), this.first(fields.get(tags.height))];
    if (width === undefined || height === undefined) throw fault('a page of the TIFF has no size');
    this.width = Math.max(this.width, width);
    this.height = Math.max(this.height, height);
    this.assertData(fields.get(tags.stripOffsets) ?? fields.get(tags.tileOffsets), fields);
    return [this.u32(end), ...this.values(fields.get(tags.below))];
  }

  /** A value of up to four bytes stands in the entry itself. */
  private field(entry: number): Field {
    const [type, count] = [this.u16(entry + 2), this.u32(entry + 4)];
    const bytes = count * (typeSizes[type] ?? 0);
    const at = bytes <= 4 ? entry + 8 : this.u32(entry + 8);
    this.file.need(at, bytes);
    return { type, count, at };
  }

  private assertData(offsets: Field | undefined, fields: ReadonlyMap<number, Field>): void {
    if (offsets === undefined) throw fault('a page of the TIFF has no picture');
    const sizes = this.values(fields.get(tags.stripBytes) ?? fields.get(tags.tileBytes));
    const starts = this.values(offsets);
    if (starts.length === 0 || starts.length !== sizes.length) throw fault('a page of the TIFF has no picture');
    for (const [index, start] of starts.entries()) this.file.need(start, sizes[index] ?? 0);
  }

  private values(field: Field | undefined): number[] {
    if (field === undefined) return [];
    const size = typeSizes[field.type] ?? 0;
    if (size !== 2 && size !== 4) throw fault('a field of the TIFF has a wrong type');
    this.spend(field.count * size);
    return Array.from({ length: field.count }, (_, index) => this.value(field, index * size));
  }

  private first(field: Field | undefined): number | undefined {
    return field === undefined || field.count === 0 ? undefined : this.value(field, 0);
  }

  private value({ type, at }: Field, offset: number): number {
    const size = typeSizes[type];
    if (size === 1) return this.file.u8(at + offset);
    return size === 2 ? this.u16(at + offset) : this.u32(at + offset);
  }

  private spend(bytes: number): void {
    this.unread -= bytes;
    if (this.unread < 0) throw fault('the pages of the TIFF share their tables');
  }

  private u16(at: number): number {
    return this.isLittle ? this.file.u16le(at) : this.file.u16be(at);
  }

  private u32(at: number): number {
    return this.isLittle ? this.file.u32le(at) : this.file.u32be(at);
  }
}
