import type { CallContext } from '../../call/call.js';
import { assertNotNegative, assertOneOf, badOption, type Defaults, withDefaults } from '../../call/options.js';
import type { Random } from '../../call/runtime.js';

/** How a delay is spread, so that callers that failed together do not come back together. */
export type Jitter = 'full' | 'equal' | 'decorrelated' | 'none';

/** How long to wait between attempts. */
export interface BackoffOptions {
  /**
   * How delays grow from the base: `exponential` by `factor` each time, `linear` by the base each time, `constant` not
   * at all. A function gives the delay before retry number `retry` (from 1) itself, in milliseconds, and is told the
   * delay before (0 at first). If it throws, or gives no number of 0 or above, that is reported as `listener.failed`,
   * and the delay is the exponential one. `maxDelayMs` bounds them all, then comes the jitter. Default: `exponential`.
   */
  readonly backoff?:
    | 'exponential'
    | 'linear'
    | 'constant'
    | ((retry: number, previousMs: number) => number)
    | undefined;
  /** The first delay before jitter, in milliseconds. Default: 1 000. */
  readonly baseDelayMs?: number | undefined;
  /** The longest delay, and the longest stated wait that is honoured, in milliseconds. Default: 60 000. */
  readonly maxDelayMs?: number | undefined;
  /** What each exponential delay is multiplied by to give the next. Default: 2. */
  readonly factor?: number | undefined;
  /**
   * `full`: anywhere between 0 and the delay; `equal`: between half of it and all of it; `decorrelated`: between the
   * base and three times the delay before (at first, three times the base), which is a growth of its own in place of
   * `backoff`; `none`: exactly the delay. Default: `full`.
   */
  readonly jitter?: Jitter | undefined;
}

/** Defaults of every policy that backs off. */
export const backoffDefaults: Defaults<BackoffOptions> = {
  backoff: 'exponential',
  baseDelayMs: 1_000,
  maxDelayMs: 60_000,
  factor: 2,
  jitter: 'full',
};

/** The delay before retry number `retry` (from 1), given the one before it. In milliseconds. */
export type Backoff = (retry: number, previousMs: number, context: Pick<CallContext, 'emit'>) => number;

/**
 * Backoff with jitter. The cap is applied before the jitter, so that even the longest delays are spread over their whole
 * range (RT11).
 *
 * Source: M. Brooker, Exponential Backoff and Jitter (AWS Architecture Blog, 2015).
 *
 * @throws RangeError for a bad option.
 */
export function createBackoff(options: BackoffOptions, random: Random): Backoff {
  const settings = withDefaults(backoffDefaults, options);
  const { backoff, baseDelayMs, maxDelayMs, factor, jitter } = settings;
  const growing = growth(settings);
  if (typeof backoff !== 'function') assertOneOf('backoff', backoff, ['exponential', 'linear', 'constant']);
  assertNotNegative('baseDelayMs', baseDelayMs);
  if (baseDelayMs === Number.POSITIVE_INFINITY) throw badOption('baseDelayMs', 'must be finite', baseDelayMs);
  assertNotNegative('maxDelayMs', maxDelayMs);
  if (!(factor >= 1)) throw badOption('factor', 'must be 1 or above', factor);
  assertOneOf('jitter', jitter, ['full', 'equal', 'decorrelated', 'none']);
  // Finite even without a cap: 0 × Infinity is NaN.
  const capMs = Math.min(maxDelayMs, Number.MAX_VALUE);
  const leastMs = Math.min(baseDelayMs, capMs);

  return (retry, previousMs, context) => {
    if (jitter === 'decorrelated') {
      const mostMs = Math.min(capMs, 3 * Math.max(leastMs, previousMs));
      return leastMs + random() * (mostMs - leastMs);
    }
    const delayMs = Math.min(capMs, growing(retry, previousMs, context));
    switch (jitter) {
      case 'full':
        return random() * delayMs;
      case 'equal':
        return delayMs / 2 + (random() * delayMs) / 2;
      case 'none':
        return delayMs;
    }
  };
}

/** Delays before cap and jitter. */
function growth({ backoff, baseDelayMs, factor }: typeof backoffDefaults): Backoff {
  const exponential = (retry: number): number => (baseDelayMs === 0 ? 0 : baseDelayMs * factor ** (retry - 1));
  switch (backoff) {
    case 'exponential':
      return exponential;
    case 'linear':
      return (retry) => baseDelayMs * retry;
    case 'constant':
      return () => baseDelayMs;
    default:
      return (retry, previousMs, context) => {
        try {
          const delayMs = backoff(retry, previousMs);
          assertNotNegative('backoff', delayMs);
          return delayMs;
        } catch (error) {
          // A bug in it must not take the place of the error that is retried (G5, G9).
          context.emit({ type: 'listener.failed', error });
          return exponential(retry);
        }
      };
  }
}
