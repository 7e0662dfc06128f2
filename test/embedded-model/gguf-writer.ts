/** Writes small GGUF files for tests. */

export type FieldValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly f32s: readonly number[] }
  | { readonly i32s: readonly number[] };

export interface TensorSource {
  readonly shape: readonly number[];
  /** Default: F32 of `values`. */
  readonly type?: number;
  readonly data?: Buffer;
  readonly values?: readonly number[];
}

export interface GgufSource {
  readonly version?: number;
  readonly fields: Readonly<Record<string, FieldValue>>;
  readonly tensors: Readonly<Record<string, TensorSource>>;
}

const alignment = 32;

export function writeGguf({ version = 3, fields, tensors }: GgufSource): Buffer {
  const names = Object.keys(tensors);
  const data = names.map((name) => padded(tensorData(tensors[name])));
  const head = [
    Buffer.from('GGUF'),
    u32(version),
    u64(names.length),
    u64(Object.keys(fields).length),
    ...Object.entries(fields).flatMap(([key, value]) => [text(key), ...field(value)]),
  ];
  let offset = 0;
  names.forEach((name, index) => {
    const { shape, type = 0 } = tensors[name];
    head.push(text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset));
    offset += data[index]!.length;
  });
  return Buffer.concat([padded(Buffer.concat(head)), ...data]);
}

function tensorData({ data, values = [] }: TensorSource): Buffer {
  return data ?? Buffer.from(Float32Array.from(values).buffer);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((alignment - (bytes.length % alignment)) % alignment)]);
}

function field(value: FieldValue): Buffer[] {
  if ('u32' in value) return [u32(4), u32(value.u32)];
  if ('f32' in value) return [u32(6), f32(value.f32)];
  if ('bool' in value) return [u32(7), Buffer.from([value.bool ? 1 : 0])];
  if ('text' in value) return [u32(8), text(value.text)];
  if ('texts' in value) return [u32(9), u32(8), u64(value.texts.length), ...value.texts.map(text)];
  if ('f32s' in value) return [u32(9), u32(6), u64(value.f32s.length), ...value.f32s.map(f32)];
  return [u32(9), u32(5), u64(value.i32s.length), ...value.i32s.map((item) => u32(item >>> 0))];
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
