import { settleOrAbort } from '../call/abort.js';
import { abortable } from '../call/attempt.js';
import type { CallContext } from '../call/call.js';
import { assertCount, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { type Sharer, SharedScope } from '../call/shared-scope.js';
import { discardStream, isStream } from '../call/stream.js';
import { type Next, type Policy, policy } from './policy.js';

/**
 * Coalesce: one call for all who ask the same at the same time.
 *
 * A call whose key is that of a call in flight joins it, and shares its outcome: the very value, or the very error.
 * Nothing is kept once it has settled; this is no cache. Who leaves, leaves alone: the call goes on for the others and
 * is aborted when the last has gone. It has as long as the most patient of them has. Nobody joins a call any more for
 * which somebody's time has run out, so a call that hangs cannot gather callers for ever.
 *
 * A stream has one reader: the first in line gets it, and each of the others makes a call of his own.
 *
 * Outside everything but the deadline, so that the callers who share also share retries, slots and limits.
 *
 * Source: `singleflight` of Go's x/sync.
 */
export interface CoalesceOptions {
  /**
   * What a call asks: calls of one key get one answer, so it must tell apart all that may be answered differently, the
   * callers included. `undefined`: the call is not shared. Default: the `key` given to `execute`.
   */
  readonly key?: ((context: CallContext) => string | undefined) | undefined;
  /** Keys shared at a time; a call of a further key is made, and not shared. Default: 1 000. */
  readonly maxKeys?: number | undefined;
}

export const coalesceDefaults: Defaults<CoalesceOptions, 'maxKeys'> = { maxKeys: 1_000 };

/** A call in flight, and those who wait for it. */
interface SharedCall {
  readonly scope: SharedScope;
  readonly outcome: Promise<unknown>;
  /** From now on nobody joins. */
  forget(): void;
  streamTaken: boolean;
}

/** @throws RangeError when `maxKeys` is no whole number of at least 1. */
export function coalesce(options: CoalesceOptions = {}, runtime: Runtime = systemRuntime): Policy {
  const { key: keyOf, maxKeys } = withDefaults(coalesceDefaults, options);
  assertCount('maxKeys', maxKeys);
  const inFlight = new Map<string, SharedCall>();

  return policy(
    'coalesce',
    (next, context) => {
      if (context.aborted) throw context.reason;
      const key = keyFor(context);
      if (key === undefined) return next(context);
      const call = inFlight.get(key);
      if (call !== undefined) return join(call, next, context);
      return inFlight.size < maxKeys ? begin(key, next, context) : next(context);
    },
    runtime,
  );

  function keyFor(context: CallContext): string | undefined {
    if (keyOf === undefined) return context.key;
    try {
      return keyOf(context);
    } catch (error) {
      context.emit({ type: 'listener.failed', error });
      return undefined;
    }
  }

  function begin<T>(key: string, next: Next<T>, context: CallContext): Promise<T> {
    const scope = new SharedScope(context);
    const founder = scope.join(context);
    const forget = (): void => {
      if (inFlight.get(key) === call) inFlight.delete(key);
    };
    const call: SharedCall = { scope, outcome: next(scope), forget, streamTaken: false };
    inFlight.set(key, call);
    call.outcome.then(forget, forget);
    return share(call, founder, next);
  }

  function join<T>(call: SharedCall, next: Next<T>, context: CallContext): Promise<T> {
    const outcome = share(call, call.scope.join(context), next);
    context.emit({ type: 'coalesce.joined', callers: call.scope.size });
    return outcome;
  }
}

/** One caller's part in the outcome, which an abort of his ends for him alone. */
function share<T>(call: SharedCall, sharer: Sharer, next: Next<T>): Promise<T> {
  const { context } = sharer;
  const outcome = call.outcome.then((value) =>
    isStream(value) ? unshare(value, call, sharer, next) : value,
  ) as Promise<T>;
  if (!context.abortable) return outcome;

  const waiter = abortable(context);
  waiter.listen(() => {
    if (call.scope.size === 1 || !context.cancelled) call.forget();
    call.scope.leave(sharer);
  });
  return settleOrAbort(outcome, waiter);
}

/** The stream for the first who is still there; the others call for themselves. */
function unshare<T>(
  stream: AsyncIterable<unknown> & object,
  call: SharedCall,
  sharer: Sharer,
  next: Next<T>,
): AsyncIterable<unknown> | Promise<T> {
  const { context } = sharer;
  if (context.aborted) {
    if (call.scope.aborted) discardStream(stream);
    throw context.reason;
  }
  if (call.streamTaken) return next(context);
  call.streamTaken = true;
  call.scope.keepOnly(sharer);
  return stream;
}
