/** The bytes of one file, read with bounds: whoever reads past the end has found a damaged file, not a bug. */
import { InvalidInputError } from '../../errors/input-errors.js';

/** Any offset above this is no offset in a file. */
const largestOffset = Number.MAX_SAFE_INTEGER;

/** Numbers and names in a file's bytes. Every read beyond the end throws the file's own `fault`. */
export class FileBytes {
  readonly bytes: Uint8Array;
  readonly size: number;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.size = bytes.length;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Asserts that `length` bytes stand at `at`. */
  need(at: number, length: number): void {
    if (!(at >= 0 && length >= 0 && at + length <= this.size)) throw fault('it ends too soon');
  }

  u8(at: number): number {
    this.need(at, 1);
    return this.view.getUint8(at);
  }

  u16be(at: number): number {
    this.need(at, 2);
    return this.view.getUint16(at);
  }

  u16le(at: number): number {
    this.need(at, 2);
    return this.view.getUint16(at, true);
  }

  u24le(at: number): number {
    return this.u16le(at) + this.u8(at + 2) * 0x1_00_00;
  }

  u32be(at: number): number {
    this.need(at, 4);
    return this.view.getUint32(at);
  }

  u32le(at: number): number {
    this.need(at, 4);
    return this.view.getUint32(at, true);
  }

  i32le(at: number): number {
    this.need(at, 4);
    return this.view.getInt32(at, true);
  }

  u64be(at: number): number {
    return safe(this.u32be(at) * 2 ** 32 + this.u32be(at + 4));
  }

  u64le(at: number): number {
    return safe(this.u32le(at + 4) * 2 ** 32 + this.u32le(at));
  }

  /** Bytes as Latin-1, one character each. */
  text(at: number, length: number): string {
    this.need(at, length);
    let text = '';
    for (let index = at; index < at + length; index += 1) text += String.fromCharCode(this.view.getUint8(index));
    return text;
  }

  /** Does this stand at `at`? Past the end it does not. `expected` is Latin-1. */
  is(expected: string, at = 0): boolean {
    if (at < 0 || at + expected.length > this.size) return false;
    for (let index = 0; index < expected.length; index += 1) {
      if (this.bytes[at + index] !== expected.charCodeAt(index)) return false;
    }
    return true;
  }

  /** The first offset in `from`…`to` at which this stands, or −1. */
  find(expected: string, from = 0, to: number = this.size): number {
    const first = expected.charCodeAt(0);
    // Cut off, since a search for the first byte would run on to the end of the file.
    const bytes = this.bytes.subarray(0, Math.max(0, Math.min(to, this.size) - expected.length + 1));
    for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
      if (this.is(expected, at)) return at;
    }
    return -1;
  }

  /** The last offset in `from`…`to` at which this stands, or −1. */
  findLast(expected: string, from = 0, to: number = this.size): number {
    for (let at = Math.min(to, this.size) - expected.length; at >= Math.max(0, from); at -= 1) {
      if (this.is(expected, at)) return at;
    }
    return -1;
  }

  /** The first byte from `at` on that is neither NUL nor white space, or the end: such padding hides nothing. */
  skipPadding(at: number): number {
    let index = at;
    while (index < this.size && isPadding(this.bytes[index])) index += 1;
    return index;
  }
}

function isPadding(byte: number | undefined): boolean {
  return byte === 0x00 || byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function safe(offset: number): number {
  if (offset > largestOffset) throw fault('it ends too soon');
  return offset;
}

/** The structure of a file is broken. `what` continues the sentence "The file is damaged: …" and holds no content. */
export function fault(what: string): InvalidInputError {
  return new InvalidInputError(`The file is damaged: ${what}`, { details: { reason: 'damaged' } });
}

/** The file is well formed and made to do harm. */
export function unsafe(reason: string, message: string): InvalidInputError {
  return new InvalidInputError(message, { details: { reason } });
}
