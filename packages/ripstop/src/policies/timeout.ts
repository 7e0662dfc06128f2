import { settleOrAbort } from '../call/abort.js';
import type { CallContext } from '../call/call.js';
import { LimitedAttempt } from '../call/limited-attempt.js';
import { keepShape } from '../call/root-scope.js';
import { assertPositive, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { type Policy, policy } from './policy.js';

/**
 * Timeout: one attempt, one limit.
 *
 * At the limit the caller gets an InferenceTimeoutError at once, whether or not the attempt
 * notices; its signal aborts with that error. Innermost in the pipeline, so each retry has a
 * fresh limit; the limit on the whole call belongs to the deadline, which ends an attempt that
 * has less than its limit left. An attempt that never reads `signal` never pays for one.
 *
 * Source: M. Nygard, Release It!, 2nd ed. (2018), stability pattern "Timeouts".
 */
export interface TimeoutOptions {
  /** How long one attempt may take, in milliseconds. `Infinity`: no limit. Default: 30 000. */
  readonly limitMs?: number | undefined;
}

export const timeoutDefaults: Defaults<TimeoutOptions> = { limitMs: 30_000 };

/** An attempt that is never made: see `keepShape`. */
let specimen: LimitedAttempt | undefined;

/** @throws RangeError when `limitMs` is not above 0. */
export function timeout(options: TimeoutOptions = {}, runtime: Runtime = systemRuntime): Policy {
  const { limitMs } = withDefaults(timeoutDefaults, options);
  const { clock } = runtime;
  specimen ??= new LimitedAttempt(keepShape(), limitMs);
  assertPositive('limitMs', limitMs);
  if (limitMs === Number.POSITIVE_INFINITY) return policy('timeout', (next, context) => next(context), runtime);

  return policy(
    'timeout',
    (next, context) => {
      const attempt = new LimitedAttempt(context, limitMs); // its AbortController is made on first read
      if (!endsSooner(context)) attempt.start(clock);
      return settleOrAbort(next(attempt), attempt);
    },
    runtime,
  );

  /** A deadline that comes first has a timer of its own, and is not this policy's to report (T2, T4). */
  function endsSooner({ deadline }: CallContext): boolean {
    return deadline !== Number.POSITIVE_INFINITY && deadline - clock.now() <= limitMs;
  }
}
