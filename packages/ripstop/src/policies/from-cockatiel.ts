import { abortable } from '../call/attempt.js';
import type { CallContext } from '../call/call.js';
import { listen, stopListening } from '../call/caller-signal.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { type Next, type Policy, policy } from './policy.js';

/** What is asked of a cockatiel policy (`IPolicy` there): versions 3 and 4 have it. */
export interface CockatielPolicy {
  execute<T>(fn: (context: { readonly signal: AbortSignal }) => PromiseLike<T> | T, signal?: AbortSignal): Promise<T>;
}

/**
 * A cockatiel policy as one of ours, for moving one piece at a time: `pipeline(retry(), fromCockatiel(theirBreaker))`.
 *
 * It does what it does there, with its own clock, errors and events. A caller's signal reaches it, and its own limits
 * reach the call through `context.signal`.
 */
export function fromCockatiel(theirs: CockatielPolicy, runtime: Runtime = systemRuntime): Policy {
  return policy(
    'cockatiel',
    (next, context) => {
      // Reading `context.signal` makes one, which a call that nobody can abort does not need.
      const callers = context.abortable ? context.signal : undefined;
      return theirs.execute(({ signal }) => attemptUnder(signal, next, context), callers);
    },
    runtime,
  );
}

/** One attempt, which ends when their signal says so. Their signal may outlive it: nothing stays behind on it. */
async function attemptUnder<T>(signal: AbortSignal, next: Next<T>, context: CallContext): Promise<T> {
  const attempt = abortable(context);
  const ended = (): void => attempt.abort(signal.reason);
  if (signal.aborted) ended();
  else listen(signal, ended);
  try {
    return await next(attempt);
  } finally {
    stopListening(signal, ended);
    attempt.release();
  }
}
