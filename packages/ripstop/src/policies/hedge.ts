import type { CallContext } from '../call/call.js';
import {
  assertCount,
  assertNotNegative,
  assertOneOf,
  assertPositive,
  assertRatio,
  type Defaults,
  withDefaults,
} from '../call/options.js';
import { RootScope } from '../call/root-scope.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { quantiles } from './parts/quantiles.js';
import { Race } from './parts/race.js';
import { assertBudget, type RetryBudget, retryBudget } from './parts/retry-budget.js';
import { endedByAbort, type Policy, policy } from './policy.js';

/** May a call be made twice? Nobody but its author knows. */
export type CallSafety = 'idempotent' | 'unknown';

/**
 * Hedge: a second attempt before the first has failed.
 *
 * When an attempt has not answered after the delay, or fails in a way that may pass, another one starts beside those
 * that run. The first good answer wins; the others are aborted with a CancelledError whose `details.reason` is
 * `hedge_lost`, which no policy takes for a failure. A failure ends the race only if no attempt is left, or if it is
 * final. Streams race to their first item. An error that states a wait starts no attempt: waiting is retry's business.
 *
 * The delay is a quantile of how long recent calls took, so that only the slowest are hedged, and fewer when all are
 * slow; before it knows enough calls it hedges none. Each extra attempt is paid from a budget and, by the service,
 * billed: it does nothing until the call is declared `idempotent`. In the place of retry, never around or inside one.
 *
 * Source: J. Dean and L. A. Barroso, The Tail at Scale (CACM, 2013); gRPC A6 for failures that do not end the race.
 */
export interface HedgeOptions {
  /** `idempotent`: the call may be made more than once. `unknown`: it is not hedged. Default: `unknown`. */
  readonly safety?: CallSafety | undefined;
  /** A fixed delay, in milliseconds, instead of a quantile. 0: at once; `Infinity`: only after failures. Default: none. */
  readonly delayMs?: number | undefined;
  /** The delay is what this share of recent calls took at most; above 0, at most 1. Default: 0.95. */
  readonly quantile?: number | undefined;
  /** Successful calls that must have been seen before a quantile is taken. Default: 20. */
  readonly minSamples?: number | undefined;
  /** How far back a quantile looks, in milliseconds. Default: 300 000. */
  readonly windowMs?: number | undefined;
  /** Attempts after the first. Default: 1. */
  readonly maxHedges?: number | undefined;
  /** What extra attempts are paid from; share it with all that call the same service. Default: a `retryBudget()` of its own. */
  readonly budget?: RetryBudget | undefined;
  /** Narrows which failures may pass; it cannot widen it. Default: every retryable error. */
  readonly when?: ((error: unknown, context: CallContext) => boolean) | undefined;
}

export const hedgeDefaults: Defaults<HedgeOptions, 'safety' | 'quantile' | 'minSamples' | 'windowMs' | 'maxHedges'> = {
  safety: 'unknown',
  quantile: 0.95,
  minSamples: 20,
  windowMs: 300_000,
  maxHedges: 1,
};

/** @throws RangeError for a bad option. */
export function hedge(options: HedgeOptions = {}, runtime: Runtime = systemRuntime): Policy {
  const settings = checked(options);
  const { safety, delayMs, quantile, minSamples, windowMs, maxHedges, when } = settings;
  if (safety === 'unknown') return policy('hedge', (next, context) => next(context), runtime);
  const { clock } = runtime;
  const { budget = retryBudget({}, runtime) } = settings;
  const recent = quantiles(windowMs, clock);
  const answered = (ms: number): void => recent.record(ms);

  /** `undefined` while too little is known. */
  function currentDelay(): number | undefined {
    return recent.count < minSamples ? undefined : recent.quantile(quantile);
  }

  return policy(
    'hedge',
    (next, context) => {
      const delay = delayMs ?? currentDelay();
      const rules = {
        clock,
        budget,
        when,
        answered,
        delayMs: delay ?? 0,
        maxHedges: delay === undefined ? 0 : maxHedges,
      };
      return new Race(next, fieldOf(context), rules).outcome;
    },
    runtime,
  );
}

/** What the attempts share: a loser ends at its abort, even if it takes no notice, and gives back what it holds. */
function fieldOf(context: CallContext): CallContext {
  const field = new RootScope(context.runtime, { context });
  const { callee } = field;
  if (callee !== undefined) field.callee = endedByAbort(callee);
  return field;
}

function checked(options: HedgeOptions): typeof hedgeDefaults & HedgeOptions {
  const settings = withDefaults(hedgeDefaults, options);
  const { safety, delayMs, quantile, minSamples, windowMs, maxHedges } = settings;
  assertBudget(settings.budget);
  assertOneOf('safety', safety, ['idempotent', 'unknown']);
  if (delayMs !== undefined) {
    assertNotNegative('delayMs', delayMs);
    if (options.quantile !== undefined) throw new RangeError('delayMs and quantile exclude each other, got both');
  }
  assertRatio('quantile', quantile);
  assertCount('minSamples', minSamples);
  assertPositive('windowMs', windowMs);
  assertCount('maxHedges', maxHedges);
  return settings;
}
