// Retries on a virtual clock: no test waits, and every wait can be measured.
import { CancelledError, InferenceTimeoutError, InvalidInputError, retry } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';

/** A call that fails so often before it succeeds. */
function failing(times: number, error: () => Error = () => new InferenceTimeoutError(30_000)) {
  const call = Object.assign(
    () => {
      call.count += 1;
      if (call.count <= times) throw error();
      return 'success';
    },
    { count: 0 },
  );
  return call;
}

test('R162: two timeouts, then an answer: three calls', async () => {
  const runtime = virtualRuntime();
  const call = failing(2);
  const answer = retry({ attempts: 3 }, runtime).execute(call);
  await runtime.clock.runAll();
  expect([await answer, call.count]).toEqual(['success', 3]);
});

test('R162: when no attempt is left the caller gets the last error, which says how often it was tried', async () => {
  const runtime = virtualRuntime();
  const call = failing(9);
  const outcome = retry({ attempts: 3 }, runtime)
    .execute(call)
    .catch((error: unknown) => error);
  await runtime.clock.runAll();
  expect(await outcome).toMatchObject({ errorType: 'inference_timeout', stopReason: 'attempts' });
  expect(call.count).toBe(3);
});

test('R162 D125: waits grow, are spread at random, and never exceed their cap', async () => {
  const runtime = virtualRuntime({ seed: 1 });
  const waits: number[] = [];
  runtime.events.on((event) => {
    if (event.type === 'retry.scheduled') waits.push(event.delayMs);
  });
  const caps = [1_000, 2_000, 4_000, 5_000, 5_000];
  for (let round = 0; round < 20; round += 1) {
    const calls = retry({ attempts: 6, baseDelayMs: 1_000, maxDelayMs: 5_000 }, runtime);
    const answer = calls.execute(failing(5));
    await runtime.clock.runAll();
    await answer;
  }
  expect(waits).toHaveLength(100);
  expect(waits.filter((wait, index) => wait < 0 || wait > (caps[index % caps.length] ?? 0))).toEqual([]);
  expect(new Set(waits).size).toBeGreaterThan(90);
  const last = waits.filter((_, index) => index % caps.length === 4);
  const first = waits.filter((_, index) => index % caps.length === 0);
  expect(mean(last)).toBeGreaterThan(2 * mean(first));
});

test.each([
  ['a fault of the caller’s', () => new InvalidInputError('The prompt is empty')],
  ['a caller who has left', () => new CancelledError()],
])('R162: %s is not tried again', async (_, error) => {
  const call = failing(9, error);
  await expect(retry().execute(call)).rejects.toThrow(error().message);
  expect(call.count).toBe(1);
});

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
