import { expect, test } from 'vitest';
import type { Sampling } from '../protocol.js';
import { sampler } from './sampler.js';

const plain: Sampling = { temperature: 1, topP: 1, topK: 0, seed: 1 };
const logits = Float32Array.from([1, 3, 2, -1, 3]);

function draws(sampling: Partial<Sampling>, count: number, values: Float32Array = logits): number[] {
  const choose = sampler({ ...plain, ...sampling });
  return Array.from({ length: count }, () => choose(values));
}

test('temperature 0 takes the likeliest, the first of equals', () => {
  expect(new Set(draws({ temperature: 0 }, 20))).toEqual(new Set([1]));
});

test('the same seed makes the same choices, another one others', () => {
  expect(draws({ seed: 7 }, 50)).toEqual(draws({ seed: 7 }, 50));
  expect(draws({ seed: 7 }, 50)).not.toEqual(draws({ seed: 8 }, 50));
});

test('choices follow the probabilities', () => {
  const count = 20_000;
  const chosen = draws({}, count);
  const weights = [...logits].map(Math.exp);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  weights.forEach((weight, token) => {
    const share = chosen.filter((choice) => choice === token).length / count;
    expect(Math.abs(share - weight / sum)).toBeLessThan(0.02);
  });
});

test('top-k keeps that many, top-p as many as it needs', () => {
  expect(new Set(draws({ topK: 2 }, 500))).toEqual(new Set([1, 4]));
  expect(new Set(draws({ topK: 1 }, 50))).toEqual(new Set([1]));
  // Tokens 1 and 4 have 0.40 each, token 2 has 0.15.
  expect(new Set(draws({ topP: 0.3 }, 500))).toEqual(new Set([1]));
  expect(new Set(draws({ topP: 0.7 }, 500))).toEqual(new Set([1, 4]));
  expect(new Set(draws({ topP: 0.9 }, 500))).toEqual(new Set([1, 2, 4]));
});

test('a high temperature makes all alike, a low one the likeliest certain', () => {
  const flat = draws({ temperature: 100 }, 10_000);
  for (let token = 0; token < logits.length; token += 1) {
    expect(flat.filter((choice) => choice === token).length).toBeGreaterThan(1_700);
  }
  const steep = Float32Array.from([1, 1.5]);
  expect(new Set(draws({ temperature: 0.01 }, 200, steep))).toEqual(new Set([1]));
});

test('logits that are no numbers are an error, not a token', () => {
  expect(() => draws({}, 1, Float32Array.from([Number.NaN, Number.NaN]))).toThrow('no numbers');
  expect(() => draws({ temperature: 0 }, 1, Float32Array.from([Number.POSITIVE_INFINITY, 1]))).toThrow('no numbers');
});
