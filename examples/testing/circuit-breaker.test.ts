// A breaker through its whole life: closed, open, half-open, closed again. The clock is virtual.
import { type CircuitBreaker, circuitBreaker, GenerationFailedError } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { beforeEach, expect, test } from 'vitest';

let runtime = virtualRuntime();
let breaker: CircuitBreaker = circuitBreaker({}, runtime);
let calls = 0;

function fails(): never {
  calls += 1;
  throw new GenerationFailedError('Simulated failure');
}

beforeEach(async () => {
  runtime = virtualRuntime();
  breaker = circuitBreaker({ consecutive: 2, cooldownMs: 10_000, cooldownJitterRatio: 0 }, runtime);
  calls = 0;
  for (let call = 0; call < 2; call += 1) {
    await expect(breaker.execute(fails)).rejects.toThrow('Simulated failure');
  }
});

test('R163: after two failures the third call is refused, without a call, and told how long to wait', async () => {
  expect(breaker.state).toBe('open');
  await expect(breaker.execute(fails)).rejects.toMatchObject({
    errorType: 'model_overloaded',
    message: expect.stringContaining('Circuit breaker is OPEN'),
    retryAfterMs: 10_000,
  });
  expect(calls).toBe(2);
});

test('R163 D125: after the cooldown one trial goes out, and when it is good the breaker is closed', async () => {
  await runtime.clock.advance(10_000);
  let answer: (text: string) => void = () => undefined;
  const trial = breaker.execute(() => new Promise<string>((resolve) => (answer = resolve)));
  expect(breaker.state).toBe('half_open');
  await expect(breaker.execute(() => 'too early')).rejects.toMatchObject({ errorType: 'model_overloaded' });
  answer('Paris.');
  expect([await trial, breaker.state]).toEqual(['Paris.', 'closed']);
  expect(await breaker.execute(() => 'London.')).toBe('London.');
});

test('R163 D125: a trial that fails opens it again', async () => {
  await runtime.clock.advance(10_000);
  await expect(breaker.execute(fails)).rejects.toThrow('Simulated failure');
  expect(breaker.state).toBe('open');
  await expect(breaker.execute(fails)).rejects.toMatchObject({ errorType: 'model_overloaded' });
  expect(calls).toBe(3);
});
