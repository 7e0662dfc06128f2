import { ByteReader } from './byte-reader.js';
import { tensorBytes } from './tensor-types.js';
import { unusableFile } from './unusable-file.js';

export type GgufValue = number | string | boolean | readonly GgufValue[];

export interface GgufTensor {
  readonly name: string;
  /** The fastest dimension first: `[columns, rows]`. */
  readonly shape: readonly number[];
  /** The number of its ggml type. */
  readonly type: number;
  readonly elements: number;
  /** Where its data starts, from the start of the file. */
  readonly offset: number;
}

/** What stands before the weights. */
export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const magic = 0x46554747; // "GGUF", little-endian
const maxDimensions = 4;
const maxNesting = 4;

/**
 * Reads the head of a GGUF file of version 2 or 3 and checks it against the file's size: every length, every count and
 * the extent of every tensor. `bytes` is the start of the file, and must hold the whole header.
 *
 * Source: "GGUF", the format's description in the ggml repository (docs/gguf.md).
 *
 * @throws ModelLoadingError (not retryable) for anything that is not such a file, whole and consistent.
 */
export function parseGguf(bytes: Buffer, fileSize: number): GgufHeader {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== magic) throw unusableFile('it is not a GGUF file');
  const version = reader.u32();
  if (version !== 2 && version !== 3) throw unusableFile(`GGUF version ${version} is not supported`);
  const tensorCount = reader.count(24);
  const entryCount = reader.count(13);

  const metadata = new Map<string, GgufValue>();
  for (let entry = 0; entry < entryCount; entry += 1) {
    const key = reader.string();
    if (metadata.has(key)) throw unusableFile('a metadata key stands in it twice', { offset: reader.offset });
    metadata.set(key, readValue(reader, reader.u32()));
  }

  const located = Array.from({ length: tensorCount }, () => readTensor(reader));
  const alignment = alignmentOf(metadata);
  const dataStart = Math.ceil(reader.offset / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const tensor of located) {
    const offset = dataStart + tensor.offset;
    const end = offset + (tensorBytes(tensor.type, tensor.elements) ?? 0);
    if (end > fileSize || tensor.offset % alignment !== 0 || tensors.has(tensor.name)) {
      throw unusableFile('a tensor does not lie inside it, or is there twice', { offset: tensor.offset });
    }
    tensors.set(tensor.name, { ...tensor, offset });
  }
  return { metadata, tensors };
}

function readValue(reader: ByteReader, type: number, depth = 0): GgufValue {
  if (type === 9) {
    if (depth === maxNesting) throw unusableFile('its metadata is nested too deeply', { offset: reader.offset });
    const elementType = reader.u32();
    const count = reader.count(leastBytes(elementType));
    const readElement =
      elementType === 9 ? () => readValue(reader, elementType, depth + 1) : scalarReader(reader, elementType);
    return Array.from({ length: count }, readElement);
  }
  return scalarReader(reader, type)();
}

function scalarReader(reader: ByteReader, type: number): () => number | string | boolean {
  const read = [
    reader.u8,
    reader.i8,
    reader.u16,
    reader.i16,
    reader.u32,
    reader.i32,
    reader.f32,
    reader.bool,
    reader.string,
    undefined,
    reader.u64,
    reader.i64,
    reader.f64,
  ][type];
  if (read === undefined) throw unusableFile('its metadata has a value of an unknown type', { offset: reader.offset });
  return read;
}

/** A string has a length of 8 bytes, an array a type and a length. */
function leastBytes(type: number): number {
  return [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8][type] ?? 1;
}

function readTensor(reader: ByteReader): GgufTensor {
  const name = reader.string();
  const dimensions = reader.u32();
  if (dimensions < 1 || dimensions > maxDimensions) {
    throw unusableFile(`a tensor has ${dimensions} dimensions`, { offset: reader.offset });
  }
  const shape = Array.from({ length: dimensions }, reader.u64);
  const elements = shape.reduce((product, size) => product * size, 1);
  if (elements < 1 || !Number.isSafeInteger(elements)) {
    throw unusableFile('a tensor has an impossible size', { offset: reader.offset });
  }
  const type = reader.u32();
  return { name, shape, type, elements, offset: reader.u64() };
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || alignment < 8 || alignment > 65_536 || alignment % 8 !== 0) {
    throw unusableFile('its alignment is not a multiple of 8');
  }
  return alignment;
}
