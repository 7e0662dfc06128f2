import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { canary, mutatedInput, vocabulary } from '../../../../../test/fixtures/classify/mutations.js';
import { ModelError } from '../../errors/index.js';
import { classify, type ClassifyInput } from './classify.js';

const batches = 100;
const batchSize = 1_000;

test(`${batches * batchSize} mutated answers: none throws, none shows a key, and the time is printed`, () => {
  const times: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const inputs = fc.sample(mutatedInput, batchSize);
    for (const input of inputs) times.push(timed(input).micros);
    expect(inputs.filter((input) => !isSound(classify(input)))).toEqual([]);
  }
  print('mutated answers', times);
});

test('no pattern backtracks on 64 KiB of the words that it looks for', () => {
  const times = fc
    .sample(vocabulary, 2_000)
    .flatMap((body) => [200, 400, 429, 500].map((status) => timed({ status, body }).micros));
  print('walls of words', times);

  expect(times).toHaveLength(8_000);
});

function timed(input: ClassifyInput): { readonly micros: number; readonly error: ModelError } {
  const start = performance.now();
  const error = classify(input);
  return { micros: (performance.now() - start) * 1000, error };
}

function isSound(error: ModelError): boolean {
  return (
    ModelError.isInstance(error) && error.message.length <= 500 && !JSON.stringify(error).includes(canary.slice(3, 24))
  );
}

function print(what: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor((times.length - 1) * share)] ?? 0).toFixed(1);
  console.log(`${times.length} ${what}: median ${at(0.5)} µs, 99 % below ${at(0.99)} µs, longest ${at(1)} µs`);
}
