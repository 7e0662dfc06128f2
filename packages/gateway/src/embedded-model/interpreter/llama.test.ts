import { expect, test } from 'vitest';
import { Llama } from './llama.js';
import type { LlamaLayer, LlamaShape, LlamaWeights } from './llama-weights.js';
import { type Matrix, multiply, type Norm, rmsNorm, softmax } from './matrix.js';

let state = 1;
/** Repeatable values around zero. */
function values(length: number): Float32Array {
  return Float32Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state / 2_147_483_647 - 0.5) * 0.4;
  });
}

const matrix = (rows: number, columns: number): Matrix => ({ rows, columns, values: values(rows * columns) });

const shape: LlamaShape = {
  width: 16,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headWidth: 4,
  feedForward: 24,
  vocabulary: 11,
  contextLength: 8,
  ropeBase: 10_000,
};

const norm = (): Norm => ({ weight: values(shape.width).map((value) => 1 + value), epsilon: 1e-5 });

function layer(): LlamaLayer {
  const keyValueWidth = shape.keyValueHeads * shape.headWidth;
  return {
    attentionNorm: norm(),
    query: matrix(shape.width, shape.width),
    key: matrix(keyValueWidth, shape.width),
    value: matrix(keyValueWidth, shape.width),
    attentionOutput: matrix(shape.width, shape.width),
    feedForwardNorm: norm(),
    gate: matrix(shape.feedForward, shape.width),
    up: matrix(shape.feedForward, shape.width),
    down: matrix(shape.width, shape.feedForward),
  };
}

function model(): LlamaWeights {
  const embedding = matrix(shape.vocabulary, shape.width);
  return {
    shape,
    embedding,
    layers: [layer(), layer()],
    outputNorm: norm(),
    output: embedding,
  };
}

/** Every key and value head repeated for the query heads that share it: the same network without the sharing. */
function unshared(weights: LlamaWeights): LlamaWeights {
  const { headWidth, heads, keyValueHeads, width } = shape;
  const spread = (source: Matrix): Matrix => {
    const size = headWidth * width;
    const spreadValues = new Float32Array(heads * size);
    for (let head = 0; head < heads; head += 1) {
      const shared = Math.floor(head / (heads / keyValueHeads));
      spreadValues.set(source.values.subarray(shared * size, (shared + 1) * size), head * size);
    }
    return { values: spreadValues, rows: heads * headWidth, columns: width };
  };
  return {
    ...weights,
    shape: { ...shape, keyValueHeads: heads },
    layers: weights.layers.map((one) => ({ ...one, key: spread(one.key), value: spread(one.value) })),
  };
}

function run(llama: Llama, tokens: readonly number[], from = 0): number[] {
  tokens.forEach((token, at) => llama.forward(token, from + at));
  return [...llama.logits()];
}

test('a matrix of any number of rows is multiplied as by the definition', () => {
  for (const rows of [1, 3, 4, 5, 8, 11]) {
    const source = matrix(rows, 6);
    const vector = values(6);
    const out = new Float32Array(rows);
    multiply(out, source, vector);
    for (let row = 0; row < rows; row += 1) {
      const expected = [...vector].reduce((sum, value, at) => sum + value * source.values[row * 6 + at], 0);
      expect(out[row]).toBeCloseTo(expected, 6);
    }
  }
});

test('normalising gives a root mean square of 1, and softmax a sum of 1, even of large scores', () => {
  const out = new Float32Array(16);
  rmsNorm(out, values(16), { weight: new Float32Array(16).fill(1), epsilon: 0 });
  expect(Math.sqrt(out.reduce((sum, value) => sum + value * value, 0) / 16)).toBeCloseTo(1, 5);
  const scores = Float32Array.from([1000, 1001, 999, 5]);
  softmax(scores, 3);
  expect(scores[0] + scores[1] + scores[2]).toBeCloseTo(1, 6);
  expect(scores[1]).toBeGreaterThan(scores[0]);
  expect(scores[3]).toBe(5);
});

test('shared key and value heads compute what separate copies of them would', () => {
  const weights = model();
  const tokens = [3, 1, 4, 1, 5];
  const shared = run(new Llama(weights), tokens);
  const separate = run(new Llama(unshared(weights)), tokens);
  shared.forEach((logit, token) => expect(logit).toBeCloseTo(separate[token], 6));
});

test('going back to an earlier position forgets what came after it, bit for bit', () => {
  const weights = model();
  const used = new Llama(weights);
  run(used, [3, 1, 4, 1, 5, 9]);
  expect(run(used, [2, 6], 2)).toEqual(run(new Llama(weights), [3, 1, 2, 6]));
});

test('order and position matter', () => {
  const weights = model();
  expect(run(new Llama(weights), [1, 2, 3])).not.toEqual(run(new Llama(weights), [2, 1, 3]));
});

test('a position beyond the window is an error', () => {
  expect(() => new Llama(model()).forward(1, 8)).toThrow(RangeError);
});
