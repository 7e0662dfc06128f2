import { describe, expect, test } from 'vitest';
import type { ReportedEvent } from '../call/events.js';
import { GenerationFailedError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { circuitBreaker } from '../policies/circuit-breaker.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { type RecoveryProbesOptions, recoveryProbes } from './recovery-probes.js';

/** A model behind a real breaker that opens for a minute, and what its check says is the test's to decide. */
function watched(options: Partial<RecoveryProbesOptions> = {}) {
  const runtime = virtualRuntime({ random: () => 0 });
  const probes: ReportedEvent[] = [];
  runtime.events.on((event) => void (event.type === 'probe.finished' && probes.push(event)));
  const breaker = circuitBreaker({ name: 'main', consecutive: 1, cooldownMs: 60_000, trials: 2 }, runtime);
  const says: { now: unknown } = { now: { healthy: true } };
  const back: string[] = [];
  const recovery = recoveryProbes(
    {
      checkOf: () => () => (says.now instanceof Error ? Promise.reject(says.now) : says.now),
      returned: (model) => {
        back.push(model);
        breaker.endCooldown();
      },
      ...options,
    },
    runtime,
  );
  const open = () => breaker.execute(() => Promise.reject(new GenerationFailedError('no'))).catch(() => undefined);
  return { runtime, probes, breaker, says, back, recovery, open };
}

test('R197 I4: a model that is out is probed ever less often, and tried as soon as a probe finds it back', async () => {
  const { runtime, probes, breaker, says, back, recovery, open } = watched();
  await runtime.clock.advance(60_000);
  expect(probes).toEqual([]);
  says.now = new UpstreamUnavailableError();
  await open();
  await runtime.clock.advance(16_000);
  expect(probes.map(({ at }) => at)).toEqual([61_000, 63_000, 67_000, 75_000]);
  expect(probes[0]).toEqual({ type: 'probe.finished', model: 'main', healthy: false, ms: 0, at: 61_000 });
  expect(breaker.state).toBe('open');
  says.now = { healthy: true, status: 200 };
  await runtime.clock.advance(15_000);
  expect(probes.at(-1)).toMatchObject({ healthy: true, at: 91_000 });
  expect([back, breaker.state, recovery.watched]).toEqual([['main'], 'half_open', []]);
  expect(await breaker.execute(() => 'answer')).toBe('answer');
  expect(runtime.clock.pending).toBe(0);
});

test('GW22: where the first probe is good it tells nothing: the cooldown stands, until the breaker opens again', async () => {
  const { runtime, probes, breaker, back, open } = watched();
  await open();
  await runtime.clock.advance(59_000);
  expect([probes.length, back, breaker.state]).toEqual([1, [], 'open']);
  await runtime.clock.advance(1_000);
  await open();
  await runtime.clock.advance(1_000);
  expect([probes.length, back, breaker.state]).toEqual([2, [], 'open']);
});

describe('a probe', () => {
  test('that hangs is out at its limit, and is told to stop', async () => {
    let stopped: unknown;
    const { runtime, probes, open } = watched({
      checkOf:
        () =>
        ({ signal }) =>
          new Promise(() => signal.addEventListener('abort', () => (stopped = signal.reason))),
    });
    await open();
    await runtime.clock.advance(6_000);
    expect(probes).toMatchObject([{ healthy: false, ms: 5_000 }]);
    expect(stopped).toMatchObject({ errorType: 'inference_timeout' });
  });

  test('that cannot tell is the last one', async () => {
    const { runtime, probes, says, recovery, open } = watched();
    says.now = { healthy: null };
    await open();
    await runtime.clock.advance(60_000);
    expect([probes, recovery.watched]).toEqual([[], []]);
  });

  test('is not made of what cannot be asked, nor when a pause or a quota was the reason', async () => {
    const { runtime, probes, open } = watched({ checkOf: () => undefined });
    await open();
    runtime.events.emit({ type: 'breaker.paused', name: 'main', pausedMs: 9_000, reason: 'quota', at: 0 });
    await runtime.clock.advance(60_000);
    expect(probes).toEqual([]);
  });
});

test('probes end when the breaker closes, however that came', async () => {
  const { runtime, probes, breaker, says, recovery, open } = watched();
  says.now = { healthy: false };
  await open();
  await runtime.clock.advance(1_000);
  breaker.reset();
  await runtime.clock.advance(60_000);
  expect([probes.length, recovery.watched, runtime.clock.pending]).toEqual([1, [], 0]);
});

test('I4: `close` ends every probe, one that is under way too, and leaves no timer; a model too many is not watched', async () => {
  let signal: AbortSignal | undefined;
  const { runtime, probes, recovery } = watched({
    checkOf: () => (scope) => {
      signal = scope.signal;
      return new Promise(() => undefined);
    },
  });
  for (let model = 0; model < 150; model += 1) {
    runtime.events.emit({ type: 'breaker.opened', name: `m${model}`, cooldownMs: 1, reason: 'x', at: 0 });
  }
  expect(recovery.watched).toHaveLength(100);
  await runtime.clock.advance(1_000);
  expect(signal?.aborted).toBe(false);
  recovery.close();
  expect([signal?.aborted, runtime.clock.pending, recovery.watched]).toEqual([true, 0, []]);
  await runtime.clock.advance(60_000);
  expect(probes).toEqual([]);
});

test.each([
  [{ baseDelayMs: 0 }, 'baseDelayMs must be above 0, got 0'],
  [{ maxDelayMs: 10 }, 'maxDelayMs must be at least baseDelayMs, got 10'],
  [{ limitMs: -1 }, 'limitMs must be above 0, got -1'],
])('%o is refused', (options, message) => {
  expect(() => watched(options)).toThrow(new RangeError(message));
});
