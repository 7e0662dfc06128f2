import type { CallContext } from '../call/call.js';
import { type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isStream, type StreamEnd, watchStream } from '../call/stream.js';
import { checkBreakerSettings } from './parts/breaker-check.js';
import { type BreakerMachine, breakerMachine } from './parts/breaker-machine.js';
import type { BreakerCounters, BreakerSnapshot } from './parts/breaker-snapshot.js';
import type { BreakerOutcome, BreakerOverride, BreakerState, OpenCause, Permit } from './parts/breaker-state.js';
import type { WindowOptions } from './parts/rolling-window.js';
import { isRejection, isServiceFailure, passes } from './parts/verdict.js';
import { type Policy, policy, withMembers } from './policy.js';

export type { BreakerCounters, BreakerOutcome, BreakerOverride, BreakerSnapshot, BreakerState, OpenCause, Permit };

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
  /** How long it stays open the first time, in milliseconds. Default: 60 000. */
  readonly cooldownMs?: number | undefined;
  /**
   * How long it may stay open at most, in milliseconds: for failure after failed trial, and for a wait that the last
   * failure states. Default: none; the cooldown is `cooldownMs` each time.
   */
  readonly maxCooldownMs?: number | undefined;
  /** What the cooldown is multiplied by each time it opens without having been closed for a window. Default: 2. */
  readonly cooldownFactor?: number | undefined;
  /** Share of the cooldown that chance may take off, from 0 to below 1. Default: 0. */
  readonly cooldownJitterRatio?: number | undefined;
  /**
   * The longest pause for which one 429 or 529 that states a wait opens it, in milliseconds. Default: none; it does
   * not pause.
   */
  readonly maxPauseMs?: number | undefined;
  /** How long a spent quota opens it, in milliseconds. Default: none; it does not. */
  readonly quotaCooldownMs?: number | undefined;
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
  /** Of those, how many may be under way at the same time. Default: all. */
  readonly trialsAtOnce?: number | undefined;
  /**
   * How long a trial may last, and a trial's stream be silent, before it is a failure, in milliseconds. For calls
   * without a timeout of their own. Default: 300 000.
   */
  readonly leaseMs?: number | undefined;
  /** Narrows which errors count as failures; it cannot widen it. Default: every failure of the service. */
  readonly when?: ((error: unknown, context: CallContext) => boolean) | undefined;
}

type Settings = Defaults<
  CircuitBreakerOptions,
  'name' | 'consecutive' | 'cooldownMs' | 'cooldownFactor' | 'cooldownJitterRatio' | 'window' | 'trials' | 'leaseMs'
>;

export const circuitBreakerDefaults: Settings = {
  name: 'default',
  consecutive: 5,
  cooldownMs: 60_000,
  cooldownFactor: 2,
  cooldownJitterRatio: 0,
  window: { ms: 30_000 },
  trials: 1,
  leaseMs: 300_000,
};

/** A breaker is a policy with a state that can be read and set. */
export interface CircuitBreaker extends Policy {
  readonly state: BreakerState;
  /** How long until it would let a call through, in milliseconds; 0 unless open, `Infinity` when it was isolated. */
  readonly retryAfterMs: number;
  /** Why it is open; `undefined` unless it opened by itself. */
  readonly openCause: OpenCause | undefined;
  /** What an operator has set it to; `undefined` when it decides by itself. */
  readonly override: BreakerOverride | undefined;
  /**
   * Leave to make one call now, for code that is no function to wrap. Never waits.
   *
   * @throws ModelOverloadedError with `details.reason` `circuit_open`, the wait, and the last failure as its cause.
   */
  acquire(): Permit;
  /** Closes it and forgets everything, an override included. */
  reset(): void;
  /**
   * Says that the service seems to be back: a cooldown after failures is over now, and the next calls are trials. Does
   * nothing to a pause that the service asked for, to a spent quota or to an override.
   */
  endCooldown(): void;
  /** Refuses every call until it is released. */
  isolate(): void;
  /** Lets every call through, and counts none, until it is released. */
  disable(): void;
  /** Lets every call through, counts them (`snapshot().counters`) and never opens, until it is released. */
  metricsOnly(): void;
  /** Ends what an operator has set: closed, with nothing counted. Does nothing when nothing was set. */
  release(): void;
  /** What it knows, as plain JSON, for a process that starts where this one ends. An override is not part of it. */
  snapshot(): BreakerSnapshot;
  /**
   * Goes on from a snapshot, as far as its own options allow: no cooldown is longer than they make it, and one that is
   * over leaves it half-open. What is no snapshot, or one of another version, leaves it closed. Does nothing while an
   * operator has set it.
   */
  restore(snapshot: unknown): void;
}

/** @throws RangeError for a bad option. */
export function circuitBreaker(options: CircuitBreakerOptions = {}, runtime: Runtime = systemRuntime): CircuitBreaker {
  const settings = withDefaults(circuitBreakerDefaults, options);
  checkBreakerSettings(settings);
  const machine = breakerMachine(settings, runtime);
  const { clock } = runtime;
  const { when } = settings;

  function outcomeOf(error: unknown, context: CallContext): BreakerOutcome {
    if (context.cancelled) return 'cancelled';
    if (isRejection(error)) return 'rejected';
    // A filter that throws has not ruled the error out.
    return isServiceFailure(error) && passes(when, error, context) !== false ? 'failure' : 'ignored';
  }

  function failed(error: unknown, permit: number, context: CallContext): void {
    machine.settle(permit, outcomeOf(error, context), error, context);
    const { retryAfterMs } = machine;
    if (retryAfterMs > 0) context.holdUntil(clock.now() + retryAfterMs);
  }

  /** A stream is judged at its end; a reader who leaves with something in hand had what he wanted (B17). */
  function judgeStream<S extends AsyncIterable<unknown> & object>(stream: S, permit: number, context: CallContext): S {
    let items = 0;
    return watchStream(stream, {
      item() {
        items += 1;
        machine.renew(permit);
      },
      ended(end: StreamEnd) {
        if (end.kind === 'failed') machine.settle(permit, outcomeOf(end.error, context), end.error, context);
        else
          machine.settle(permit, end.kind === 'completed' || items > 0 ? 'success' : 'cancelled', undefined, context);
      },
    });
  }

  const base = policy(
    'circuit-breaker',
    (next, context) => {
      const permit = machine.acquire(context);
      return next(context).then(
        (value) => {
          if (isStream(value)) return judgeStream(value, permit, context);
          machine.settle(permit, 'success', undefined, context);
          return value;
        },
        (error: unknown) => {
          failed(error, permit, context);
          throw error;
        },
      );
    },
    runtime,
  );

  return withMembers(base, {
    get state() {
      return machine.state;
    },
    get retryAfterMs() {
      return machine.retryAfterMs;
    },
    get openCause() {
      return machine.openCause;
    },
    get override() {
      return machine.override;
    },
    acquire: () => permitOf(machine),
    isolate: () => machine.set('forced_open'),
    disable: () => machine.set('disabled'),
    metricsOnly: () => machine.set('metrics_only'),
    reset: () => machine.reset(),
    endCooldown: () => machine.endCooldown(),
    release: () => machine.release(),
    snapshot: () => machine.snapshot(),
    restore: (snapshot: unknown) => machine.restore(snapshot),
  });
}

function permitOf(machine: BreakerMachine): Permit {
  let permit: number | undefined = machine.acquire();
  return {
    generation: machine.generation,
    settle(outcome, error) {
      if (permit !== undefined) machine.settle(permit, outcome, error);
      permit = undefined;
    },
    renew() {
      if (permit !== undefined) machine.renew(permit);
    },
  };
}
