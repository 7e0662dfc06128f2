import { getEventListeners } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call, CallContext } from '../call/call.js';
import { callReport } from '../call/call-report.js';
import type { Runtime } from '../call/runtime.js';
import { createError } from '../errors/create-error.js';
import { ModelOverloadedError, RateLimitError } from '../errors/rejections.js';
import { GenerationFailedError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { bulkhead } from './bulkhead.js';
import { circuitBreaker } from './circuit-breaker.js';
import { type HedgeOptions, hedge, hedgeDefaults } from './hedge.js';
import { type RetryBudget, retryBudget } from './parts/retry-budget.js';
import { pipeline } from './policy.js';
import { retry } from './retry.js';
import { timeout } from './timeout.js';

const down = new GenerationFailedError('down');
const final = createError('invalid_input');
const lost = { errorType: 'cancelled', origin: 'service', details: { reason: 'hedge_lost' } };
const safely: HedgeOptions = { safety: 'idempotent', delayMs: 100 };

/** What one attempt does: how long it takes, and what it ends with. An `Error` is thrown. */
interface Step {
  readonly ms: number;
  readonly end: unknown;
}

interface Script {
  readonly call: Call<unknown>;
  readonly contexts: CallContext[];
  readonly startedAt: number[];
}

/** A call whose attempts follow `steps`, one each, and take no notice of their signals. */
function scripted(runtime: VirtualRuntime, ...steps: Step[]): Script {
  const contexts: CallContext[] = [];
  const startedAt: number[] = [];
  const call: Call<unknown> = (context) => {
    const { ms, end } = steps[contexts.length] ?? { ms: 0, end: new Error('one attempt too many') };
    contexts.push(context);
    startedAt.push(runtime.clock.now());
    return new Promise((resolve, reject) => {
      runtime.clock.after(ms, () => (end instanceof Error ? reject(end) : resolve(end)));
    });
  };
  return { call, contexts, startedAt };
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

/** Runs the call until time has nothing more to bring. */
async function finished(call: Promise<unknown>, { clock }: VirtualRuntime): Promise<unknown> {
  const outcome = call.catch((error: unknown) => error);
  await clock.runAll();
  return outcome;
}

describe('when it hedges', () => {
  test('H1: not at all, unless the call is declared repeatable', async () => {
    for (const options of [{}, { delayMs: 1 }, { safety: 'unknown', delayMs: 1 }] satisfies HedgeOptions[]) {
      const runtime = virtualRuntime();
      const slow = scripted(runtime, { ms: 500, end: 'slow' });
      expect(await finished(hedge(options, runtime).execute(slow.call), runtime)).toBe('slow');
      const failing = scripted(runtime, { ms: 1, end: down });
      expect(await finished(hedge(options, runtime).execute(failing.call), runtime)).toBe(down);
      expect([slow.startedAt.length, failing.startedAt.length]).toEqual([1, 1]);
    }
    expect(hedgeDefaults.safety).toBe('unknown');
  });

  test('H2: a second attempt starts at the delay, and not before; it has the next number', async () => {
    const runtime = virtualRuntime();
    const { call, contexts, startedAt } = scripted(runtime, { ms: 500, end: 'first' }, { ms: 50, end: 'second' });
    const outcome = hedge(safely, runtime).execute(call);
    await runtime.clock.advance(100);
    // The two attempts, and nothing that would start a third.
    expect(runtime.clock.pending).toBe(2);
    expect(await finished(outcome, runtime)).toBe('second');
    expect(startedAt).toEqual([0, 100]);
    expect(contexts.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  test('H2: an answer before the delay leaves nothing behind', async () => {
    const runtime = virtualRuntime();
    const { call, startedAt } = scripted(runtime, { ms: 99, end: 'first' });
    const outcome = hedge(safely, runtime).execute(call);
    await runtime.clock.advance(98);
    expect(runtime.clock.pending).toBe(2);
    await runtime.clock.advance(1);
    expect(await outcome).toBe('first');
    expect(runtime.clock.pending).toBe(0);
    expect(startedAt).toEqual([0]);
  });

  test('H2: after a failure that may pass the next attempt starts at once', async () => {
    const runtime = virtualRuntime();
    const { call, startedAt } = scripted(runtime, { ms: 30, end: down }, { ms: 10, end: 'second' });
    expect(await finished(hedge(safely, runtime).execute(call), runtime)).toBe('second');
    expect(startedAt).toEqual([0, 30]);
    expect(runtime.clock.now()).toBe(40);
  });

  test('H2: there are at most `maxHedges` more, a delay apart', async () => {
    const runtime = virtualRuntime();
    const steps = Array.from({ length: 4 }, (_, index) => ({ ms: 1_000, end: index }));
    const { call, startedAt } = scripted(runtime, ...steps);
    expect(await finished(hedge({ ...safely, maxHedges: 3 }, runtime).execute(call), runtime)).toBe(0);
    expect(startedAt).toEqual([0, 100, 200, 300]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('H2: a delay of 0 starts both at once, an endless one only after a failure', async () => {
    const runtime = virtualRuntime();
    const both = scripted(runtime, { ms: 20, end: 'first' }, { ms: 10, end: 'second' });
    expect(await finished(hedge({ ...safely, delayMs: 0 }, runtime).execute(both.call), runtime)).toBe('second');
    const patient = hedge({ ...safely, delayMs: Number.POSITIVE_INFINITY }, runtime);
    const slow = scripted(runtime, { ms: 1e9, end: 'slow' });
    expect(await finished(patient.execute(slow.call), runtime)).toBe('slow');
    const failing = scripted(runtime, { ms: 10, end: down }, { ms: 10, end: 'second' });
    expect(await finished(patient.execute(failing.call), runtime)).toBe('second');
  });

  test('H2: `when` rules out failures, and one that throws rules them out too', async () => {
    const filters: HedgeOptions['when'][] = [
      () => false,
      () => {
        throw new Error('bug in the filter');
      },
    ];
    for (const when of filters) {
      const runtime = virtualRuntime();
      const { call, startedAt } = scripted(runtime, { ms: 30, end: down });
      expect(await finished(hedge({ ...safely, when }, runtime).execute(call), runtime)).toBe(down);
      expect(startedAt).toEqual([0]);
    }
  });

  test('H2: an error that states a wait starts no attempt, now or later; what runs goes on', async () => {
    const runtime = virtualRuntime();
    const limited = new RateLimitError(undefined, { retryAfterMs: 5_000 });
    const alone = scripted(runtime, { ms: 30, end: limited });
    expect(await finished(hedge({ ...safely, maxHedges: 3 }, runtime).execute(alone.call), runtime)).toBe(limited);
    expect(alone.startedAt).toHaveLength(1);
    expect(callReport(limited)).toMatchObject({ stopReason: 'deadline' });
    const one = scripted(runtime, { ms: 900, end: 'slow' }, { ms: 30, end: limited });
    expect(await finished(hedge({ ...safely, maxHedges: 3 }, runtime).execute(one.call), runtime)).toBe('slow');
    expect(one.startedAt).toHaveLength(2);
  });

  test('H2: while a breaker inside is open, nothing is started', async () => {
    const runtime = virtualRuntime();
    const guarded = pipeline(hedge(safely, runtime), circuitBreaker({ consecutive: 1 }, runtime));
    const { call, startedAt } = scripted(runtime, { ms: 30, end: down });
    expect(await finished(guarded.execute(call), runtime)).toBe(down);
    expect(callReport(down)).toMatchObject({ stopReason: 'circuit_open' });
    expect(startedAt).toEqual([0]);
  });
});

describe('the delay by quantile', () => {
  const learning: HedgeOptions = { safety: 'idempotent', quantile: 0.9, minSamples: 10 };

  /** Makes calls that take so long, one after the other. */
  async function teach(policy: ReturnType<typeof hedge>, runtime: VirtualRuntime, ...times: number[]): Promise<void> {
    for (const ms of times) {
      const { call } = scripted(runtime, { ms, end: 'done' });
      const outcome = policy.execute(call);
      await runtime.clock.advance(ms);
      expect(await outcome).toBe('done');
    }
  }

  test('H6: with too few samples nothing is hedged, not even a failure', async () => {
    const runtime = virtualRuntime();
    const policy = hedge(learning, runtime);
    await teach(policy, runtime, ...Array.from({ length: 9 }, () => 10));
    const slow = scripted(runtime, { ms: 10_000, end: down });
    expect(await finished(policy.execute(slow.call), runtime)).toBe(down);
    expect(slow.startedAt).toHaveLength(1);
  });

  test('H6: with enough, calls that are slower than most are hedged at that time, or up to 4 % later', async () => {
    const runtime = virtualRuntime();
    const policy = hedge(learning, runtime);
    await teach(policy, runtime, 10, 20, 30, 40, 50, 60, 70, 80, 90, 1_000);
    const { call, startedAt } = scripted(runtime, { ms: 500, end: 'first' }, { ms: 10, end: 'second' });
    const began = runtime.clock.now();
    expect(await finished(policy.execute(call), runtime)).toBe('second');
    const delay = (startedAt[1] ?? 0) - began;
    expect(delay).toBeGreaterThanOrEqual(90);
    expect(delay).toBeLessThanOrEqual(90 * 1.04);
  });

  test('H5 H6: what is learnt is how long calls took to succeed, not how long losers or failures ran', async () => {
    const runtime = virtualRuntime();
    const policy = hedge({ ...learning, quantile: 1, minSamples: 1 }, runtime);
    await teach(policy, runtime, 100);
    for (let call = 0; call < 4; call += 1) {
      const failing = scripted(runtime, { ms: 1, end: final });
      expect(await finished(policy.execute(failing.call), runtime)).toBe(final);
    }
    const raced = scripted(runtime, { ms: 9_000, end: 'loser' }, { ms: 200, end: 'winner' });
    expect(await finished(policy.execute(raced.call), runtime)).toBe('winner');
    const next = scripted(runtime, { ms: 9_000, end: 'loser' }, { ms: 5, end: 'winner' });
    const began = runtime.clock.now();
    await finished(policy.execute(next.call), runtime);
    const delay = (next.startedAt[1] ?? 0) - began;
    expect(delay).toBeGreaterThanOrEqual(100 + 200);
    expect(delay).toBeLessThanOrEqual((104 + 200) * 1.04);
  });

  test('H6: what was learnt is forgotten with its window', async () => {
    const runtime = virtualRuntime();
    const policy = hedge({ ...learning, minSamples: 1, windowMs: 1_000 }, runtime);
    await teach(policy, runtime, 10);
    await runtime.clock.advance(1_000);
    const slow = scripted(runtime, { ms: 500, end: 'slow' });
    expect(await finished(policy.execute(slow.call), runtime)).toBe('slow');
    expect(slow.startedAt).toHaveLength(1);
  });

  test('H6: when all calls turn slow, the delay follows them and the hedges stop', async () => {
    const runtime = virtualRuntime();
    const policy = hedge({ ...learning, windowMs: 60_000 }, runtime);
    await teach(policy, runtime, ...Array.from({ length: 40 }, () => 100));
    const hedges: number[] = [];
    for (let call = 0; call < 100; call += 1) {
      const { call: slow, startedAt } = scripted(runtime, { ms: 1_000, end: 'slow' }, { ms: 1_000, end: 'slow' });
      await finished(policy.execute(slow), runtime);
      hedges.push(startedAt.length - 1);
    }
    expect(hedges.slice(0, 3)).toEqual([1, 1, 1]);
    expect(hedges.slice(-50)).toEqual(Array.from({ length: 50 }, () => 0));
  });
});

describe('who wins', () => {
  test('H4: the first good answer, whichever attempt it is of; the other is told to stop', async () => {
    for (const [first, second, winner] of [
      [150, 100, 0],
      [300, 100, 1],
    ] as const) {
      const runtime = virtualRuntime();
      const { call, contexts } = scripted(runtime, { ms: first, end: 0 }, { ms: second, end: 1 });
      const outcome = hedge(safely, runtime).execute(call);
      await runtime.clock.advance(200);
      expect(await outcome).toBe(winner);
      expect(contexts[winner]?.signal.aborted).toBe(false);
      expect(contexts[1 - winner]?.signal.reason).toMatchObject(lost);
    }
  });

  test('H4: a hedge that fails fast does not end the race for a healthy first attempt', async () => {
    const runtime = virtualRuntime();
    const { call } = scripted(runtime, { ms: 500, end: 'first' }, { ms: 1, end: down });
    expect(await finished(hedge(safely, runtime).execute(call), runtime)).toBe('first');
  });

  test('H4: a final failure ends it at once, and the rest are told to stop', async () => {
    const runtime = virtualRuntime();
    const { call, contexts } = scripted(runtime, { ms: 500, end: 'first' }, { ms: 10, end: final });
    const outcome = failure(hedge(safely, runtime).execute(call));
    await runtime.clock.advance(110);
    expect(await outcome).toBe(final);
    expect(contexts[0]?.signal.reason).toMatchObject(lost);
  });

  test('H4 G9: the last failure ends it with its own error and the history of all', async () => {
    const runtime = virtualRuntime();
    const last = new GenerationFailedError('down, too');
    const { call } = scripted(runtime, { ms: 150, end: down }, { ms: 200, end: last });
    expect(await finished(hedge(safely, runtime).execute(call), runtime)).toBe(last);
    expect(callReport(last)).toEqual({
      stopReason: 'attempts',
      attempts: [
        { errorType: 'generation_failed', ms: 150 },
        { errorType: 'generation_failed', ms: 200 },
      ],
    });
  });

  test('H5: a loser that answers or fails later is dropped, never unhandled; one that throws because of it, too', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      for (const end of ['late', new Error('late')]) {
        const runtime = virtualRuntime();
        const { call } = scripted(runtime, { ms: 900, end }, { ms: 10, end: 'second' });
        expect(await finished(hedge(safely, runtime).execute(call), runtime)).toBe('second');
      }
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  test.each(['on its signal', 'by itself'])(
    'H5: a breaker inside does not count a loser that ends with an error %s, and gets its permit back',
    async (how) => {
      const runtime = virtualRuntime();
      const breaker = circuitBreaker({ consecutive: 1 }, runtime);
      const outcomes: string[] = [];
      const raced = pipeline(hedge(safely, runtime), breaker).execute((context) => {
        if (context.attempt === 2) return 'second';
        return new Promise((_, reject) => {
          const stop = (): void => reject(new Error('socket closed'));
          if (how === 'by itself') runtime.clock.after(200, stop);
          else context.signal.addEventListener('abort', stop);
        }).finally(() => outcomes.push('loser ended'));
      });
      expect(await finished(raced, runtime)).toBe('second');
      expect(outcomes).toEqual(['loser ended']);
      expect(breaker.state).toBe('closed');
    },
  );

  test('H5: a loser that takes no notice gives back the slot that it holds', async () => {
    const runtime = virtualRuntime();
    const slots = bulkhead({ limit: 2 }, runtime);
    const raced = pipeline(hedge(safely, runtime), slots);
    for (let call = 0; call < 3; call += 1) {
      const { call: work } = scripted(runtime, { ms: 1e9, end: 'never' }, { ms: 10, end: 'second' });
      const outcome = raced.execute(work);
      await runtime.clock.advance(150);
      expect(await outcome).toBe('second');
    }
    expect(slots.running).toBe(0);
  });

  test('H5: a timeout inside does not fire for a loser', async () => {
    const runtime = virtualRuntime();
    const seen: string[] = [];
    runtime.events.on(({ type, attempt }) => seen.push(`${type} ${attempt}`));
    const raced = pipeline(hedge(safely, runtime), timeout({ limitMs: 300 }, runtime));
    const { call } = scripted(runtime, { ms: 1e6, end: 'never' }, { ms: 50, end: 'second' });
    const outcome = raced.execute(call);
    await runtime.clock.advance(150);
    expect(await outcome).toBe('second');
    await runtime.clock.advance(1_000);
    expect(seen).toEqual(['hedge.started 2', 'hedge.lost 1', 'hedge.won 2']);
  });

  test('H5: what losers cost is told: each with the time it ran', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    const { call } = scripted(runtime, { ms: 900, end: 'first' }, { ms: 900, end: 'second' }, { ms: 50, end: 'third' });
    expect(await finished(hedge({ ...safely, maxHedges: 2 }, runtime).run(call, context), runtime)).toBe('third');
    expect(context.events).toEqual([
      { type: 'hedge.started', reason: 'slow', ms: 100 },
      { type: 'hedge.started', reason: 'slow', ms: 200 },
      { type: 'hedge.lost', ms: 250 },
      { type: 'hedge.lost', ms: 150 },
      { type: 'hedge.won', ms: 250 },
    ]);
  });

  test.each([
    ['answer', 'late'],
    ['failure', new Error('late')],
  ])('H5: where nothing ends it at its abort, the late %s of a loser changes nothing', async (_, end) => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    const budget = retryBudget({ minPerSecond: 0 }, runtime);
    const policy = hedge({ ...safely, budget, maxHedges: 2 }, runtime);
    const { call, startedAt } = scripted(runtime, { ms: 160, end }, { ms: 50, end: 'second' });
    expect(await finished(policy.run(call, context), runtime)).toBe('second');
    expect(startedAt).toHaveLength(2);
    expect(budget.balance).toBeCloseTo(10 - 1 + 0.2);
    expect(context.events.map(({ type }) => type)).toEqual(['hedge.started', 'hedge.lost', 'hedge.won']);
  });

  test('G6: attempts that have ended listen to nothing, whether they answered or failed', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const context = recordingContext({ signal: caller.signal }, runtime);
    const reading: Call<string> = async ({ attempt, signal }) => {
      expect(signal.aborted).toBe(false);
      if (attempt === 1) throw down;
      return 'second';
    };
    expect(await hedge(safely, runtime).run(reading, context)).toBe('second');
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });

  test('a call that is not hedged reports nothing', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    const { call } = scripted(runtime, { ms: 50, end: 'first' });
    await finished(hedge(safely, runtime).run(call, context), runtime);
    expect(context.events).toEqual([]);
  });
});

describe('when the caller leaves, or the deadline passes', () => {
  test('G3 G6: all attempts end with his reason, no more are started, and nothing is left', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const { call, contexts, startedAt } = scripted(runtime, { ms: 1e6, end: 1 }, { ms: 1e6, end: 2 });
    const outcome = failure(hedge({ ...safely, maxHedges: 5 }, runtime).execute(call, { signal: caller.signal }));
    await runtime.clock.advance(150);
    const reason = { why: 'left' };
    caller.abort(reason);
    expect(await outcome).toBe(reason);
    expect(callReport(reason)).toMatchObject({
      stopReason: 'cancelled',
      attempts: [
        { errorType: 'cancelled', ms: 150 },
        { errorType: 'cancelled', ms: 50 },
      ],
    });
    expect(contexts.map(({ signal }) => signal.reason)).toEqual([reason, reason]);
    await runtime.clock.advance(1_000);
    expect(startedAt).toHaveLength(2);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });

  test.each([
    ['the reason of a plain abort', new DOMException('left', 'AbortError')],
    ['a reason that names a wait', { retryAfterMs: 5 }],
  ])('G3: he has left, whatever his reason looks like: %s', async (_, reason) => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const { call } = scripted(runtime, { ms: 1e6, end: 1 });
    const outcome = failure(hedge(safely, runtime).execute(call, { signal: caller.signal }));
    await runtime.clock.advance(50);
    caller.abort(reason);
    expect(await outcome).toBe(reason);
    expect(callReport(reason)).toMatchObject({ stopReason: 'cancelled' });
  });

  test('a deadline ends all attempts', async () => {
    const runtime = virtualRuntime();
    const { call } = scripted(runtime, { ms: 1e6, end: 1 }, { ms: 1e6, end: 2 });
    const outcome = failure(hedge(safely, runtime).execute(call, { deadlineMs: 150 }));
    await runtime.clock.advance(150);
    expect(await outcome).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
    expect(callReport(await outcome)).toMatchObject({ stopReason: 'deadline' });
  });

  test('G6: an answer leaves no listener on his signal', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const { call } = scripted(runtime, { ms: 300, end: 1 }, { ms: 10, end: 2 });
    expect(await finished(hedge(safely, runtime).execute(call, { signal: caller.signal }), runtime)).toBe(2);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });

  test('G10: a call whose attempts do not read their signals makes no AbortController, not even for a loser', async () => {
    const { AbortController: original } = globalThis;
    let made = 0;
    globalThis.AbortController = class extends original {
      constructor() {
        super();
        made += 1;
      }
    };
    try {
      const runtime = virtualRuntime();
      const { call } = scripted(runtime, { ms: 300, end: 1 }, { ms: 10, end: 2 });
      expect(await finished(hedge(safely, runtime).execute(call), runtime)).toBe(2);
      expect(made).toBe(0);
    } finally {
      globalThis.AbortController = original;
    }
  });

  test('G4: an answer that is complete wins over his leaving in the same tick', async () => {
    const caller = new AbortController();
    const outcome = hedge(safely, virtualRuntime()).execute(
      async () => {
        caller.abort('left');
        return 'complete';
      },
      { signal: caller.signal },
    );
    expect(await outcome).toBe('complete');
  });
});

describe('the budget', () => {
  const still = { minPerSecond: 0 };
  function emptied(budget: RetryBudget): RetryBudget {
    while (budget.take() === 'granted');
    return budget;
  }

  test('H3 U2: each extra attempt takes a token, an answer adds the ratio', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    const policy = hedge({ ...safely, budget, maxHedges: 2 }, runtime);
    await finished(policy.execute(scripted(runtime, { ms: 10, end: 1 }).call), runtime);
    expect(budget.balance).toBe(10);
    const steps = [
      { ms: 900, end: 1 },
      { ms: 900, end: 2 },
      { ms: 10, end: 3 },
    ];
    await finished(policy.execute(scripted(runtime, ...steps).call), runtime);
    expect(budget.balance).toBeCloseTo(10 - 2 + 0.2);
  });

  test('H3: a denied hedge leaves the attempt that runs alone', async () => {
    const runtime = virtualRuntime();
    const budget = emptied(retryBudget(still, runtime));
    const { call, contexts } = scripted(runtime, { ms: 500, end: 'first' });
    const outcome = hedge({ ...safely, budget }, runtime).execute(call);
    await runtime.clock.advance(400);
    expect(contexts[0]?.signal.aborted).toBe(false);
    await runtime.clock.advance(100);
    expect(await outcome).toBe('first');
    expect(contexts).toHaveLength(1);
  });

  test('H3: denied after a failure with nothing else running, the call ends with that failure', async () => {
    const runtime = virtualRuntime();
    const budget = emptied(retryBudget(still, runtime));
    const error = new GenerationFailedError('down');
    const { call } = scripted(runtime, { ms: 30, end: error });
    expect(await finished(hedge({ ...safely, budget }, runtime).execute(call), runtime)).toBe(error);
    expect(callReport(error)).toMatchObject({ stopReason: 'budget' });
  });

  test('H3 G8: without one that is given it has its own, so that a service that is slow for all is not asked twice', async () => {
    const runtime = virtualRuntime();
    let attempts = 0;
    const policy = hedge(safely, runtime);
    const calls = Array.from({ length: 1_000 }, () =>
      policy.execute(() => {
        attempts += 1;
        return new Promise((resolve) => runtime.clock.after(5_000, () => resolve('slow')));
      }),
    );
    await runtime.clock.runAll();
    await Promise.all(calls);
    expect(attempts).toBe(1_010);
  });

  test('U3 K5: an extra attempt that our own policy refuses gives its token back', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    const full = new ModelOverloadedError(undefined, { details: { reason: 'queue_full' } });
    const { call } = scripted(runtime, { ms: 500, end: down }, { ms: 10, end: full });
    expect(await finished(hedge({ ...safely, budget }, runtime).execute(call), runtime)).toBe(down);
    expect(budget.balance).toBe(10);
  });

  test('U3: the first attempt has none to give back', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    for (let token = 0; token < 5; token += 1) budget.take();
    const full = new ModelOverloadedError(undefined, { details: { reason: 'queue_full' } });
    const { call } = scripted(runtime, { ms: 5, end: full }, { ms: 5, end: 'second' });
    expect(await finished(hedge({ ...safely, budget }, runtime).execute(call), runtime)).toBe('second');
    expect(budget.balance).toBeCloseTo(5 - 1 + 0.2);
  });

  test('U6: a retry and a hedge of one service share it', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget({ ...still, capacity: 3 }, runtime);
    const hedged = hedge({ ...safely, budget }, runtime);
    const retried = retry({ attempts: 10, baseDelayMs: 0, budget }, runtime);
    let attempts = 0;
    const fails = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(down);
    };
    await finished(hedged.execute(fails), runtime);
    await finished(retried.execute(fails), runtime);
    await finished(hedged.execute(fails), runtime);
    expect(attempts).toBe(3 + 3);
    expect(budget.balance).toBe(0);
  });
});

describe('streams', () => {
  /** A stream whose items come at these times, and then its end. Notes whether it was told to stop. */
  function source(runtime: VirtualRuntime, name: string, times: readonly number[], broken?: Error) {
    const state = { stopped: false };
    async function* items(): AsyncGenerator<string> {
      try {
        for (const [index, ms] of times.entries()) {
          await new Promise<void>((resolve) => runtime.clock.after(ms, resolve));
          yield `${name}${index}`;
        }
        if (broken !== undefined) throw broken;
      } finally {
        state.stopped = true;
      }
    }
    return { state, items };
  }

  async function read(stream: AsyncIterable<unknown>): Promise<unknown[]> {
    const items: unknown[] = [];
    for await (const item of stream) items.push(item);
    return items;
  }

  /** Races two sources; what the reader got, and what became of the sources. */
  async function raced(runtime: VirtualRuntime, sources: readonly ReturnType<typeof source>[], options = safely) {
    const signals: AbortSignal[] = [];
    const outcome = hedge(options, runtime)
      .execute((context) => {
        signals.push(context.signal);
        return sources[context.attempt - 1]?.items() ?? expect.unreachable(`no source for attempt ${context.attempt}`);
      })
      .then(read)
      .catch((error: unknown) => error);
    await runtime.clock.runAll();
    return { items: await outcome, signals };
  }

  test('H7: race to their first item; the winner is read from its beginning, the loser is told to stop', async () => {
    const runtime = virtualRuntime();
    const slow = source(runtime, 'a', [500, 10]);
    const fast = source(runtime, 'b', [50, 900, 10]);
    const { items, signals } = await raced(runtime, [slow, fast]);
    expect(items).toEqual(['b0', 'b1', 'b2']);
    expect(slow.state.stopped).toBe(true);
    expect(signals[0]?.reason).toMatchObject(lost);
    expect(signals[1]?.aborted).toBe(false);
  });

  test.each(['opened', 'not even there'])(
    'H7: a loser that is %s is closed, even where nothing else does',
    async (how) => {
      const runtime = virtualRuntime();
      const context = recordingContext(undefined, runtime);
      const closed: string[] = [];
      const silent = (name: string): AsyncIterable<never> => ({
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise(() => undefined),
          async return() {
            closed.push(name);
            return { done: true, value: undefined };
          },
        }),
      });
      const outcome = hedge(safely, runtime).run(({ attempt }): unknown => {
        if (attempt === 2) return 'second';
        if (how === 'opened') return silent('loser');
        return new Promise((resolve) => runtime.clock.after(500, () => resolve(silent('loser'))));
      }, context);
      expect(await finished(outcome, runtime)).toBe('second');
      expect(closed).toEqual(['loser']);
    },
  );

  test('H4 H7: of two whose first items come at the same time one wins, and the budget is credited once', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    const budget = retryBudget({ minPerSecond: 0 }, runtime);
    const sources = [source(runtime, 'a', [200]), source(runtime, 'b', [100])];
    const outcome = hedge({ ...safely, budget }, runtime)
      .run(({ attempt }) => sources[attempt - 1]?.items() ?? expect.unreachable(), context)
      .then(read);
    await runtime.clock.runAll();
    expect(await outcome).toHaveLength(1);
    expect(budget.balance).toBeCloseTo(10 - 1 + 0.2);
    expect(context.events.map(({ type }) => type)).toEqual(['hedge.started', 'hedge.lost', 'hedge.won']);
  });

  test('H7: a stream is not hedged once its first item is there, however long it takes after that', async () => {
    const runtime = virtualRuntime();
    const { items, signals } = await raced(runtime, [source(runtime, 'a', [90, 10_000, 10_000])]);
    expect(items).toEqual(['a0', 'a1', 'a2']);
    expect(signals).toHaveLength(1);
  });

  test('H7 H2: one that fails before its first item is a failed attempt, one that fails later is not', async () => {
    const runtime = virtualRuntime();
    const early = await raced(runtime, [source(runtime, 'a', [], down), source(runtime, 'b', [10])]);
    expect(early.items).toEqual(['b0']);
    const late = await raced(runtime, [source(runtime, 'a', [10], down)]);
    expect(late.items).toBe(down);
    expect(late.signals).toHaveLength(1);
  });

  test('H7: one that ends without an item is an answer', async () => {
    const runtime = virtualRuntime();
    expect((await raced(runtime, [source(runtime, 'a', [])])).items).toEqual([]);
  });

  test('H5 H6 H7: what is learnt of a stream is the time to its first item', async () => {
    const runtime = virtualRuntime();
    const options: HedgeOptions = { safety: 'idempotent', minSamples: 1 };
    const policy = hedge(options, runtime);
    const quick = policy.execute(() => source(runtime, 'a', [40, 5_000]).items()).then(read);
    await runtime.clock.runAll();
    expect(await quick).toEqual(['a0', 'a1']);
    const began = runtime.clock.now();
    const { call, startedAt } = scripted(runtime, { ms: 500, end: 1 }, { ms: 500, end: 2 });
    await finished(policy.execute(call), runtime);
    expect(Math.abs((startedAt[1] ?? 0) - began - 41)).toBeLessThan(1);
  });

  test('H7 B17: a breaker inside counts neither the losing stream nor its end', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    const [slow, fast] = [source(runtime, 'a', [500]), source(runtime, 'b', [50])];
    const outcome = pipeline(hedge(safely, runtime), breaker)
      .execute(({ attempt }) => (attempt === 1 ? slow : fast).items())
      .then(read);
    await runtime.clock.runAll();
    expect(await outcome).toEqual(['b0']);
    expect(breaker.state).toBe('closed');
    expect(slow.state.stopped).toBe(true);
  });

  test('U2 H7: a stream adds to the budget when it has ended well', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget({ minPerSecond: 0 }, runtime);
    budget.take();
    await raced(runtime, [source(runtime, 'a', [10], down)], { ...safely, budget });
    expect(budget.balance).toBe(9);
    await raced(runtime, [source(runtime, 'a', [10])], { ...safely, budget });
    expect(budget.balance).toBeCloseTo(9.2);
  });

  test('T5 G3: the caller can leave the winning stream, which hears of it', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    let heard: AbortSignal | undefined;
    const stream = hedge(safely, runtime).execute(
      ({ signal }) => {
        heard = signal;
        return source(runtime, 'a', [10, 10_000]).items();
      },
      { signal: caller.signal },
    );
    const outcome = failure(stream.then(read));
    await runtime.clock.advance(50);
    caller.abort('left');
    expect(await outcome).toBe('left');
    expect(heard?.reason).toBe('left');
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });
});

describe('races, in any order', () => {
  type End = 'good' | 'passing' | 'final';
  interface World {
    readonly log: { readonly attempt: number; readonly end: End }[];
    readonly signals: AbortSignal[];
    readonly timers: Set<object>;
  }

  /** A runtime whose timers fire when the scheduler says so. */
  function scheduledRuntime(scheduler: fc.Scheduler, { timers }: World): Runtime {
    const clock = {
      now: () => 0,
      date: () => new Date(0),
      after(_: number, action: () => void) {
        const timer = { cancel: () => void timers.delete(timer) };
        timers.add(timer);
        void scheduler.schedule(Promise.resolve(), 'delay').then(() => timers.delete(timer) && action());
        return timer;
      },
    };
    return { ...virtualRuntime(), clock };
  }

  /** What the race must come to: decided by the first end that decides anything. */
  function expected({ log }: World, most: number): { decided: number; end: End } {
    for (const [index, { end }] of log.entries()) {
      const last = index + 1 === most;
      if (end !== 'passing' || last) return { decided: index, end };
    }
    return expect.unreachable('the race was decided before anything decided it');
  }

  test('H2 H4 H5: the first deciding end decides, losers are aborted, and nothing is left', async () => {
    const script = fc.array(fc.constantFrom<End>('good', 'passing', 'final'), { minLength: 4, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), script, fc.integer({ min: 1, max: 3 }), async (scheduler, ends, maxHedges) => {
        const world: World = { log: [], signals: [], timers: new Set() };
        const runtime = scheduledRuntime(scheduler, world);
        const outcome = hedge({ ...safely, maxHedges }, runtime)
          .execute(async ({ attempt, signal }) => {
            world.signals.push(signal);
            await scheduler.schedule(Promise.resolve(), `attempt ${attempt}`);
            const end = ends[attempt - 1] ?? 'final';
            world.log.push({ attempt, end });
            if (end === 'good') return attempt;
            throw end === 'final' ? createError('invalid_input') : new GenerationFailedError('down');
          })
          .then(
            (winner) => ({ winner }),
            (error: { errorType?: string }) => ({ error: error.errorType }),
          );
        const result = await scheduler.waitFor(outcome);
        const atEnd = world.log.length;
        const { decided, end } = expected(world, maxHedges + 1);
        const { attempt } = world.log[decided] ?? { attempt: 0 };
        expect(result).toEqual(
          end === 'good' ? { winner: attempt } : { error: end === 'final' ? 'invalid_input' : 'generation_failed' },
        );
        expect(world.signals.length).toBeLessThanOrEqual(maxHedges + 1);
        expect(world.timers.size).toBe(0);
        const ended = new Set(world.log.slice(0, atEnd).map((entry) => entry.attempt));
        for (const [index, signal] of world.signals.entries()) {
          if (!ended.has(index + 1)) expect(signal.reason).toMatchObject(lost);
          if (index + 1 === attempt) expect(signal.aborted).toBe(false);
        }
        await scheduler.waitIdle();
        expect(world.signals.length).toBeLessThanOrEqual(maxHedges + 1);
      }),
      { numRuns: 500 },
    );
  });
});

describe('options', () => {
  test('have these defaults', () => {
    expect(hedgeDefaults).toEqual({
      safety: 'unknown',
      quantile: 0.95,
      minSamples: 20,
      windowMs: 300_000,
      maxHedges: 1,
    });
  });

  test.each<[HedgeOptions, string]>([
    [{ safety: 'yes' as never }, 'safety must be one of idempotent, unknown, got "yes"'],
    [{ delayMs: -1 }, 'delayMs must be 0 or above, got -1'],
    [{ delayMs: 10, quantile: 0.9 }, 'delayMs and quantile exclude each other, got both'],
    [{ quantile: 0 }, 'quantile must be above 0 and at most 1, got 0'],
    [{ minSamples: 0 }, 'minSamples must be a whole number of at least 1, got 0'],
    [{ windowMs: Number.NaN }, 'windowMs must be above 0, got NaN'],
    [{ budget: 'unlimited' as never }, 'budget must be a retryBudget(), got "unlimited"'],
    [{ maxHedges: 0 }, 'maxHedges must be a whole number of at least 1, got 0'],
  ])('G7 G8: a bad one is refused: %o', (options, message) => {
    expect(() => hedge(options)).toThrow(new RangeError(message));
  });
});

test('G12: a synchronous throw and a plain value are an end like any other', async () => {
  const runtime = virtualRuntime();
  const policy = hedge(safely, runtime);
  expect(await policy.execute(() => undefined)).toBeUndefined();
  const thrown = policy.execute(({ attempt }) => {
    if (attempt === 1) throw down;
    return 'second';
  });
  expect(await thrown).toBe('second');
});
