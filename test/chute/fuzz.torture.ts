import { expect, test } from 'vitest';
import { fuzz } from './fuzzing.js';

test('D62 D63 D66: of 100 000 random requests every answer is typed, and memory stays flat', async () => {
  const seed = Number(process.env['SEED'] ?? 20_260_101);
  const started = performance.now();
  const { statuses, problems, unhandled, inFlight, memory } = await fuzz(100_000, seed);
  const mib = memory.map((bytes) => (bytes / 2 ** 20).toFixed(1));
  console.log(
    `seed ${seed}, ${((performance.now() - started) / 1000).toFixed(0)} s`,
    statuses,
    `MiB: ${mib.join(' ')}`,
  );
  expect(problems).toEqual([]);
  expect(unhandled).toEqual([]);
  expect(inFlight).toBe(0);
  // The first tenth warms the process up; after it nothing may grow.
  const [, early = 0] = memory;
  expect(Math.max(...memory.slice(2))).toBeLessThan(early * 1.25);
});
