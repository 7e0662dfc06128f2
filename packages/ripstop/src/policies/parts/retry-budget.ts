import { assertNotNegative, assertPositive, badOption, type Defaults, withDefaults } from '../../call/options.js';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { isStream, watchStream } from '../../call/stream.js';

/** How many extra attempts a budget pays for. */
export interface RetryBudgetOptions {
  /** The most tokens it holds, and how many it starts with: the longest burst of extra attempts. Default: 10. */
  readonly capacity?: number | undefined;
  /** Tokens that one success puts back. Default: 0.2. */
  readonly ratio?: number | undefined;
  /** Tokens that come back every second, whatever happens. 0: none. Default: 3. */
  readonly minPerSecond?: number | undefined;
}

/** Defaults of `retryBudget()`. */
export const retryBudgetDefaults: Defaults<RetryBudgetOptions> = { capacity: 10, ratio: 0.2, minPerSecond: 3 };

/** What extra attempts are paid from. */
export interface RetryBudget {
  /** Tokens in it now, between 0 and `capacity`. */
  readonly balance: number;
  /** Takes the token of one extra attempt, if there is a whole one. */
  take(): 'granted' | 'denied';
  /** Returns the token of an extra attempt that was never made: our own policy refused it, or the caller left first. */
  giveBack(): void;
  /** A call succeeded. */
  succeeded(): void;
}

/**
 * Sums of fractions fall short of whole tokens: ten times 0.1 is less than 1. This is far more than such an error, and
 * far less than a token.
 */
const rounding = 1e-6;

/**
 * Retry budget: the share of traffic that may be retries and hedges together.
 *
 * A bucket of tokens. It starts full; a first attempt is free, every further one takes a token, a success puts a part
 * of one back, and time a few a second, so that a caller with little traffic, or with no success at all, is never
 * locked out. While a service fails altogether it gets no more than `minPerSecond` extra attempts a second, once the
 * full bucket is used up; while it fails less often than `ratio` (failures per success), it is not felt.
 *
 * One per upstream, shared by every `retry` and `hedge` that calls it.
 *
 * Source: Finagle's RetryBudget (2016) for ratio and reserve; M. Brooker, Fixing retries with token buckets and
 * circuit breakers (2022), for deposits by successes only.
 *
 * @throws RangeError for a bad option.
 */
export function retryBudget(options: RetryBudgetOptions = {}, runtime: Runtime = systemRuntime): RetryBudget {
  const { capacity, ratio, minPerSecond } = withDefaults(retryBudgetDefaults, options);
  assertPositive('capacity', capacity);
  if (capacity < 1) throw badOption('capacity', 'must be 1 or above, or it never holds a token', capacity);
  assertNotNegative('ratio', ratio);
  assertNotNegative('minPerSecond', minPerSecond);
  if (minPerSecond === Number.POSITIVE_INFINITY) throw badOption('minPerSecond', 'must be finite', minPerSecond);
  const { clock } = runtime;
  let balance = capacity;
  let countedAt = clock.now();

  function add(tokens: number): void {
    balance = Math.min(capacity, balance + tokens);
  }

  /** The reserve is worked out when somebody looks; nothing runs meanwhile (G11). */
  function addReserve(): void {
    const now = clock.now();
    if (now > countedAt) add(((now - countedAt) / 1_000) * minPerSecond);
    countedAt = now;
  }

  return {
    get balance() {
      addReserve();
      return balance;
    },
    take() {
      addReserve();
      if (balance < 1 - rounding) return 'denied';
      balance = Math.max(0, balance - 1);
      return 'granted';
    },
    giveBack: () => add(1),
    succeeded: () => add(ratio),
  };
}

/** For what plain JavaScript hands in. @throws RangeError. */
export function assertBudget(budget: RetryBudget | undefined): void {
  if (budget !== undefined && typeof budget?.take !== 'function')
    throw badOption('budget', 'must be a retryBudget()', budget);
}

/** Credits the budget for what a call returned: a value at once, a stream when it has ended well. */
export function creditSuccess<T>(value: T, budget: RetryBudget): T {
  if (isStream(value)) {
    return watchStream(value, {
      ended: ({ kind }) => {
        if (kind !== 'failed') budget.succeeded();
      },
    });
  }
  budget.succeeded();
  return value;
}
