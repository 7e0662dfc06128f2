import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { GenerationFailedError } from '../../errors/upstream-errors.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { BreakerMachine } from './breaker-machine.js';
import type { BreakerOutcome, BreakerSettings, Permit } from './breaker-state.js';

/** What the rules say, as plainly as it can be written: no generations, no counters that are kept up to date. */
class Model {
  now = 0;
  closedSince = 0;
  openedAt: number | undefined = undefined;
  outcomes: boolean[] = [];
  /** Permits of the present stay half-open, `undefined` while they are out. */
  trials: Map<number, 'success' | undefined> | undefined = undefined;
  private readonly settings: BreakerSettings;
  /** Permits that still mean something: those of the present stay. */
  private live = new Set<number>();
  private issued = 0;

  constructor(settings: BreakerSettings) {
    this.settings = settings;
  }

  get state(): string {
    if (this.trials !== undefined) return 'half_open';
    if (this.openedAt === undefined) return 'closed';
    return this.now - this.openedAt >= this.settings.cooldownMs ? 'half_open' : 'open';
  }

  /** The permit's number, or `undefined` for a rejection. */
  acquire(): number | undefined {
    if (this.state === 'open') return undefined;
    if (this.state === 'half_open') {
      if (this.trials === undefined) {
        this.trials = new Map();
        this.live.clear();
      }
      if (this.trials.size >= this.settings.trials) return undefined;
      this.trials.set(this.issued, undefined);
    }
    this.live.add(this.issued);
    this.issued += 1;
    return this.issued - 1;
  }

  settle(permit: number, outcome: BreakerOutcome): void {
    if (!this.live.delete(permit)) return;
    if (this.trials === undefined) {
      if (outcome === 'success' || outcome === 'failure') this.outcomes.push(outcome === 'failure');
      if (outcome === 'success' || outcome === 'failure') this.tripIfDue();
    } else if (outcome === 'failure') {
      this.open();
    } else if (outcome === 'success') {
      this.trials.set(permit, 'success');
      const good = [...this.trials.values()].filter((value) => value === 'success').length;
      if (good >= this.settings.trials) this.reset();
    } else {
      this.trials.delete(permit);
    }
  }

  reset(): void {
    this.openedAt = undefined;
    this.trials = undefined;
    this.outcomes = [];
    this.live.clear();
  }

  private tripIfDue(): void {
    const { consecutive, failureRatio, window } = this.settings;
    const calls = 'calls' in window ? window.calls : Number.POSITIVE_INFINITY;
    const recent = this.outcomes.slice(-calls);
    const minCalls = this.settings.minCalls ?? Math.min(10, calls);
    const inARow = this.outcomes.length - 1 - this.outcomes.lastIndexOf(false);
    const ratio = recent.filter(Boolean).length / recent.length;
    if (inARow >= consecutive && this.outcomes.length >= (this.settings.minCalls ?? 1)) this.open();
    else if (failureRatio !== undefined && recent.length >= minCalls && ratio >= failureRatio) this.open();
  }

  private open(): void {
    this.openedAt = this.now;
    this.trials = undefined;
    this.live.clear();
  }
}

type Step =
  | { readonly do: 'acquire' }
  | { readonly do: 'reset' }
  | { readonly do: 'settle'; readonly which: number; readonly outcome: BreakerOutcome }
  | { readonly do: 'advance'; readonly ms: number };

const outcome = fc.constantFrom<BreakerOutcome>('success', 'failure', 'failure', 'ignored', 'cancelled', 'rejected');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Step>({ do: 'acquire' }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(), outcome }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 120 }) }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'reset' }) },
);
const settings: fc.Arbitrary<BreakerSettings> = fc.record({
  name: fc.constant('model'),
  consecutive: fc.constantFrom(1, 2, 3, Number.POSITIVE_INFINITY),
  cooldownMs: fc.constantFrom(50, 100),
  cooldownFactor: fc.constant(2),
  cooldownJitterRatio: fc.constant(0),
  trials: fc.integer({ min: 1, max: 3 }),
  leaseMs: fc.constant(Number.POSITIVE_INFINITY),
  minCalls: fc.constantFrom(undefined, 1, 3),
  failureRatio: fc.constantFrom(undefined, 0.5, 1),
  window: fc.constantFrom({ calls: 4 }, { ms: 1e12 }),
});

test('B2 B3 B4 B5 B7 B8 B9: whatever the order of acquires, settles and time, it does what the rules say', async () => {
  await fc.assert(
    fc.asyncProperty(settings, fc.array(step, { minLength: 20, maxLength: 120 }), async (options, steps) => {
      const runtime = virtualRuntime();
      const machine = new BreakerMachine(options, runtime);
      const model = new Model(options);
      const permits: { readonly permit: Permit; readonly number: number }[] = [];
      for (const next of steps) {
        if (next.do === 'advance') {
          await runtime.clock.advance(next.ms);
          model.now += next.ms;
        } else if (next.do === 'reset') {
          machine.reset();
          model.reset();
        } else if (next.do === 'acquire') {
          const number = model.acquire();
          if (number === undefined) expect(() => machine.acquire()).toThrow('is OPEN');
          else permits.push({ permit: machine.acquire(), number });
        } else if (permits.length > 0) {
          // Also permits that are settled already, and permits of states long past.
          const { permit, number } = permits[next.which % permits.length];
          permit.settle(next.outcome, new GenerationFailedError());
          model.settle(number, next.outcome);
        }
        expect(machine.state).toBe(model.state);
        expect(runtime.clock.pending).toBe(0);
      }
    }),
    { numRuns: 600 },
  );
});
