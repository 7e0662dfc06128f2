import { InvalidInputError } from 'ripstop/errors';
import type { ChatRequest } from 'ripstop/models';
import { expect, test } from 'vitest';
import { generationOptions } from './generation-options.js';

const defaults = { temperature: 0.3, topP: 0.95, topK: 40, seed: () => 11 };
const request = (fields: object): ChatRequest => ({ messages: [], ...fields });

test('what nobody asked for is the default', () => {
  expect(generationOptions('hi', {}, defaults)).toEqual({
    maxTokens: undefined,
    temperature: 0.3,
    topP: 0.95,
    topK: 40,
    seed: 11,
    stop: [],
  });
});

test("OpenAI's fields count, null is as good as absent, and options come first", () => {
  const fields = { max_tokens: 5, temperature: 1, top_p: 0.5, top_k: 3, seed: -1, stop: 'END' };
  expect(generationOptions(request(fields), {}, defaults)).toEqual({
    maxTokens: 5,
    temperature: 1,
    topP: 0.5,
    topK: 3,
    seed: 2 ** 32 - 1,
    stop: ['END'],
  });
  expect(generationOptions(request({ max_tokens: 5, max_completion_tokens: 6 }), {}, defaults).maxTokens).toBe(6);
  expect(generationOptions(request({ temperature: null, stop: null }), {}, defaults).temperature).toBe(0.3);
  const options = { maxTokens: 9, temperature: 0, topP: 1, seed: 2, stop: ['a', 'b'] };
  expect(generationOptions(request(fields), options, defaults)).toEqual({ ...options, topK: 3 });
});

test('a value that makes no sense is refused by the name of its field', () => {
  const wrong = {
    max_tokens: [0, -1, 1.5, Number.NaN, '5'],
    temperature: [-0.1, Number.NaN, 'hot', Number.POSITIVE_INFINITY],
    top_p: [0, 1.1, Number.NaN],
    top_k: [-1, 0.5],
    seed: [0.5, 'one', Number.NaN],
    stop: [[''], [7], 'x'.repeat(201), Array.from({ length: 17 }, () => 'x')],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const check = (): unknown => generationOptions(request({ [field]: value }), {}, defaults);
      expect(check).toThrow(InvalidInputError);
      expect(check).toThrow(new RegExp(`^${field} must be`));
    }
  }
});
