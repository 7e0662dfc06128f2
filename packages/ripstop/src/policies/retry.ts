import { sleep } from '../call/abort.js';
import { abortable, nextAttempt } from '../call/attempt.js';
import type { CallContext, CallScope } from '../call/call.js';
import { reportCall } from '../call/call-report.js';
import { assertCount, assertOneOf, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { discard } from '../call/stream.js';
import type { AttemptReport, StopReason } from '../errors/model-error.js';
import { remember } from './parts/attempt-history.js';
import { isRetried, runAttempt } from './parts/attempt-storage.js';
import { type BackoffOptions, backoffDefaults, createBackoff } from './parts/backoff.js';
import { assertBudget, creditSuccess, type RetryBudget } from './parts/retry-budget.js';
import { isSpent } from './parts/spent-input.js';
import { isRejection, isRetryable, passes, rejectionOf, statedWaitMs, typeOf } from './parts/verdict.js';
import { type Next, type Policy, policy } from './policy.js';

export { retryBudget } from './parts/retry-budget.js';

/**
 * Retry: another attempt, if the error and the time left allow.
 *
 * An error that says whether it is retryable is believed; programming errors, refused requests and aborts are never
 * retried. A wait that the error states is a floor: jitter only adds to it, and one that is longer than `maxDelayMs`
 * or than the time left ends the call at once, so that the caller can go elsewhere. Whatever ends the call, the
 * caller gets the last attempt's own error, with the history beside it (`callReport`).
 *
 * A result can be sent back too (`whenResult`). An input that has been used up is not sent twice (`input` of
 * `execute`, the arguments of `wrap`). A retry inside an attempt of another runs once, so that attempts do not multiply.
 *
 * Outside the breaker and the timeout, so that each attempt is judged and limited by itself; inside fallbacks.
 * Only for calls that may be repeated: it cannot know whether the work was done before the answer was lost.
 *
 * Source: M. Brooker, Timeouts, retries, and backoff with jitter (Amazon Builders' Library, 2019).
 */
export interface RetryOptions extends BackoffOptions {
  /** What is called, for events and log lines. Default: the operation of the error context, if there is one. */
  readonly name?: string | undefined;
  /** Calls in all, the first one included. Default: 4. */
  readonly attempts?: number | undefined;
  /** Narrows which errors are retried; it cannot widen it. Default: every retryable error. */
  readonly when?: ((error: unknown, context: CallContext) => boolean) | undefined;
  /**
   * Which results are not good enough: `true` asks for another attempt, a number for one after that wait, in
   * milliseconds. What is sent back is closed before the next attempt; the last one is returned. Default: none is.
   */
  readonly whenResult?: ((result: unknown, context: CallContext) => boolean | number) | undefined;
  /**
   * Inside an attempt of another retry, `once` makes one attempt and leaves the rest to the other, `own` retries too.
   * Default: `once`.
   */
  readonly nested?: 'once' | 'own' | undefined;
  /** What every retry is paid from, shared with all that call the same service. Default: none; only `attempts` limits. */
  readonly budget?: RetryBudget | undefined;
}

export const retryDefaults: Defaults<
  RetryOptions,
  Exclude<keyof RetryOptions, 'name' | 'when' | 'whenResult' | 'budget'>
> = {
  attempts: 4,
  nested: 'once',
  ...backoffDefaults,
};

/** @throws RangeError for a bad option. */
export function retry(options: RetryOptions = {}, runtime: Runtime = systemRuntime): Policy {
  const { name, attempts, when, whenResult, nested, budget, maxDelayMs } = withDefaults(retryDefaults, options);
  assertCount('attempts', attempts);
  assertOneOf('nested', nested, ['once', 'own']);
  assertBudget(budget);
  const { clock, random } = runtime;
  const backoff = createBackoff(options, random);

  function decide(error: unknown, attempt: number, previousMs: number, context: CallContext): number | StopReason {
    if (context.cancelled) return 'cancelled';
    if (context.aborted) return 'deadline';
    // A filter that throws has not said that the call may be repeated.
    if (!(error instanceof SentBack) && (!isRetryable(error) || passes(when, error, context) !== true)) {
      return 'not_retryable';
    }
    // A rejection of our own has used nothing up.
    if (!isRejection(error) && isSpent((context as CallScope).input)) return 'not_replayable';
    if (attempt >= attempts) return 'attempts';
    const backoffMs = backoff(attempt, previousMs, context);
    const statedMs = statedWaitMs(error);
    const delayMs = statedMs === undefined ? backoffMs : statedMs + jitterOnTop(statedMs, backoffMs);
    const leftMs = context.deadline - clock.now();
    if (isCircuitOpen(error) && leftMs === Number.POSITIVE_INFINITY) return 'circuit_open';
    if (delayMs >= leftMs || (statedMs !== undefined && statedMs > maxDelayMs)) return 'deadline';
    if (context.notBefore > clock.now() + delayMs) return 'circuit_open';
    return delayMs;
  }

  /** Whole milliseconds, since a fraction kept for every call would be one more object. */
  function now(): number {
    return Math.floor(clock.now());
  }

  async function recover<T>(next: Next<T>, context: CallScope, first: unknown, startedAt: number): Promise<T> {
    let error = first;
    let failed = context; // the attempt that threw it
    let began = startedAt;
    let delayMs = 0;
    // First attempts are free (U1), and a call that our own policies have refused so far has not been made yet.
    let payer = isRejection(error) ? undefined : budget;
    const history: AttemptReport[] = [];
    for (let attempt = 1; ; attempt += 1) {
      const sentBack = error instanceof SentBack ? error : undefined;
      // A caller who left is the end of an attempt, whatever it throws because of that (G3).
      const errorType = context.cancelled ? 'cancelled' : sentBack ? 'invalid_response' : typeOf(error);
      remember(history, error, errorType, now() - began);
      const wanted = decide(error, attempt, delayMs, failed);
      const decision = typeof wanted === 'number' && payer?.take() === 'denied' ? 'budget' : wanted;
      if (typeof decision === 'string') {
        const outcome = sentBack ? sentBack.result : error;
        reportCall(outcome, { attempts: history, stopReason: decision });
        failed.emit({ type: 'retry.stopped', name, stopReason: decision, errorType, rejection: rejectionOf(error) });
        if (sentBack) return outcome as T;
        throw outcome;
      }
      delayMs = decision;
      failed.emit({ type: 'retry.scheduled', name, delayMs, errorType });
      if (sentBack) discard(sentBack.result);
      await waitFor(delayMs, context, { error, history, payer });
      began = now();
      failed = nextAttempt(context, attempt + 1);
      try {
        const outcome = judged(await runAttempt(next, failed), failed);
        if (!(outcome instanceof SentBack)) return outcome;
        error = outcome;
        payer = budget;
      } catch (failure) {
        error = failure;
        if (isRejection(error)) payer?.giveBack();
        else payer = budget;
      }
    }
  }

  async function waitFor(delayMs: number, context: CallContext, { error, history, payer }: Pause): Promise<void> {
    try {
      await sleep(clock, delayMs, context);
    } catch (reason) {
      payer?.giveBack();
      explain(reason, error);
      reportCall(reason, { attempts: history, stopReason: context.cancelled ? 'cancelled' : 'deadline' });
      throw reason;
    }
  }

  /** The result, if it is good enough. A `whenResult` that throws has not sent it back (G5). */
  function judged<T>(result: T, context: CallContext): T | SentBack {
    try {
      const verdict = whenResult?.(result, context);
      if (verdict === true || typeof verdict === 'number') return new SentBack(result, verdict);
    } catch (error) {
      context.emit({ type: 'listener.failed', error });
    }
    return budget === undefined ? result : creditSuccess(result, budget);
  }

  return policy(
    'retry',
    <T>(next: Next<T>, context: CallContext) => {
      let scope = context as CallScope;
      if (nested === 'once' && isRetried(scope)) return next(scope);
      // Each of two retries in one pipeline has a scope of its own to mark.
      if (scope.retrying) scope = abortable(scope);
      scope.retrying = attempts > 1;
      const startedAt = now();
      const recovered = (error: unknown): Promise<T> => {
        return recover(next, scope, error, startedAt).finally(() => (scope.retrying = false));
      };
      return runAttempt(next, scope).then((result) => {
        const outcome = judged(result, scope);
        if (outcome instanceof SentBack) return recovered(outcome);
        scope.retrying = false;
        return outcome;
      }, recovered);
    },
    runtime,
  );
}

/** What is known when a wait begins. */
interface Pause {
  readonly error: unknown;
  readonly history: readonly AttemptReport[];
  /** Who has paid for the next attempt, and gets his token back if it is not made. */
  readonly payer: RetryBudget | undefined;
}

/** A result that `whenResult` does not take. Goes the way of an error, and is never thrown. */
class SentBack {
  readonly result: unknown;
  readonly status: unknown;
  readonly retryAfterMs: boolean | number;

  constructor(result: unknown, retryAfterMs: boolean | number) {
    this.result = result;
    this.status = (result as { status?: unknown } | null | undefined)?.status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A stated wait is spread upwards, by up to a tenth of itself or the backoff, whichever is less (RT5). */
function jitterOnTop(statedMs: number, backoffMs: number): number {
  return Math.min(backoffMs, statedMs / 10);
}

function isCircuitOpen(error: unknown): boolean {
  return rejectionOf(error) === 'circuit_open';
}

/** The abort's reason reaches the caller as it is, and tells, where it has room to, what failed before it (RT4). */
function explain(reason: unknown, cause: unknown): void {
  if (cause instanceof SentBack) return;
  if (reason instanceof Error && reason.cause === undefined && Object.isExtensible(reason)) {
    Object.defineProperty(reason, 'cause', { value: cause, configurable: true, writable: true });
  }
}
