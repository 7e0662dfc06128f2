import { settleOrAbort } from '../call/abort.js';
import type { CallContext } from '../call/call.js';
import { assertPositive, type Defaults, withDefaults } from '../call/options.js';
import { RootScope, wholeAttempt } from '../call/root-scope.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { endedByAbort, type Policy, policy } from './policy.js';

/**
 * Deadline: one limit for the whole call.
 *
 * Bounds everything beneath it: waits for a slot, attempts, the pauses between them, fallbacks, and a stream until its
 * end. Whoever stands inside sees the time left as `context.deadline` and plans by it. When it has passed, the caller
 * gets an InferenceTimeoutError with `details.phase` `total` at once, and all that is beneath is aborted with the same
 * error. Outermost in the pipeline. A caller's own `deadlineMs` holds besides: the earlier of the two ends the call.
 *
 * Source: gRPC, Deadlines (guide): one absolute time, handed down to everything that the call consists of.
 */
export interface DeadlineOptions {
  /** How long the whole call may take, in milliseconds. `Infinity`: no limit. Default: 30 000. */
  readonly limitMs?: number | undefined;
}

export const deadlineDefaults: Defaults<DeadlineOptions> = { limitMs: 30_000 };

/** @throws RangeError when `limitMs` is not above 0. */
export function deadline(options: DeadlineOptions = {}, runtime: Runtime = systemRuntime): Policy {
  const { limitMs } = withDefaults(deadlineDefaults, options);
  const { clock } = runtime;
  assertPositive('limitMs', limitMs);
  if (limitMs === Number.POSITIVE_INFINITY) return policy('deadline', (next, context) => next(context), runtime);

  return policy(
    'deadline',
    (next, context) => {
      // A deadline that comes no later has a timer of its own.
      if (context.deadline - clock.now() <= limitMs) return next(context);
      const whole = new RootScope(runtime, { context, deadlineMs: limitMs });
      if (whole.callee !== undefined) whole.callee = endedByAbort(whole.callee);
      whole.listen(() => reportExpiry(context));
      return settleOrAbort(next(whole), wholeAttempt(whole));
    },
    runtime,
  );

  /** An abort that comes from above is no expiry (T4). */
  function reportExpiry(context: CallContext): void {
    if (!context.aborted) context.emit({ type: 'deadline.expired', limitMs });
  }
}
