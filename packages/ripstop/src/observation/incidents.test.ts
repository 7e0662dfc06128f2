import { describe, expect, test } from 'vitest';
import type { CallEvent, ReportedEvent } from '../call/events.js';
import { AuthenticationError, InvalidInputError } from '../errors/input-errors.js';
import { QuotaExceededError, RateLimitError } from '../errors/rejections.js';
import { GenerationFailedError, InferenceTimeoutError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { modelFallbackChain } from '../models/fallback-chain.js';
import { circuitBreaker } from '../policies/circuit-breaker.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { type IncidentOptions, incidents } from './incidents.js';

/** Two models in a chain of real policies; what `main` does next is the test's to say. */
function outage(options: IncidentOptions = {}) {
  const runtime = virtualRuntime();
  const told: ReportedEvent[] = [];
  const watched = incidents(options, runtime);
  runtime.events.on((event) => void (event.type.startsWith('incident.') && told.push(event)));
  const main: { fails: Error | undefined } = { fails: undefined };
  const breaker = circuitBreaker(
    { name: 'main', consecutive: 3, cooldownMs: 2_000, maxPauseMs: 60_000, quotaCooldownMs: 60_000 },
    runtime,
  );
  const answer = () => (main.fails === undefined ? Promise.resolve('main') : Promise.reject(main.fails));
  const chain = modelFallbackChain({}, runtime)
    .addPrimaryModel({ generate: answer }, 'main', { policy: breaker, breaker })
    .addFallbackModel({ generate: () => 'spare' }, 'spare', 1);
  const ask = async (times = 1): Promise<void> => {
    for (let call = 0; call < times; call += 1) {
      await runtime.clock.advance(100);
      await chain.generateWithFallback('?').catch(() => undefined);
    }
  };
  const emit = (event: CallEvent) => runtime.events.emit({ ...event, at: runtime.clock.now() });
  return { runtime, told, watched, main, breaker, ask, emit };
}

const down = new UpstreamUnavailableError();

test('R197 I4: an outage is one object, from the first failure to the recovery, with everything counted', async () => {
  const { runtime, told, watched, main, ask } = outage();
  await ask(2);
  expect(watched.recent()).toEqual([]);
  main.fails = new InferenceTimeoutError(5_000);
  await ask();
  main.fails = down;
  await ask(2);
  await ask(4);
  await runtime.clock.advance(2_000);
  await ask();
  main.fails = undefined;
  await runtime.clock.advance(2_000);
  await ask();

  const [incident, ...others] = watched.recent();
  expect(others).toEqual([]);
  expect(incident).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    subject: 'main',
    status: 'recovering',
    opened_at: '2026-01-01T00:00:00.300Z',
    closed_at: '2026-01-01T00:00:05.100Z',
    duration_ms: 4_800,
    failures: 4,
    failures_by_type: { inference_timeout: 1, upstream_unavailable: 3 },
    last_error_type: 'upstream_unavailable',
    rejected: 4,
    skipped: 4,
    answered_instead: { spare: 8 },
    probes: { healthy: 0, unhealthy: 0 },
    transitions: [
      { at: '2026-01-01T00:00:00.500Z', event: 'breaker.opened', reason: '3 failures in a row' },
      { at: '2026-01-01T00:00:03.000Z', event: 'breaker.half_opened' },
      { at: '2026-01-01T00:00:03.000Z', event: 'breaker.opened', reason: 'trial failed' },
      { at: '2026-01-01T00:00:05.100Z', event: 'breaker.half_opened' },
      { at: '2026-01-01T00:00:05.100Z', event: 'breaker.closed' },
    ],
  });
  expect(told).toEqual([
    { type: 'incident.opened', id: incident?.id, subject: 'main', errorType: 'upstream_unavailable', at: 500 },
  ]);

  await runtime.clock.advance(10_000);
  expect(watched.recent()).toEqual([{ ...incident, status: 'closed' }]);
  expect(told.at(-1)).toEqual({
    type: 'incident.closed',
    id: incident?.id,
    subject: 'main',
    ms: 4_800,
    failures: 4,
    at: 15_100,
  });
});

test('what goes down again soon after its recovery is the same incident', async () => {
  const { runtime, told, watched, main, ask } = outage();
  for (let round = 0; round < 3; round += 1) {
    main.fails = down;
    await ask(3);
    main.fails = undefined;
    await runtime.clock.advance(2_000);
    await ask();
    expect(watched.recent()[0]).toMatchObject({ status: 'recovering', failures: 3 * (round + 1) });
    await runtime.clock.advance(9_000);
  }
  await runtime.clock.advance(1_000);
  expect(told.map(({ type }) => type)).toEqual(['incident.opened', 'incident.closed']);
  main.fails = down;
  await ask(3);
  expect(watched.recent().map(({ status, failures }) => [status, failures])).toEqual([
    ['open', 3],
    ['closed', 9],
  ]);
});

test('failures that an answer has followed are no part of it, nor are those of long ago', async () => {
  const { runtime, watched, main, ask } = outage();
  main.fails = down;
  await ask(2);
  main.fails = undefined;
  await ask();
  main.fails = down;
  await ask();
  await runtime.clock.advance(300_001);
  await ask(2);
  expect(watched.recent()).toMatchObject([{ failures: 2, opened_at: '2026-01-01T00:05:00.501Z' }]);
  await ask();
  expect(watched.recent()).toMatchObject([{ failures: 2, skipped: 1 }]);
});

describe('what opens one', () => {
  test('a credential that is refused, until it is taken again', async () => {
    const { watched, main, ask } = outage();
    main.fails = new AuthenticationError();
    await ask(3);
    expect(watched.recent()).toMatchObject([
      { status: 'open', failures: 3, transitions: [{ event: 'model.failed', reason: 'authentication_failed' }] },
    ]);
    main.fails = undefined;
    await ask();
    expect(watched.recent()).toMatchObject([{ status: 'recovering', answered_instead: { spare: 3 } }]);
  });

  test('a spent quota, until the breaker has closed and the model has answered', async () => {
    const { runtime, watched, main, ask } = outage();
    main.fails = new QuotaExceededError();
    await ask();
    expect(watched.recent()).toMatchObject([{ status: 'open', failures: 1 }]);
    main.fails = undefined;
    await runtime.clock.advance(60_000);
    await ask();
    expect(watched.recent()).toMatchObject([{ status: 'recovering', duration_ms: 60_100 }]);
  });

  test('R197: an engine that stops, until it is started and answers again', async () => {
    const { runtime, watched, ask, emit, told } = outage();
    emit({ type: 'engine.started', model: 'main', runtime: 'interpreter', pid: 1, ms: 10 });
    expect(watched.recent()).toEqual([]);
    emit({ type: 'engine.stopped', model: 'main', reason: 'SIGKILL', restartMs: 100 });
    await runtime.clock.advance(100);
    emit({ type: 'engine.started', model: 'main', runtime: 'interpreter', pid: 2, ms: 100 });
    expect(watched.recent()).toMatchObject([{ status: 'open', last_error_type: null }]);
    await ask();
    expect(watched.recent()).toMatchObject([{ status: 'recovering', duration_ms: 200 }]);
    expect(watched.recent()[0]?.transitions.map(({ event }) => event)).toEqual([
      'engine.stopped',
      'engine.started',
      'model.answered',
    ]);
    await runtime.clock.advance(10_000);
    emit({ type: 'engine.stopped', model: 'main', reason: 'stopped', restartMs: 0 });
    expect(told.map(({ type }) => type)).toEqual(['incident.opened', 'incident.closed']);
  });

  test('not a pause that was asked for, a fault of the caller, or what an operator does', async () => {
    const { watched, main, ask, breaker } = outage();
    main.fails = new RateLimitError(undefined, { retryAfterMs: 1_000 });
    await ask(5);
    breaker.reset();
    main.fails = new InvalidInputError('no');
    await ask(5);
    breaker.isolate();
    await ask();
    expect(watched.recent()).toEqual([]);
  });

  test('a breaker alone is enough', async () => {
    const runtime = virtualRuntime();
    const watched = incidents({}, runtime);
    const breaker = circuitBreaker({ name: 'search', consecutive: 1 }, runtime);
    for (let call = 0; call < 3; call += 1) {
      await breaker.execute(() => Promise.reject(new GenerationFailedError('no'))).catch(() => undefined);
    }
    expect(watched.recent()).toMatchObject([{ subject: 'search', rejected: 2, last_error_type: null }]);
    breaker.reset();
    expect(watched.recent()).toMatchObject([{ status: 'recovering' }]);
  });
});

test('an incident with several breakers ends with the last of them, and counts its probes', async () => {
  const { runtime, watched, emit } = outage({ subjectOf: (breaker) => breaker.split('/')[0] ?? breaker });
  emit({ type: 'breaker.opened', name: 'main', cooldownMs: 1_000, reason: 'x' });
  emit({ type: 'breaker.opened', name: 'main/embeddings', cooldownMs: 1_000, reason: 'x' });
  emit({ type: 'probe.finished', model: 'main', healthy: false, ms: 1 });
  emit({ type: 'probe.finished', model: 'main', healthy: true, ms: 1 });
  emit({ type: 'breaker.closed', name: 'main' });
  expect(watched.recent()).toMatchObject([{ subject: 'main', status: 'open', probes: { healthy: 1, unhealthy: 1 } }]);
  await runtime.clock.advance(60_000);
  emit({ type: 'breaker.closed', name: 'main/embeddings' });
  expect(watched.recent()).toMatchObject([{ status: 'recovering', duration_ms: 60_000 }]);
});

describe('bounds', () => {
  test('I4: incidents, their history, their transitions and who stood in are bounded, whatever happens', async () => {
    const { runtime, watched, emit } = outage({ maxOpen: 3, historySize: 5, settleMs: 0 });
    for (let model = 0; model < 2_000; model += 1) {
      emit({ type: 'model.failed', model: `m${model}`, errorType: 'generation_failed', ms: 1 });
      emit({ type: 'breaker.opened', name: `m${model}`, cooldownMs: 1, reason: 'x' });
    }
    expect(watched.recent().map(({ subject }) => subject)).toEqual(['m2', 'm1', 'm0']);
    for (let step = 0; step < 200; step += 1) emit({ type: 'breaker.half_opened', name: 'm0' });
    const at = runtime.clock.now();
    for (let call = 0; call < 2_000; call += 1) {
      const correlationId = `c${call}`;
      runtime.events.emit({ type: 'model.skipped', model: 'm0', reason: 'circuit_open', correlationId, at });
    }
    for (let call = 0; call < 2_000; call += 1) {
      const answered = { type: 'model.answered', wasFallback: true, streamed: false, ms: 1, at } as const;
      runtime.events.emit({ ...answered, model: `s${call}`, correlationId: `c${call}` });
    }
    const first = watched.recent().at(-1);
    expect(first?.skipped).toBe(2_000);
    expect(first?.transitions).toHaveLength(50);
    expect(first?.transitions[0]?.event).toBe('breaker.opened');
    expect(Object.keys(first?.answered_instead ?? {})).toHaveLength(21);
    expect(first?.answered_instead['other']).toBe(980);
    for (let round = 0; round < 9; round += 1) {
      emit({ type: 'breaker.opened', name: 'm0', cooldownMs: 1, reason: 'x' });
      emit({ type: 'breaker.closed', name: 'm0' });
      await runtime.clock.advance(1);
    }
    expect(watched.recent().filter(({ status }) => status === 'closed')).toHaveLength(5);
  });

  test('after `close` it hears nothing and leaves no timer', async () => {
    const { runtime, watched, main, ask } = outage();
    main.fails = down;
    await ask(3);
    main.fails = undefined;
    await runtime.clock.advance(2_000);
    await ask();
    expect(runtime.clock.pending).toBe(1);
    watched.close();
    expect(runtime.clock.pending).toBe(0);
    main.fails = down;
    await ask(3);
    expect(watched.recent()).toHaveLength(1);
  });

  test.each([
    [{ settleMs: -1 }, 'settleMs must be 0 or above, got -1'],
    [{ historySize: 0.5 }, 'historySize must be a whole number of at least 0, got 0.5'],
    [{ maxOpen: 0 }, 'maxOpen must be a whole number of at least 1, got 0'],
  ])('%o is refused', (options, message) => {
    expect(() => incidents(options, virtualRuntime())).toThrow(new RangeError(message));
  });
});
