import { unusableFile } from './unusable-file.js';

/** A cursor over little-endian bytes. It refuses to leave them, so that a damaged length is an error and never a crash. */
export class ByteReader {
  offset = 0;
  private readonly bytes: Buffer;
  private readonly view: DataView;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  u8 = (): number => this.view.getUint8(this.take(1));
  i8 = (): number => this.view.getInt8(this.take(1));
  u16 = (): number => this.view.getUint16(this.take(2), true);
  i16 = (): number => this.view.getInt16(this.take(2), true);
  u32 = (): number => this.view.getUint32(this.take(4), true);
  i32 = (): number => this.view.getInt32(this.take(4), true);
  f32 = (): number => this.view.getFloat32(this.take(4), true);
  f64 = (): number => this.view.getFloat64(this.take(8), true);
  /** Beyond 2^53 the nearest number: only hashes are so large, and nobody counts with those. */
  u64 = (): number => Number(this.view.getBigUint64(this.take(8), true));
  i64 = (): number => Number(this.view.getBigInt64(this.take(8), true));
  bool = (): boolean => this.u8() !== 0;

  /** A length, and as many bytes of UTF-8. */
  string = (): string => {
    const length = this.count(1);
    const start = this.take(length);
    return this.bytes.toString('utf8', start, start + length);
  };

  /** A number of things that take at least `leastBytes` each, and so must fit into what is left. */
  count(leastBytes: number): number {
    const at = this.offset;
    const count = this.u64();
    if (count * leastBytes > this.remaining) throw unusableFile('a length points beyond its end', { offset: at });
    return count;
  }

  private take(length: number): number {
    const start = this.offset;
    if (length > this.remaining) throw unusableFile('it ends too early', { offset: start });
    this.offset += length;
    return start;
  }
}
