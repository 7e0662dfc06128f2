import type { GgufTensor } from './gguf.js';
import { tensorType, tensorTypeName } from './tensor-types.js';
import { unusableFile } from './unusable-file.js';

/**
 * The values of a tensor as 32-bit floats. They take four times the room of 8-bit weights, and are still the faster
 * choice: JavaScript has no integer dot product, and the embedded model's 17 MB are soon in the cache.
 *
 * @throws ModelLoadingError for other types than F32, F16 and Q8_0, and for a scale that is no number.
 */
export function tensorValues(bytes: Buffer, tensor: GgufTensor): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(tensor.elements);
  switch (tensor.type) {
    case tensorType.f32:
      for (let i = 0; i < values.length; i += 1) values[i] = view.getFloat32(tensor.offset + 4 * i, true);
      break;
    case tensorType.f16:
      for (let i = 0; i < values.length; i += 1) values[i] = halfFloat(view.getUint16(tensor.offset + 2 * i, true));
      break;
    case tensorType.q8_0:
      readQ8(view, tensor.offset, values);
      break;
    default:
      throw unusableFile(
        `the built-in interpreter does not read ${tensorTypeName(tensor.type)} weights; node-llama-cpp does`,
      );
  }
  if (!values.every(Number.isFinite)) throw unusableFile('some of its weights are no numbers');
  return values;
}

/** Blocks of 32 weights: one 16-bit scale, then 32 signed bytes. */
function readQ8(view: DataView, start: number, values: Float32Array): void {
  for (let i = 0, at = start; i < values.length; i += 32, at += 34) {
    const scale = halfFloat(view.getUint16(at, true));
    for (let j = 0; j < 32; j += 1) values[i + j] = scale * view.getInt8(at + 2 + j);
  }
}

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
