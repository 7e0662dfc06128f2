import type { CallContext } from '../call/call.js';
import { assertCount, assertRatio, badOption, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isStream, watchStream } from '../call/stream.js';
import type { ErrorType } from '../errors/error-types.js';
import { ModelError } from '../errors/model-error.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { acceptWindow } from './parts/accept-window.js';
import { isRejection, isRetryable, isServiceFailure, upstreamStatus } from './parts/verdict.js';
import { type Policy, policy } from './policy.js';

/**
 * Throttle: send a service that turns calls away fewer of them.
 *
 * Looks back on `requests`, the calls of the window, and `accepts`, those that the service took, and rejects the next
 * one with the chance max(0, (requests − k · accepts) / (requests + 1)). So a service gets up to `k` times what it
 * takes, enough to see at once when it takes more again. A call counts from its start, and as accepted unless the
 * service turned it away: rate limited, overloaded, unavailable, not loaded, or no answer in time. Every other answer,
 * good or bad, is one. What our own policies reject, and what is ended from outside, counts as nothing; the calls that
 * are rejected here count as requests.
 *
 * One per upstream, inside retry, so that every attempt is asked, and outside bulkhead and breaker. A breaker opens
 * for everybody and all at once; this one closes the door by as much as is needed. It keeps no call waiting.
 *
 * Source: B. Beyer et al., Site Reliability Engineering (2016), ch. 21, "Client-Side Throttling".
 */
export interface ThrottleOptions {
  /** How many calls are sent for each that is accepted, at least 1: lower throttles sooner. Default: 2. */
  readonly k?: number | undefined;
  /** How far it looks back, in milliseconds. At least as long as the longest call. Default: 120 000. */
  readonly windowMs?: number | undefined;
  /** The largest share of calls that it rejects, below 1, so that some always find out. Default: 0.9. */
  readonly maxRejectRatio?: number | undefined;
  /** Calls in the window below which it rejects none. Default: 10. */
  readonly minCalls?: number | undefined;
}

export const throttleDefaults: Defaults<ThrottleOptions> = {
  k: 2,
  windowMs: 120_000,
  maxRejectRatio: 0.9,
  minCalls: 10,
};

/** A throttle is a policy that tells how much it lets through. */
export interface Throttle extends Policy {
  /** The chance that the next call is rejected, from 0 to `maxRejectRatio`. */
  readonly rejectRatio: number;
}

/** @throws RangeError for a bad option. */
export function throttle(options: ThrottleOptions = {}, runtime: Runtime = systemRuntime): Throttle {
  const { k, windowMs, maxRejectRatio, minCalls } = checked(options);
  const { clock, random } = runtime;
  const window = acceptWindow(windowMs, clock);

  function rejectRatio(): number {
    const { requests, accepts } = window;
    if (requests < minCalls) return 0;
    return Math.min(maxRejectRatio, Math.max(0, (requests - k * accepts) / (requests + 1)));
  }

  function learn(error: unknown, ticket: number, context: CallContext): void {
    // What ends from outside, because of the caller or of his deadline or of a faster attempt, tells nothing.
    if (context.aborted || isRejection(error)) window.forget(ticket);
    else if (wasTurnedAway(error)) window.refused(ticket);
  }

  const base = policy(
    'throttle',
    (next, context) => {
      const ratio = rejectRatio();
      if (ratio > 0 && random() < ratio) {
        window.turnAway();
        context.emit({ type: 'throttle.rejected', rejectRatio: ratio });
        throw new ModelOverloadedError('Too many calls were turned away; this one was not sent', {
          stack: 'none',
          details: { reason: 'throttled' },
        });
      }
      const ticket = window.admit();
      return next(context).then(
        (value) => (isStream(value) ? judged(value, ticket, context) : value),
        (error: unknown) => {
          learn(error, ticket, context);
          throw error;
        },
      );
    },
    runtime,
  );

  /** A stream that fails before its first item was not taken; one that fails later was. */
  function judged<S extends AsyncIterable<unknown> & object>(stream: S, ticket: number, context: CallContext): S {
    let begun = false;
    return watchStream(stream, {
      item: () => {
        begun = true;
      },
      ended(end) {
        if (end.kind === 'failed' && !begun) learn(end.error, ticket, context);
      },
    });
  }

  return Object.defineProperty(base as Throttle, 'rejectRatio', { get: rejectRatio, enumerable: true });
}

function checked(options: ThrottleOptions): Defaults<ThrottleOptions> {
  const settings = withDefaults(throttleDefaults, options);
  const { k, maxRejectRatio, minCalls } = settings;
  if (!(k >= 1 && k < Number.POSITIVE_INFINITY)) throw badOption('k', 'must be 1 or above, and finite', k);
  assertRatio('maxRejectRatio', maxRejectRatio);
  if (maxRejectRatio === 1) throw badOption('maxRejectRatio', 'must be below 1, or nothing ever finds out', 1);
  assertCount('minCalls', minCalls);
  return settings;
}

/** With these a service says, by word or by silence, that it did not take the call. */
const refusals: ReadonlySet<ErrorType> = new Set([
  'rate_limited',
  'model_overloaded',
  'model_loading_failed',
  'inference_timeout',
  'upstream_unavailable',
]);

/** Of an error that is not ours: whatever a breaker would count, and a 429 that waiting cures. */
function wasTurnedAway(error: unknown): boolean {
  if (ModelError.isInstance(error)) return refusals.has(error.errorType);
  return isServiceFailure(error) || (upstreamStatus(error) === 429 && isRetryable(error));
}
