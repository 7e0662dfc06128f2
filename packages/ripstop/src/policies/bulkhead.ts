import type { CallContext } from '../call/call.js';
import { assertCount, assertPositive, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isStream, watchStream } from '../call/stream.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { type HeldSince, Slot, Slots } from './parts/slots.js';
import { waitForSlot } from './parts/wait-for-slot.js';
import { type Next, type Policy, policy } from './policy.js';

/**
 * Bulkhead: so many calls at a time, a short queue, and a rejection.
 *
 * A service that hangs may take its own slots, and not the whole process. A call holds its slot until it settles, and a
 * stream until it ends. Who finds no slot free waits in line, first come first served within a priority, if there is
 * room in the queue; a freed slot goes straight to the first in line. Waiting is a part of the whole call and not of an
 * attempt: it ends with the call's deadline, and with its caller.
 *
 * One per upstream, inside retry and outside the breaker and the timeout. It does not learn its limit from the upstream.
 *
 * Source: M. Nygard, Release It!, 2nd ed. (2018), stability pattern "Bulkheads".
 */
export interface BulkheadOptions {
  /** Names the bulkhead in errors and events. Default: `default`. */
  readonly name?: string | undefined;
  /**
   * Calls at a time. Default: 100. An answer takes seconds, so that is some ten a second, more than most keys may ask
   * for, while a hundred open sockets, prompts and half answers are a load that any process bears.
   */
  readonly limit?: number | undefined;
  /** Calls that may wait for a slot. Default: 0. */
  readonly maxQueue?: number | undefined;
  /** How long a call may wait for a slot, in milliseconds. `Infinity`: as long as its deadline allows. Default: 2 000. */
  readonly maxWaitMs?: number | undefined;
  /** Who goes first in the queue: the higher number. Asked when a call has to wait. Default: 0 for every call. */
  readonly priority?: ((context: CallContext) => number) | undefined;
}

type Settings = Defaults<BulkheadOptions, 'name' | 'limit' | 'maxQueue' | 'maxWaitMs'>;

export const bulkheadDefaults: Settings = { name: 'default', limit: 100, maxQueue: 0, maxWaitMs: 2_000 };

/** A bulkhead is a policy whose load can be read, and whose limit can be moved. */
export interface Bulkhead extends Policy {
  /** Calls that hold a slot, and streams that have not ended. */
  readonly running: number;
  /** Calls in the queue. */
  readonly waiting: number;
  readonly limit: number;
  /**
   * Calls at a time from now on. A higher limit admits who waits at once; a lower one ends no running call.
   *
   * @throws RangeError when it is no whole number of at least 1.
   */
  setLimit(limit: number): void;
}

/** @throws RangeError for a bad option. */
export function bulkhead(options: BulkheadOptions = {}, runtime: Runtime = systemRuntime): Bulkhead {
  const { name, limit, maxQueue, maxWaitMs, priority } = withDefaults(bulkheadDefaults, options);
  assertCount('limit', limit);
  assertCount('maxQueue', maxQueue, 0);
  assertPositive('maxWaitMs', maxWaitMs);
  const { clock } = runtime;
  const slots = new Slots(limit, clock);

  function rejection(reason: 'queue_full' | 'queue_timeout', context: CallContext): ModelOverloadedError {
    const retryAfterMs = slots.expectedWaitMs;
    context.emit({ type: 'bulkhead.rejected', name, reason });
    return new ModelOverloadedError(`Too many calls at once for ${name}`, {
      stack: 'none',
      details: { reason, bulkhead: name },
      retryAfterMs,
    });
  }

  function priorityOf(context: CallContext): number {
    try {
      const rank = priority?.(context) ?? 0;
      return Number.isNaN(rank) ? 0 : rank;
    } catch (error) {
      context.emit({ type: 'listener.failed', error });
      return 0;
    }
  }

  /** Runs the call in its slot, which is free again on every outcome (K4). */
  function occupy<T>(held: HeldSince, next: Next<T>, context: CallContext): Promise<T> {
    // Between a slot's being handed over and this step the caller may have left, or the deadline passed.
    if (context.aborted) {
      slots.release(held);
      return Promise.reject(context.reason);
    }
    return next(context).then(
      (value) => {
        if (isStream(value)) return occupyUntilEnd(value, new Slot(slots, held), context);
        slots.release(held);
        return value;
      },
      (error: unknown) => {
        slots.release(held);
        throw error;
      },
    );
  }

  const base = policy(
    'bulkhead',
    (next, context) => {
      const slot = slots.take();
      if (slot !== undefined) return occupy(slot, next, context);
      if (slots.waiting >= maxQueue) throw rejection('queue_full', context);
      const tooLate = (): Error => rejection('queue_timeout', context);
      const patience = { maxWaitMs, priority: priorityOf(context), tooLate };
      return waitForSlot(slots, clock, context, patience).then((freed) => occupy(freed, next, context));
    },
    runtime,
  );

  return Object.defineProperties(base as Bulkhead, {
    running: { get: () => slots.running, enumerable: true },
    waiting: { get: () => slots.waiting, enumerable: true },
    limit: { get: () => slots.limit, enumerable: true },
    setLimit: {
      value(most: number) {
        assertCount('limit', most);
        slots.limit = most;
      },
    },
  });
}

/** An aborted stream is over, whether or not anybody goes on reading it. */
function occupyUntilEnd<S extends AsyncIterable<unknown> & object>(stream: S, slot: Slot, context: CallContext): S {
  const stopListening = context.abortable ? context.onAbort(() => slot.free()) : undefined;
  return watchStream(stream, {
    ended() {
      stopListening?.();
      slot.free();
    },
  });
}
