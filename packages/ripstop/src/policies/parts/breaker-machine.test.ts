import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { GenerationFailedError } from '../../errors/upstream-errors.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { circuitBreaker } from '../circuit-breaker.js';
import type { BreakerOutcome, BreakerOverride, BreakerSettings, Permit } from './breaker-state.js';

/** What the rules say, as plainly as it can be written: no generations, no counters that are kept up to date. */
class Model {
  now = 0;
  override: BreakerOverride | undefined = undefined;
  openUntil: number | undefined = undefined;
  opens = 0;
  outcomes: boolean[] = [];
  /** Permits of the present stay half-open: `success`, or when their lease ends while they are out. */
  trials: Map<number, 'success' | number> | undefined = undefined;
  private readonly settings: BreakerSettings;
  /** Permits that still mean something: those of the present stay. */
  private live = new Set<number>();
  private issued = 0;

  constructor(settings: BreakerSettings) {
    this.settings = settings;
  }

  get state(): string {
    this.endLeases();
    if (this.override !== undefined) return this.override === 'forced_open' ? 'open' : 'closed';
    if (this.trials !== undefined) return 'half_open';
    if (this.openUntil === undefined) return 'closed';
    return this.now >= this.openUntil ? 'half_open' : 'open';
  }

  get retryAfterMs(): number {
    if (this.state !== 'open') return 0;
    return this.override === undefined ? (this.openUntil ?? 0) - this.now : Number.POSITIVE_INFINITY;
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
      this.trials.set(this.issued, this.now + this.settings.leaseMs);
    }
    this.live.add(this.issued);
    this.issued += 1;
    return this.issued - 1;
  }

  settle(permit: number, outcome: BreakerOutcome): void {
    this.endLeases();
    if (!this.live.delete(permit) || this.override !== undefined) return;
    if (this.trials === undefined) {
      if (outcome === 'success' || outcome === 'failure') this.outcomes.push(outcome === 'failure');
      if (outcome === 'success' || outcome === 'failure') this.tripIfDue();
    } else if (outcome === 'failure') {
      this.open(this.now);
    } else if (outcome === 'success') {
      this.trials.set(permit, 'success');
      const good = [...this.trials.values()].filter((value) => value === 'success').length;
      if (good >= this.settings.trials) this.close();
    } else {
      this.trials.delete(permit);
    }
  }

  renew(permit: number): void {
    this.endLeases();
    if (this.live.has(permit)) this.trials?.set(permit, this.now + this.settings.leaseMs);
  }

  reset(): void {
    this.opens = 0;
    this.close();
  }

  set(override: BreakerOverride): void {
    this.close();
    this.override = override;
  }

  release(): void {
    if (this.override !== undefined) this.reset();
  }

  private close(): void {
    this.override = undefined;
    this.openUntil = undefined;
    this.trials = undefined;
    this.outcomes = [];
    this.live.clear();
  }

  private endLeases(): void {
    const ends = [...(this.trials?.values() ?? [])].filter((value) => value !== 'success');
    const first = Math.min(...ends);
    if (first <= this.now) this.open(first);
  }

  private tripIfDue(): void {
    const { consecutive, failureRatio, window } = this.settings;
    const calls = 'calls' in window ? window.calls : Number.POSITIVE_INFINITY;
    const recent = this.outcomes.slice(-calls);
    const minCalls = this.settings.minCalls ?? Math.min(10, calls);
    const inARow = this.outcomes.length - 1 - this.outcomes.lastIndexOf(false);
    const ratio = recent.filter(Boolean).length / recent.length;
    const due =
      (inARow >= consecutive && this.outcomes.length >= (this.settings.minCalls ?? 1)) ||
      (failureRatio !== undefined && recent.length >= minCalls && ratio >= failureRatio);
    if (!due) return;
    if (this.outcomes.filter((failed) => !failed).length >= calls) this.opens = 0;
    this.open(this.now);
  }

  private open(at: number): void {
    const { cooldownMs, maxCooldownMs, cooldownFactor } = this.settings;
    this.openUntil = at + Math.min(maxCooldownMs ?? cooldownMs, cooldownMs * cooldownFactor ** this.opens);
    this.opens += 1;
    this.trials = undefined;
    this.live.clear();
  }
}

type Step =
  | { readonly do: 'acquire' }
  | { readonly do: 'reset' }
  | { readonly do: 'release' }
  | { readonly do: 'settle'; readonly which: number; readonly outcome: BreakerOutcome }
  | { readonly do: 'renew'; readonly which: number }
  | { readonly do: 'override'; readonly override: BreakerOverride }
  | { readonly do: 'advance'; readonly ms: number };

const setters = { forced_open: 'isolate', disabled: 'disable', metrics_only: 'metricsOnly' } as const;
const outcome = fc.constantFrom<BreakerOutcome>('success', 'failure', 'failure', 'ignored', 'cancelled', 'rejected');
const override = fc.constantFrom<BreakerOverride>('forced_open', 'disabled', 'metrics_only');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 80, arbitrary: fc.constant<Step>({ do: 'acquire' }) },
  { weight: 80, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(), outcome }) },
  { weight: 30, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 120 }) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('renew' as const), which: fc.nat() }) },
  { weight: 10, arbitrary: fc.constantFrom<Step>({ do: 'reset' }, { do: 'release' }, { do: 'release' }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('override' as const), override }) },
);
const settings: fc.Arbitrary<BreakerSettings> = fc.record({
  name: fc.constant('model'),
  consecutive: fc.constantFrom(1, 2, 3, Number.POSITIVE_INFINITY),
  cooldownMs: fc.constantFrom(50, 100),
  maxCooldownMs: fc.constantFrom(undefined, 300),
  cooldownFactor: fc.constantFrom(1, 2),
  cooldownJitterRatio: fc.constant(0),
  trials: fc.integer({ min: 1, max: 3 }),
  leaseMs: fc.constantFrom(70, 200, Number.POSITIVE_INFINITY),
  minCalls: fc.constantFrom(undefined, 1, 3),
  failureRatio: fc.constantFrom(undefined, 0.5, 1),
  window: fc.constantFrom({ calls: 4 }, { ms: 1e12 }),
});

test('B1 B2 B3 B4 B5 B7 B8 B9 B10 B11: whatever the order of calls, time and operators, it does what the rules say', async () => {
  await fc.assert(
    fc.asyncProperty(settings, fc.array(step, { minLength: 20, maxLength: 120 }), async (options, steps) => {
      const runtime = virtualRuntime();
      const breaker = circuitBreaker(options, runtime);
      const model = new Model(options);
      const permits: { readonly permit: Permit; readonly number: number }[] = [];
      for (const next of steps) {
        if (next.do === 'advance') {
          await runtime.clock.advance(next.ms);
          model.now += next.ms;
        } else if (next.do === 'reset' || next.do === 'release') {
          breaker[next.do]();
          model[next.do]();
        } else if (next.do === 'override') {
          breaker[setters[next.override]]();
          model.set(next.override);
        } else if (next.do === 'acquire') {
          const number = model.acquire();
          if (number === undefined) expect(() => breaker.acquire()).toThrow('is OPEN');
          else permits.push({ permit: breaker.acquire(), number });
        } else if (permits.length > 0) {
          // Also permits that are settled already, and permits of states long past.
          const { permit, number } = permits[next.which % permits.length];
          if (next.do === 'renew') {
            permit.renew();
            model.renew(number);
          } else {
            permit.settle(next.outcome, new GenerationFailedError());
            model.settle(number, next.outcome);
          }
        }
        expect([breaker.state, breaker.retryAfterMs]).toEqual([model.state, model.retryAfterMs]);
        expect(runtime.clock.pending).toBe(0);
      }
    }),
    { numRuns: 600 },
  );
});
