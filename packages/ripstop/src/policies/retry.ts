import { sleep } from '../call/abort.js';
import { type CallContext, nextAttempt } from '../call/call.js';
import { reportCall } from '../call/call-report.js';
import { assertCount, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import type { AttemptReport, StopReason } from '../errors/model-error.js';
import { remember } from './parts/attempt-history.js';
import { type BackoffOptions, backoffDefaults, exponentialBackoff } from './parts/backoff.js';
import { creditSuccess, type RetryBudget } from './parts/retry-budget.js';
import { isRejection, isRetryable, passes, statedWaitMs, typeOf } from './parts/verdict.js';
import { type Next, type Policy, policy } from './policy.js';

/**
 * Retry: another attempt, if the error and the time left allow.
 *
 * An error that says whether it is retryable is believed; programming errors, refused requests and aborts are never
 * retried. A wait that the error states is a floor: jitter only adds to it, and one that is longer than `maxDelayMs`
 * or than the time left ends the call at once, so that the caller can go elsewhere. Whatever ends the call, the
 * caller gets the last attempt's own error, with the history beside it (`callReport`).
 *
 * Outside the breaker and the timeout, so that each attempt is judged and limited by itself; inside fallbacks.
 * Only for calls that may be repeated: it cannot know whether the work was done before the answer was lost.
 *
 * Source: M. Brooker, Timeouts, retries, and backoff with jitter (Amazon Builders' Library, 2019).
 */
export interface RetryOptions extends BackoffOptions {
  /** Calls in all, the first one included. Default: 4. */
  readonly attempts?: number | undefined;
  /** Narrows which errors are retried; it cannot widen it. Default: every retryable error. */
  readonly when?: ((error: unknown, context: CallContext) => boolean) | undefined;
  /** What every retry is paid from, shared with all that call the same service. Default: none; only `attempts` limits. */
  readonly budget?: RetryBudget | undefined;
}

export const retryDefaults: Defaults<RetryOptions, Exclude<keyof RetryOptions, 'when' | 'budget'>> = {
  attempts: 4,
  ...backoffDefaults,
};

/** @throws RangeError for a bad option. */
export function retry(options: RetryOptions = {}, runtime: Runtime = systemRuntime): Policy {
  const { attempts, when, budget, maxDelayMs } = withDefaults(retryDefaults, options);
  assertCount('attempts', attempts);
  const { clock, random } = runtime;
  const backoff = exponentialBackoff(options, random);

  function decide(error: unknown, attempt: number, previousMs: number, context: CallContext): number | StopReason {
    if (context.cancelled) return 'cancelled';
    if (context.aborted) return 'deadline';
    // A filter that throws has not said that the call may be repeated.
    if (!isRetryable(error) || passes(when, error, context) !== true) return 'not_retryable';
    if (attempt >= attempts) return 'attempts';
    const backoffMs = backoff(attempt, previousMs);
    const statedMs = statedWaitMs(error);
    const delayMs = statedMs === undefined ? backoffMs : statedMs + jitterOnTop(statedMs, backoffMs);
    const leftMs = context.deadline - clock.now();
    if (isCircuitOpen(error) && leftMs === Number.POSITIVE_INFINITY) return 'circuit_open';
    if (delayMs >= leftMs || (statedMs !== undefined && statedMs > maxDelayMs)) return 'deadline';
    if (context.notBefore > clock.now() + delayMs) return 'circuit_open';
    return budget?.take() === 'denied' ? 'budget' : delayMs;
  }

  async function recover<T>(next: Next<T>, context: CallContext, first: unknown, startedAt: number): Promise<T> {
    let error = first;
    let failed = context; // the attempt that threw it
    let began = startedAt;
    let delayMs = 0;
    const history: AttemptReport[] = [];
    for (let attempt = 1; ; attempt += 1) {
      // A caller who left is the end of an attempt, whatever it throws because of that (G3).
      const errorType = context.cancelled ? 'cancelled' : typeOf(error);
      remember(history, error, errorType, clock.now() - began);
      const decision = decide(error, attempt, delayMs, failed);
      if (typeof decision === 'string') {
        reportCall(error, { attempts: history, stopReason: decision });
        failed.emit({ type: 'retry.stopped', stopReason: decision, errorType });
        throw error;
      }
      delayMs = decision;
      failed.emit({ type: 'retry.scheduled', delayMs, errorType });
      await waitFor(delayMs, context, error, history);
      began = clock.now();
      failed = nextAttempt(context, attempt + 1);
      try {
        return credited(await next(failed));
      } catch (failure) {
        error = failure;
        if (isRejection(error)) budget?.giveBack();
      }
    }
  }

  async function waitFor(
    delayMs: number,
    context: CallContext,
    error: unknown,
    history: readonly AttemptReport[],
  ): Promise<void> {
    try {
      await sleep(clock, delayMs, context);
    } catch (reason) {
      budget?.giveBack();
      explain(reason, error);
      reportCall(reason, { attempts: history, stopReason: context.cancelled ? 'cancelled' : 'deadline' });
      throw reason;
    }
  }

  function credited<T>(value: T): T {
    return budget === undefined ? value : creditSuccess(value, budget);
  }

  return policy(
    'retry',
    (next, context) => {
      const startedAt = clock.now();
      const outcome = budget === undefined ? next(context) : next(context).then(credited);
      return outcome.catch((error: unknown) => recover(next, context, error, startedAt));
    },
    runtime,
  );
}

/** A stated wait is spread upwards, by up to a tenth of itself or the backoff, whichever is less (RT5). */
function jitterOnTop(statedMs: number, backoffMs: number): number {
  return Math.min(backoffMs, statedMs / 10);
}

function isCircuitOpen(error: unknown): boolean {
  return isRejection(error) && error.details['reason'] === 'circuit_open';
}

/** The abort's reason reaches the caller as it is, and tells, where it has room to, what failed before it (RT4). */
function explain(reason: unknown, cause: unknown): void {
  if (reason instanceof Error && reason.cause === undefined && Object.isExtensible(reason)) {
    Object.defineProperty(reason, 'cause', { value: cause, configurable: true, writable: true });
  }
}
