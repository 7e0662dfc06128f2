import { add, multiply, rmsNorm, softmax, swiglu } from './matrix.js';
import type { LlamaLayer, LlamaShape, LlamaWeights } from './llama-weights.js';

/**
 * The forward pass of a Llama, one token at a time, with a cache of keys and values.
 *
 * A token is computed in the same order of sums wherever it stands, so the same tokens always give the same logits,
 * bit for bit. `forward` must be called with positions in order; going back to an earlier one forgets what came after.
 *
 * Sources: H. Touvron et al., LLaMA (2023); J. Su et al., RoFormer (2021) for the rotation, here of neighbouring pairs,
 * as GGUF files of this architecture have it.
 */
export class Llama {
  private readonly weights: LlamaWeights;
  private readonly shape: LlamaShape;
  /** Per layer, position after position. */
  private readonly keys: readonly Float32Array[];
  private readonly values: readonly Float32Array[];
  private readonly cosines: Float32Array;
  private readonly sines: Float32Array;
  // Scratch, made once: a generation allocates nothing per token.
  private readonly hidden: Float32Array;
  private readonly normed: Float32Array;
  private readonly query: Float32Array;
  private readonly mixed: Float32Array;
  private readonly projected: Float32Array;
  private readonly gate: Float32Array;
  private readonly up: Float32Array;
  private readonly scores: Float32Array;
  private readonly logitValues: Float32Array;

  constructor(weights: LlamaWeights) {
    const { shape } = weights;
    const floats = (length: number): Float32Array => new Float32Array(length);
    const cache = (): Float32Array => floats(shape.contextLength * shape.keyValueHeads * shape.headWidth);
    this.weights = weights;
    this.shape = shape;
    this.keys = weights.layers.map(cache);
    this.values = weights.layers.map(cache);
    this.hidden = floats(shape.width);
    this.normed = floats(shape.width);
    this.query = floats(shape.width);
    this.mixed = floats(shape.width);
    this.projected = floats(shape.width);
    this.gate = floats(shape.feedForward);
    this.up = floats(shape.feedForward);
    this.scores = floats(shape.contextLength);
    this.logitValues = floats(shape.vocabulary);
    this.cosines = floats((shape.contextLength * shape.headWidth) / 2);
    this.sines = floats((shape.contextLength * shape.headWidth) / 2);
    this.fillRotations();
  }

  /** Reads one token. */
  forward(token: number, position: number): void {
    const { width, contextLength } = this.shape;
    if (position >= contextLength) throw new RangeError(`position must be below ${contextLength}, got ${position}`);
    const { hidden, normed, projected, gate, up } = this;
    hidden.set(this.weights.embedding.values.subarray(token * width, (token + 1) * width));
    this.weights.layers.forEach((layer, index) => {
      rmsNorm(normed, hidden, layer.attentionNorm);
      this.attend(layer, index, position);
      multiply(projected, layer.attentionOutput, this.mixed);
      add(hidden, projected);

      rmsNorm(normed, hidden, layer.feedForwardNorm);
      multiply(gate, layer.gate, normed);
      multiply(up, layer.up, normed);
      swiglu(gate, up);
      multiply(projected, layer.down, gate);
      add(hidden, projected);
    });
  }

  /** How likely each token is to come next, unnormalised. The array is reused by the next call. */
  logits(): Float32Array {
    rmsNorm(this.normed, this.hidden, this.weights.outputNorm);
    multiply(this.logitValues, this.weights.output, this.normed);
    return this.logitValues;
  }

  private attend(layer: LlamaLayer, index: number, position: number): void {
    const { heads, keyValueHeads, headWidth } = this.shape;
    const stride = keyValueHeads * headWidth;
    const keys = this.keys[index];
    const values = this.values[index];
    const key = keys.subarray(position * stride, (position + 1) * stride);
    multiply(this.query, layer.query, this.normed);
    multiply(key, layer.key, this.normed);
    multiply(values.subarray(position * stride, (position + 1) * stride), layer.value, this.normed);
    this.rotate(this.query, position);
    this.rotate(key, position);

    this.mixed.fill(0);
    const sharedBy = heads / keyValueHeads;
    for (let head = 0; head < heads; head += 1) {
      this.attendHead(keys, values, {
        position,
        stride,
        at: head * headWidth,
        sharedAt: Math.floor(head / sharedBy) * headWidth,
      });
    }
  }

  private attendHead(
    keys: Float32Array,
    values: Float32Array,
    { position, stride, at, sharedAt }: { position: number; stride: number; at: number; sharedAt: number },
  ): void {
    const { query, mixed, scores } = this;
    const { headWidth } = this.shape;
    const scale = 1 / Math.sqrt(headWidth);
    for (let past = 0; past <= position; past += 1) {
      const start = past * stride + sharedAt;
      let score = 0;
      for (let i = 0; i < headWidth; i += 1) score += query[at + i] * keys[start + i];
      scores[past] = score * scale;
    }
    softmax(scores, position + 1);
    for (let past = 0; past <= position; past += 1) {
      const start = past * stride + sharedAt;
      const weight = scores[past];
      for (let i = 0; i < headWidth; i += 1) mixed[at + i] += weight * values[start + i];
    }
  }

  private rotate(vector: Float32Array, position: number): void {
    const half = this.shape.headWidth / 2;
    const start = position * half;
    for (let i = 0; i < vector.length; i += 2) {
      const at = start + ((i / 2) % half);
      const cosine = this.cosines[at];
      const sine = this.sines[at];
      const a = vector[i];
      const b = vector[i + 1];
      vector[i] = a * cosine - b * sine;
      vector[i + 1] = a * sine + b * cosine;
    }
  }

  private fillRotations(): void {
    const { contextLength, headWidth, ropeBase } = this.shape;
    const half = headWidth / 2;
    for (let position = 0; position < contextLength; position += 1) {
      for (let pair = 0; pair < half; pair += 1) {
        const angle = position / ropeBase ** ((2 * pair) / headWidth);
        this.cosines[position * half + pair] = Math.cos(angle);
        this.sines[position * half + pair] = Math.sin(angle);
      }
    }
  }
}
