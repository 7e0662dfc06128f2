import { settleOrAbort } from '../call/abort.js';
import { abortable } from '../call/call.js';
import { assertPositive, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { type Policy, policy } from './policy.js';

/**
 * Timeout: one attempt, one limit.
 *
 * At the limit the caller gets an InferenceTimeoutError at once, whether or not the attempt
 * notices; its signal aborts with that error. Innermost in the pipeline, so each retry has a
 * fresh limit; the limit on the whole call belongs to the deadline, and where less than the
 * limit is left of that, the attempt gets what is left. An attempt that never reads `signal`
 * never pays for one.
 *
 * Source: M. Nygard, Release It!, 2nd ed. (2018), stability pattern "Timeouts".
 */
export interface TimeoutOptions {
  /** How long one attempt may take, in milliseconds. `Infinity`: no limit. Default: 30 000. */
  readonly limitMs?: number | undefined;
}

export const timeoutDefaults: Defaults<TimeoutOptions> = { limitMs: 30_000 };

/** @throws RangeError when `limitMs` is not above 0. */
export function timeout(options: TimeoutOptions = {}, runtime: Runtime = systemRuntime): Policy {
  const { limitMs } = withDefaults(timeoutDefaults, options);
  const { clock } = runtime;
  assertPositive('limitMs', limitMs);

  return policy(
    'timeout',
    (next, context) => {
      const leftMs = context.deadline === Number.POSITIVE_INFINITY ? context.deadline : context.deadline - clock.now();
      const allowedMs = Math.min(limitMs, Math.max(leftMs, 0));
      if (allowedMs === Number.POSITIVE_INFINITY) return next(context);

      const attempt = abortable(context); // its AbortController is made on first read
      const timer = clock.after(allowedMs, () => {
        context.emit({ type: 'timeout.expired', limitMs: allowedMs });
        attempt.abort(expired(allowedMs, allowedMs < limitMs ? 'total' : 'attempt'));
      });
      return settleOrAbort(next(attempt), attempt, timer);
    },
    runtime,
  );
}

function expired(limitMs: number, phase: 'attempt' | 'total'): InferenceTimeoutError {
  return new InferenceTimeoutError(limitMs, { details: { phase } });
}
