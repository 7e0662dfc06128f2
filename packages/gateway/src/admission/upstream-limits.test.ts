import { ModelOverloadedError } from 'ripstop';
import { recordingContext, virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { defaultConfig } from '../config/load.js';
import { configSchema } from '../config/schema.js';
import { upstreamLimits } from './upstream-limits.js';

const { load } = defaultConfig();

function limitsFor(maxInFlight?: number) {
  const runtime = virtualRuntime();
  const { upstreams } = configSchema.parse({
    upstreams: { main: { url: 'http://127.0.0.1:1/v1', model: 'x', ...(maxInFlight && { maxInFlight }) } },
    models: { default: ['main'] },
  });
  const limits = upstreamLimits({ ...load, maxInFlight: 10 }, upstreams, runtime);
  const outcomes: unknown[] = [];
  function call(elsewhere: boolean, work: () => Promise<unknown> = () => new Promise(() => undefined)): void {
    const policy = limits.at('main', () => elsewhere);
    Promise.resolve()
      .then(() => policy.run(work, recordingContext({}, runtime)))
      .then(
        (value) => outcomes.push(value),
        (error: unknown) => outcomes.push(error),
      );
  }
  return { limits, call, outcomes, runtime };
}

test('GW15: what is over a configured limit goes elsewhere at once, or waits where there is no elsewhere', async () => {
  const { limits, call, outcomes, runtime } = limitsFor(1);
  call(true);
  await runtime.clock.advance(0);
  expect(limits.hasRoom('main')).toBe(false);
  call(true);
  call(false);
  await runtime.clock.advance(0);
  expect(outcomes).toMatchObject([
    { errorType: 'model_overloaded', details: { reason: 'queue_full', upstream: 'main' } },
  ]);
  await runtime.clock.advance(2_000);
  expect(outcomes[1]).toMatchObject({ errorType: 'model_overloaded', details: { reason: 'queue_timeout' } });
});

test('GW15: without a configured limit an upstream is asked by as many as the gateway takes, and never by fewer than 2', async () => {
  const { limits, call, outcomes, runtime } = limitsFor();
  for (let count = 0; count < 9; count += 1) call(true);
  await runtime.clock.advance(0);
  expect(limits.hasRoom('main')).toBe(true);
  expect(outcomes).toEqual([]);

  const overloaded = limitsFor();
  const tooMuch = (): Promise<never> => Promise.reject(new ModelOverloadedError(undefined, { origin: 'upstream' }));
  for (let count = 0; count < 100; count += 1) {
    overloaded.call(false, tooMuch);
    await overloaded.runtime.clock.advance(0);
  }
  expect(overloaded.outcomes).toHaveLength(100);
  overloaded.call(true);
  overloaded.call(true);
  overloaded.call(true);
  await overloaded.runtime.clock.advance(0);
  expect(overloaded.outcomes.slice(100)).toMatchObject([{ details: { reason: 'queue_full' } }]);
});
