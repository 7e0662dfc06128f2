import { expect, test } from 'vitest';
import { fuzz } from './fuzzing.js';

test('D62 D63 D66: of 2 000 random requests every answer is typed, and no rejection is unhandled', async () => {
  const { statuses, problems, unhandled, inFlight } = await fuzz(2_000, 7);
  expect(problems).toEqual([]);
  expect(unhandled).toEqual([]);
  expect(inFlight).toBe(0);
  // The dice reach every part: values, faults of the caller, limits, and our own failures.
  expect(Object.keys(statuses)).toEqual(
    expect.arrayContaining(['200', '400', '404', '405', '408', '413', '415', '422', '500', '503']),
  );
}, 120_000);
