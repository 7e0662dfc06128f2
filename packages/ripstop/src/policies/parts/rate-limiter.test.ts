import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createContext } from '../../call/root-scope.js';
import { type VirtualRuntime, virtualRuntime } from '../../testing/virtual-runtime.js';
import { RateLimiter, type RateLimiterSettings } from './rate-limiter.js';

interface Grant {
  readonly id: number;
  readonly at: number;
  readonly tokens: number;
}

const settings: RateLimiterSettings = {
  name: 'default',
  requests: { burst: 5, msPerUnit: 100 },
  tokens: { burst: 50, msPerUnit: 10 },
  maxQueue: 20,
  maxWaitMs: 2_000,
};

/** Asks for leave once; whatever comes of it is noted under `id`. */
async function ask(
  limiter: RateLimiter,
  runtime: VirtualRuntime,
  { id, tokens, leaves }: { id: number; tokens: number; leaves?: AbortSignal },
  log: { granted: Grant[]; refused: number[] },
): Promise<void> {
  const note = (reserved: number): number => log.granted.push({ id, at: runtime.clock.now(), tokens: reserved });
  const reserved = limiter.take(tokens);
  if (reserved !== undefined) return void note(reserved);
  const context = createContext(leaves === undefined ? {} : { signal: leaves }, runtime);
  return limiter.wait(tokens, context).then(
    (later) => void note(later),
    () => void log.refused.push(id),
  );
}

/** The most that any stretch of time may hold. */
function expectWithin(grants: readonly Grant[], { requests, tokens }: RateLimiterSettings): void {
  if (requests === undefined || tokens === undefined) return expect.unreachable('both have a limit');
  for (const [from, first] of grants.entries()) {
    let units = 0;
    for (const [offset, grant] of grants.slice(from).entries()) {
      units += grant.tokens;
      const ms = grant.at - first.at;
      expect(offset + 1).toBeLessThanOrEqual(requests.burst + ms / requests.msPerUnit + 1e-6);
      expect(units).toBeLessThanOrEqual(tokens.burst + ms / tokens.msPerUnit + 1e-6);
    }
  }
}

const arrivals = fc.array(
  fc.record({ afterMs: fc.integer({ min: 0, max: 300 }), tokens: fc.integer({ min: 0, max: 60 }) }),
  { minLength: 1, maxLength: 40 },
);

test('in no stretch of time more is granted than the burst and what came back in it', async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, async (calls) => {
      const runtime = virtualRuntime();
      const limiter = new RateLimiter(settings, runtime);
      const log = { granted: [] as Grant[], refused: [] as number[] };
      for (const [id, { afterMs, tokens }] of calls.entries()) {
        await runtime.clock.advance(afterMs);
        void ask(limiter, runtime, { id, tokens }, log);
      }
      await runtime.clock.runAll();
      expectWithin(log.granted, settings);
      expect(log.granted.length + log.refused.length).toBe(calls.length);
      // First come, first served.
      expect(log.granted.map(({ id }) => id)).toEqual(log.granted.map(({ id }) => id).sort((a, b) => a - b));
      expect(runtime.clock.pending).toBe(0);
    }),
    { numRuns: 150 },
  );
});

test('nobody waits longer than he may, and nobody is refused who could have gone', async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, async (calls) => {
      const runtime = virtualRuntime();
      const limiter = new RateLimiter({ ...settings, maxQueue: 1_000 }, runtime);
      const asked = new Map<number, number>();
      const log = { granted: [] as Grant[], refused: [] as number[] };
      for (const [id, { afterMs, tokens }] of calls.entries()) {
        await runtime.clock.advance(afterMs);
        asked.set(id, runtime.clock.now());
        const before = log.refused.length;
        void ask(limiter, runtime, { id, tokens }, log);
        await runtime.clock.advance(0);
        // A refusal comes at once or not at all, while nothing else moves the turns.
        expect(log.refused.slice(before).every((refused) => refused === id)).toBe(true);
      }
      await runtime.clock.runAll();
      for (const { id, at } of log.granted) expect(at - (asked.get(id) ?? 0)).toBeLessThanOrEqual(settings.maxWaitMs);
    }),
    { numRuns: 150 },
  );
});

test('K3: no grant is lost or given twice, whoever leaves, settles or pauses in between, in any order', async () => {
  const call = fc.record({
    tokens: fc.integer({ min: 0, max: 30 }),
    used: fc.integer({ min: 0, max: 30 }),
    then: fc.constantFrom('stays', 'stays', 'leaves', 'pauses'),
  });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(call, { minLength: 1, maxLength: 25 }), async (scheduler, calls) => {
      const runtime = virtualRuntime();
      const limiter = new RateLimiter({ ...settings, maxQueue: 30, maxWaitMs: 60_000 }, runtime);
      const log = { granted: [] as Grant[], refused: [] as number[] };
      const outcomes: Promise<void>[] = [];
      for (const [id, { tokens, used, then }] of calls.entries()) {
        const caller = new AbortController();
        void scheduler.schedule(Promise.resolve(), `call ${id}`).then(() => {
          outcomes.push(
            ask(limiter, runtime, { id, tokens, leaves: caller.signal }, log).then(async () => {
              const grant = log.granted.find((granted) => granted.id === id);
              await scheduler.schedule(Promise.resolve(), `settle ${id}`);
              if (grant !== undefined) limiter.settle(grant.tokens, used);
            }),
          );
        });
        if (then === 'stays') continue;
        void scheduler.schedule(Promise.resolve(), `${then} ${id}`).then(() => {
          if (then === 'leaves') caller.abort();
          else limiter.pause(200);
        });
      }
      await scheduler.waitIdle();
      while (
        outcomes.length < calls.length ||
        limiter.waiting > 0 ||
        log.granted.length + log.refused.length < calls.length
      ) {
        await runtime.clock.advance(50);
        await scheduler.waitIdle();
      }
      await runtime.clock.runAll();
      await scheduler.waitIdle();
      await Promise.all(outcomes);
      const ended = [...log.granted.map(({ id }) => id), ...log.refused];
      expect(ended.sort((a, b) => a - b)).toEqual(calls.map((_, id) => id));
      for (const id of log.refused) expect(calls[id]?.then).toBe('leaves');
      expect(runtime.clock.pending).toBe(0);
      // All that was taken comes back with time.
      await runtime.clock.advance(10_000);
      expect(limiter.left).toEqual({ requests: 5, tokens: 50 });
    }),
    { numRuns: 100 },
  );
});

test('the keys that may be forgotten are those that say nothing', async () => {
  const runtime = virtualRuntime();
  const limiter = new RateLimiter(settings, runtime);
  expect(limiter.keep).toBe('free');
  limiter.take(50);
  expect(limiter.keep).toBe('used');
  const context = createContext({}, runtime);
  const waiting = limiter.wait(10, context);
  expect(limiter.keep).toBe('held');
  await runtime.clock.advance(1_000);
  await waiting;
  expect(limiter.keep).toBe('free');
  limiter.pause(100);
  expect(limiter.keep).toBe('held');
});

test('a listener that makes the refused leave takes nobody else out of the line', async () => {
  const runtime = virtualRuntime();
  const limiter = new RateLimiter({ ...settings, requests: { burst: 1, msPerUnit: 1_000 } }, runtime);
  const log = { granted: [] as Grant[], refused: [] as number[] };
  const caller = new AbortController();
  runtime.events.on(({ type }) => {
    if (type === 'rate_limit.rejected') caller.abort();
  });
  void ask(limiter, runtime, { id: 0, tokens: 0 }, log);
  void ask(limiter, runtime, { id: 1, tokens: 0, leaves: caller.signal }, log);
  await runtime.clock.advance(500);
  void ask(limiter, runtime, { id: 2, tokens: 0 }, log);
  limiter.pause(1_600);
  await runtime.clock.runAll();
  expect(log.refused).toEqual([1]);
  expect(log.granted.map(({ id, at }) => [id, at])).toEqual([
    [0, 0],
    [2, 2_100],
  ]);
});

test('a listener that comes back in the middle of a refusal finds everything in order', async () => {
  const runtime = virtualRuntime();
  const limiter = new RateLimiter({ ...settings, requests: { burst: 1, msPerUnit: 1_000 } }, runtime);
  const log = { granted: [] as Grant[], refused: [] as number[] };
  let reported = 0;
  runtime.events.on(({ type }) => {
    if (type !== 'rate_limit.rejected' || reported++ > 0) return;
    void ask(limiter, runtime, { id: 9, tokens: 0 }, log);
  });
  for (const id of [0, 1, 2]) void ask(limiter, runtime, { id, tokens: 0 }, log);
  limiter.pause(2_000);
  await runtime.clock.runAll();
  expect(log.granted.map(({ id, at }) => [id, at])).toEqual([
    [0, 0],
    [1, 2_000],
  ]);
  expect(log.refused).toEqual([9, 2]);
  expect(limiter.waiting).toBe(0);
});
