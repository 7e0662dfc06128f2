import type { CallContext } from '../call/call.js';
import { assertCount, assertPositive, assertRatio, badOption, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isStream, type StreamEnd, watchStream } from '../call/stream.js';
import { ModelError } from '../errors/model-error.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { Aimd } from './parts/aimd.js';
import { type HeldSince, Slot, Slots } from './parts/slots.js';
import { isRejection, isRetryable, isServiceFailure, passes, upstreamStatus } from './parts/verdict.js';
import { waitForSlot } from './parts/wait-for-slot.js';
import { type Next, type Policy, policy } from './policy.js';

/**
 * Adaptive limit: as many calls at a time as the upstream can bear, found out by trying.
 *
 * A bulkhead whose limit moves. It grows by one while calls succeed and at least half of it is in use, and is cut when
 * the upstream says that it was too much: 429, 503, 529, overloaded, or no answer in time. Every such answer counts,
 * however fast the others are, but one limit is cut only once, whatever its calls in flight still bring. It goes by what
 * fails and not by how long answers take, since those of a language model are as long as what it has to say.
 *
 * One per upstream, in the place of the bulkhead: inside retry, outside the breaker and the timeout.
 *
 * Source: Netflix concurrency-limits, AIMDLimit; V. Jacobson, Congestion avoidance and control (SIGCOMM 1988).
 */
export interface AdaptiveLimitOptions {
  /** Names it in errors and events. Default: `default`. */
  readonly name?: string | undefined;
  /** The limit is never lower. Default: 1, so that there is always a call that can tell of better times. */
  readonly minLimit?: number | undefined;
  /** The limit is never higher. Default: 200. */
  readonly maxLimit?: number | undefined;
  /** The first limit. Default: 20, or the nearest that `minLimit` and `maxLimit` allow. */
  readonly initialLimit?: number | undefined;
  /** What a cut leaves of the limit, above 0 and below 1. Default: 0.9. */
  readonly backoffRatio?: number | undefined;
  /** Calls that may wait for a slot. Default: 0. */
  readonly maxQueue?: number | undefined;
  /** How long a call may wait for a slot, in milliseconds. `Infinity`: as long as its deadline allows. Default: 2 000. */
  readonly maxWaitMs?: number | undefined;
  /** Narrows which errors mean overload; it cannot widen it. Default: all of those above. */
  readonly when?: ((error: unknown, context: CallContext) => boolean) | undefined;
}

type Settings = Defaults<AdaptiveLimitOptions, Exclude<keyof AdaptiveLimitOptions, 'when'>>;

export const adaptiveLimitDefaults: Settings = {
  name: 'default',
  minLimit: 1,
  maxLimit: 200,
  initialLimit: 20,
  backoffRatio: 0.9,
  maxQueue: 0,
  maxWaitMs: 2_000,
};

/** An adaptive limit is a policy whose limit can be read. */
export interface AdaptiveLimit extends Policy {
  /** Calls at a time, as of now. */
  readonly limit: number;
  /** Calls that hold a slot, and streams that have not ended. Above `limit` for a while after a cut. */
  readonly running: number;
  /** Calls in the queue. */
  readonly waiting: number;
}

/** A call that is running, and what was so when it began. */
interface Run {
  readonly slot: Slot;
  readonly epoch: number;
  readonly running: number;
}

/** @throws RangeError for a bad option. */
export function adaptiveLimit(options: AdaptiveLimitOptions = {}, runtime: Runtime = systemRuntime): AdaptiveLimit {
  const settings = checked(options);
  const { name, maxQueue, maxWaitMs, when } = settings;
  const { clock } = runtime;
  const aimd = new Aimd(settings);
  const slots = new Slots(aimd.limit, clock);

  function rejection(reason: 'queue_full' | 'queue_timeout', context: CallContext): ModelOverloadedError {
    const retryAfterMs = slots.expectedWaitMs;
    context.emit({ type: 'limit.rejected', name, reason });
    return new ModelOverloadedError(`Too many calls at once for ${name}`, {
      stack: 'none',
      details: { reason, adaptive_limit: name },
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  function occupy<T>(held: HeldSince, next: Next<T>, context: CallContext): Promise<T> {
    const slot = new Slot(slots, held);
    // Between a slot's being handed over and this step the caller may have left, or the deadline passed.
    if (context.aborted) {
      slot.free();
      return Promise.reject(context.reason);
    }
    const run: Run = { slot, epoch: aimd.epoch, running: slots.running };
    return next(context).then(
      (value) => {
        if (isStream(value)) return occupyUntilEnd(value, run, context);
        succeeded(run, context);
        return value;
      },
      (error: unknown) => {
        failed(error, run, context);
        throw error;
      },
    );
  }

  /** An aborted stream is over, whether or not anybody goes on reading it. */
  function occupyUntilEnd<S extends AsyncIterable<unknown> & object>(stream: S, run: Run, context: CallContext): S {
    let items = 0;
    const stopListening = context.abortable ? context.onAbort(() => run.slot.free()) : undefined;
    return watchStream(stream, {
      item: () => {
        items += 1;
      },
      ended(end: StreamEnd) {
        stopListening?.();
        if (end.kind === 'failed') failed(end.error, run, context);
        else if (end.kind === 'completed' || items > 0) succeeded(run, context);
        else run.slot.free();
      },
    });
  }

  function succeeded({ slot, epoch, running }: Run, context: CallContext): void {
    aimd.succeeded(epoch, running);
    if (aimd.limit !== slots.limit) adopt(context);
    slot.free();
  }

  /** The limit is cut before the slot is free, so that nobody gets it who would be one too many. */
  function failed(error: unknown, { slot, epoch }: Run, context: CallContext): void {
    if (!context.cancelled && isOverload(error) && passes(when, error, context) !== false) {
      aimd.overloaded(epoch);
      if (aimd.limit !== slots.limit) adopt(context);
    }
    slot.free();
  }

  function adopt(context: CallContext): void {
    const previous = slots.limit;
    slots.limit = aimd.limit;
    context.emit({ type: 'limit.changed', name, limit: aimd.limit, previous });
  }

  const base = policy(
    'adaptive-limit',
    (next, context) => {
      const slot = slots.take();
      if (slot !== undefined) return occupy(slot, next, context);
      if (slots.waiting >= maxQueue) throw rejection('queue_full', context);
      const tooLate = (): Error => rejection('queue_timeout', context);
      return waitForSlot(slots, clock, context, { maxWaitMs, tooLate }).then((freed) => occupy(freed, next, context));
    },
    runtime,
  );

  return Object.defineProperties(base as AdaptiveLimit, {
    limit: { get: () => slots.limit, enumerable: true },
    running: { get: () => slots.running, enumerable: true },
    waiting: { get: () => slots.waiting, enumerable: true },
  });
}

const overloadStatuses: ReadonlySet<number | undefined> = new Set([408, 429, 503, 504, 529]);

/** Was it too much for the service? A refusal of our own, a spent quota and a caller in a hurry say nothing of that. */
function isOverload(error: unknown): boolean {
  if (!ModelError.isInstance(error)) {
    return overloadStatuses.has(upstreamStatus(error)) && isRetryable(error);
  }
  if (error.errorType === 'rate_limited') return !isRejection(error);
  const { errorType } = error;
  return (errorType === 'model_overloaded' || errorType === 'inference_timeout') && isServiceFailure(error);
}

function checked(options: AdaptiveLimitOptions): Settings {
  const { minLimit, maxLimit, ...settings } = withDefaults(adaptiveLimitDefaults, options);
  assertCount('minLimit', minLimit);
  assertCount('maxLimit', maxLimit);
  if (maxLimit < minLimit) throw badOption('maxLimit', `must not be below minLimit (${minLimit})`, maxLimit);
  assertCount('initialLimit', settings.initialLimit);
  const initialLimit = Math.min(Math.max(settings.initialLimit, minLimit), maxLimit);
  if (options.initialLimit !== undefined && options.initialLimit !== initialLimit) {
    throw badOption(
      'initialLimit',
      `must be between minLimit (${minLimit}) and maxLimit (${maxLimit})`,
      options.initialLimit,
    );
  }
  assertRatio('backoffRatio', settings.backoffRatio);
  if (settings.backoffRatio === 1) throw badOption('backoffRatio', 'must be below 1', 1);
  assertCount('maxQueue', settings.maxQueue, 0);
  assertPositive('maxWaitMs', settings.maxWaitMs);
  return { ...settings, minLimit, maxLimit, initialLimit };
}
