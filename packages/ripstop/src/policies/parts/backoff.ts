import { assertNotNegative, assertOneOf, badOption, type Defaults, withDefaults } from '../../call/options.js';
import type { Random } from '../../call/runtime.js';

/** How a delay is spread, so that callers that failed together do not come back together. */
export type Jitter = 'full' | 'equal' | 'decorrelated' | 'none';

/** How long to wait between attempts. */
export interface BackoffOptions {
  /** The first delay before jitter, in milliseconds. Default: 1 000. */
  readonly baseDelayMs?: number | undefined;
  /** The longest delay, and the longest stated wait that is honoured, in milliseconds. Default: 60 000. */
  readonly maxDelayMs?: number | undefined;
  /** What each delay is multiplied by to give the next. Default: 2. */
  readonly factor?: number | undefined;
  /**
   * `full`: anywhere between 0 and the delay; `equal`: between half of it and all of it; `decorrelated`: between the
   * base and three times the delay before (at first, three times the base); `none`: exactly the delay. Default: `full`.
   */
  readonly jitter?: Jitter | undefined;
}

/** Defaults of every policy that backs off. */
export const backoffDefaults: Defaults<BackoffOptions> = {
  baseDelayMs: 1_000,
  maxDelayMs: 60_000,
  factor: 2,
  jitter: 'full',
};

/** The delay before retry number `retry` (from 1), given the one before it. In milliseconds. */
export type Backoff = (retry: number, previousMs: number) => number;

/**
 * Exponential backoff with jitter. The cap is applied before the jitter, so that even the longest delays are spread
 * over their whole range (RT11).
 *
 * Source: M. Brooker, Exponential Backoff and Jitter (AWS Architecture Blog, 2015).
 *
 * @throws RangeError for a bad option.
 */
export function exponentialBackoff(options: BackoffOptions, random: Random): Backoff {
  const { baseDelayMs, maxDelayMs, factor, jitter } = withDefaults(backoffDefaults, options);
  assertNotNegative('baseDelayMs', baseDelayMs);
  if (baseDelayMs === Number.POSITIVE_INFINITY) throw badOption('baseDelayMs', 'must be finite', baseDelayMs);
  assertNotNegative('maxDelayMs', maxDelayMs);
  if (!(factor >= 1)) throw badOption('factor', 'must be 1 or above', factor);
  assertOneOf('jitter', jitter, ['full', 'equal', 'decorrelated', 'none']);
  // Finite even without a cap: 0 × Infinity is NaN.
  const capMs = Math.min(maxDelayMs, Number.MAX_VALUE);
  const leastMs = Math.min(baseDelayMs, capMs);

  return (retry, previousMs) => {
    const delayMs = baseDelayMs === 0 ? 0 : Math.min(capMs, baseDelayMs * factor ** (retry - 1));
    switch (jitter) {
      case 'full':
        return random() * delayMs;
      case 'equal':
        return delayMs / 2 + (random() * delayMs) / 2;
      case 'decorrelated': {
        const mostMs = Math.min(capMs, 3 * Math.max(leastMs, previousMs));
        return leastMs + random() * (mostMs - leastMs);
      }
      case 'none':
        return delayMs;
    }
  };
}
