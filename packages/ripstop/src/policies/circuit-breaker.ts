import type { CallContext } from '../call/call.js';
import { assertCount, assertPositive, assertRatio, badOption, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isStream, type StreamEnd, watchStream } from '../call/stream.js';
import { BreakerMachine, type BreakerOutcome, type BreakerState, type Permit } from './parts/breaker-machine.js';
import type { WindowOptions } from './parts/rolling-window.js';
import { isRejection, isServiceFailure, passes } from './parts/verdict.js';
import { type Policy, policy } from './policy.js';

export type { BreakerOutcome, BreakerState, Permit };

/**
 * Circuit breaker: stop calling a service that fails, and try it again after a cooldown.
 *
 * Counts what the service did: its failures and, where asked for, its slow answers. A caller's fault, a caller who
 * left and a rejection by our own policies say nothing about it. One per upstream, inside retry and outside timeout,
 * so that every attempt is judged. It never waits and never queues: it calls or it rejects.
 *
 * Source: M. Nygard, Release It!, 2nd ed. (2018), stability pattern "Circuit Breaker"; half-open permits and
 * generations after Polly v8 and resilience4j.
 */
export interface CircuitBreakerOptions {
  /** Names the breaker in errors and events. Default: `default`. */
  readonly name?: string | undefined;
  /** Failures in a row that open it. `Infinity`: only ratios open it. Default: 5. */
  readonly consecutive?: number | undefined;
  /** How long it stays open, in milliseconds. Default: 60 000. */
  readonly cooldownMs?: number | undefined;
  /** Which calls the ratios are taken over: `{ calls }` or `{ ms }`. Default: the last 30 seconds. */
  readonly window?: WindowOptions | undefined;
  /**
   * Calls that must have been counted before it may open. Default: for ratios 10, or as many as a smaller window
   * holds; none for failures in a row.
   */
  readonly minCalls?: number | undefined;
  /** Share of failures that opens it, above 0 and at most 1. Default: none. */
  readonly failureRatio?: number | undefined;
  /** Share of slow calls that opens it, above 0 and at most 1. Needs `slowMs`. Default: none. */
  readonly slowRatio?: number | undefined;
  /** From how long on a call is slow, in milliseconds. Default: none is. */
  readonly slowMs?: number | undefined;
  /** Calls let through half-open; all of them must succeed to close it. Default: 1. */
  readonly trials?: number | undefined;
  /** Narrows which errors count as failures; it cannot widen it. Default: every failure of the service. */
  readonly when?: ((error: unknown, context: CallContext) => boolean) | undefined;
}

type Settings = Defaults<CircuitBreakerOptions, 'name' | 'consecutive' | 'cooldownMs' | 'window' | 'trials'>;

export const circuitBreakerDefaults: Settings = {
  name: 'default',
  consecutive: 5,
  cooldownMs: 60_000,
  window: { ms: 30_000 },
  trials: 1,
};

/** A breaker is a policy with a state that can be read and set. */
export interface CircuitBreaker extends Policy {
  readonly state: BreakerState;
  /** How long until it would let a call through, in milliseconds; 0 unless open. */
  readonly retryAfterMs: number;
  /**
   * Leave to make one call now, for code that is no function to wrap. Never waits.
   *
   * @throws ModelOverloadedError with `details.reason` `circuit_open`, the wait, and the last failure as its cause.
   */
  acquire(): Permit;
  /** Closes it and forgets everything. */
  reset(): void;
}

/** @throws RangeError for a bad option. */
export function circuitBreaker(options: CircuitBreakerOptions = {}, runtime: Runtime = systemRuntime): CircuitBreaker {
  const machine = new BreakerMachine(checked(options), runtime);
  const { clock } = runtime;
  const { when } = options;

  function outcomeOf(error: unknown, context: CallContext): BreakerOutcome {
    if (context.cancelled) return 'cancelled';
    if (isRejection(error)) return 'rejected';
    // A filter that throws has not ruled the error out.
    return isServiceFailure(error) && passes(when, error, context) !== false ? 'failure' : 'ignored';
  }

  const base = policy(
    'circuit-breaker',
    (next, context) => {
      const permit = machine.acquire(context);
      return next(context).then(
        (value) => {
          if (isStream(value)) return judgeStream(value, permit, context);
          permit.settle('success');
          return value;
        },
        (error: unknown) => {
          permit.settle(outcomeOf(error, context), error);
          if (machine.openUntil > clock.now()) context.holdUntil(machine.openUntil);
          throw error;
        },
      );
    },
    runtime,
  );

  /** A stream is judged at its end; a reader who leaves with something in hand had what he wanted (B17). */
  function judgeStream<S extends AsyncIterable<unknown> & object>(stream: S, permit: Permit, context: CallContext): S {
    let items = 0;
    return watchStream(stream, {
      item: () => {
        items += 1;
      },
      ended(end: StreamEnd) {
        if (end.kind === 'failed') permit.settle(outcomeOf(end.error, context), end.error);
        else permit.settle(end.kind === 'completed' || items > 0 ? 'success' : 'cancelled');
      },
    });
  }

  return Object.defineProperties(base as CircuitBreaker, {
    state: { get: () => machine.state, enumerable: true },
    retryAfterMs: { get: () => machine.retryAfterMs, enumerable: true },
    acquire: { value: () => machine.acquire() },
    reset: { value: () => machine.reset() },
  });
}

function checked(options: CircuitBreakerOptions): Settings {
  const settings = withDefaults(circuitBreakerDefaults, options);
  assertCount('consecutive', settings.consecutive);
  assertPositive('cooldownMs', settings.cooldownMs);
  assertCount('trials', settings.trials);
  if (settings.minCalls !== undefined) assertCount('minCalls', settings.minCalls);
  if (settings.failureRatio !== undefined) assertRatio('failureRatio', settings.failureRatio);
  if (settings.slowRatio !== undefined) assertRatio('slowRatio', settings.slowRatio);
  if (settings.slowMs !== undefined) assertPositive('slowMs', settings.slowMs);
  if (settings.slowRatio !== undefined && settings.slowMs === undefined) {
    throw new RangeError('slowRatio needs slowMs, got none');
  }
  const { window, minCalls } = settings;
  if ('calls' in window && minCalls !== undefined && minCalls > window.calls) {
    throw badOption('minCalls', `must be at most window.calls (${window.calls}), or no ratio is ever taken`, minCalls);
  }
  return settings;
}
