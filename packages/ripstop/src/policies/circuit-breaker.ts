import type { CallContext } from '../call/call.js';
import type { CallEvent } from '../call/events.js';
import { assertCount, assertPositive, assertRatio, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isStream, type StreamEnd, watchStream } from '../call/stream.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { type RollingWindow, rollingWindow, type WindowOptions } from './parts/rolling-window.js';
import { isRejection, isServiceFailure } from './parts/verdict.js';
import { type Policy, policy } from './policy.js';

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
  /** Calls that must have been counted before it may open. Default: 10 for ratios, none for failures in a row. */
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
  readonly when?: ((error: unknown) => boolean) | undefined;
}

type Settings = Defaults<CircuitBreakerOptions, 'name' | 'consecutive' | 'cooldownMs' | 'window' | 'trials'>;

export const circuitBreakerDefaults: Settings = {
  name: 'default',
  consecutive: 5,
  cooldownMs: 60_000,
  window: { ms: 30_000 },
  trials: 1,
};

const minCallsForRatios = 10;

export type BreakerState = 'closed' | 'open' | 'half_open';

/** What came of a call. `ignored` and `cancelled` say nothing about the service, and give the permit back. */
export type BreakerOutcome = 'success' | 'failure' | 'ignored' | 'cancelled' | 'rejected';

/** Leave to make one call. */
export interface Permit {
  /** Which stay in a state the permit belongs to; a settle that comes after that state has passed changes nothing. */
  readonly generation: number;
  /** Only the first settle counts. */
  settle(outcome: BreakerOutcome, error?: unknown): void;
}

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
    return isServiceFailure(error) && when?.(error) !== false ? 'failure' : 'ignored';
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
  return settings;
}

type State =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly until: number }
  | { readonly kind: 'half_open'; admitted: number; successes: number };

const closed: State = { kind: 'closed' };

/** The states and their transitions. No timers: an open breaker turns half-open when it is next asked (B7). */
class BreakerMachine {
  private readonly settings: Settings;
  private readonly runtime: Runtime;
  /** Only where a ratio is asked for; failures in a row need no window. */
  private readonly window: RollingWindow | undefined;
  private current: State = closed;
  private generation = 0;
  private counted = 0;
  private failuresInARow = 0;
  private lastFailure: unknown = undefined;

  constructor(settings: Settings, runtime: Runtime) {
    this.settings = settings;
    this.runtime = runtime;
    const ratios = settings.failureRatio !== undefined || settings.slowRatio !== undefined;
    this.window = ratios ? rollingWindow(settings.window, runtime.clock) : undefined;
  }

  get state(): BreakerState {
    const { current } = this;
    return current.kind === 'open' && this.runtime.clock.now() >= current.until ? 'half_open' : current.kind;
  }

  get openUntil(): number {
    return this.current.kind === 'open' ? this.current.until : 0;
  }

  get retryAfterMs(): number {
    return Math.max(0, this.openUntil - this.runtime.clock.now());
  }

  acquire(context?: CallContext): BreakerPermit {
    if (this.current.kind !== 'closed') this.admitTrial(context);
    const startedAt = this.settings.slowMs === undefined ? 0 : this.runtime.clock.now();
    return new BreakerPermit(this, this.generation, startedAt, context);
  }

  reset(): void {
    this.enter(closed);
  }

  settle(permit: BreakerPermit, outcome: BreakerOutcome, error: unknown): void {
    if (permit.generation !== this.generation) return;
    const information = outcome === 'success' || outcome === 'failure';
    if (outcome === 'failure') this.lastFailure = error;
    switch (this.current.kind) {
      case 'closed':
        if (information) this.count(permit, outcome === 'failure');
        return;
      case 'half_open':
        if (!information) this.current.admitted -= 1;
        else if (outcome === 'failure') this.open('trial failed', permit.context);
        else this.trialSucceeded(permit.context);
        return;
      case 'open':
        return;
    }
  }

  /** Takes a trial's place in the same step in which the breaker turns half-open, or rejects. */
  private admitTrial(context: CallContext | undefined): void {
    if (this.current.kind === 'open') {
      if (this.runtime.clock.now() < this.current.until) throw this.rejection(context);
      this.enter({ kind: 'half_open', admitted: 0, successes: 0 });
      this.emit({ type: 'breaker.half_opened', name: this.settings.name }, context);
    }
    if (this.current.kind !== 'half_open') return;
    if (this.current.admitted >= this.settings.trials) throw this.rejection(context);
    this.current.admitted += 1;
  }

  private count(permit: BreakerPermit, failed: boolean): void {
    const { slowMs } = this.settings;
    const slow = slowMs !== undefined && this.runtime.clock.now() - permit.startedAt >= slowMs;
    this.counted += 1;
    this.failuresInARow = failed ? this.failuresInARow + 1 : 0;
    this.window?.add(failed, slow);
    if (!failed && !slow) return;
    const reason = this.reasonToOpen();
    if (reason !== undefined) this.open(reason, permit.context);
  }

  private reasonToOpen(): string | undefined {
    const { consecutive, failureRatio, slowRatio, minCalls } = this.settings;
    if (this.failuresInARow >= consecutive && this.counted >= (minCalls ?? 1))
      return `${consecutive} failures in a row`;
    if (this.window === undefined) return undefined;
    const { counted, failures, slow } = this.window;
    if (counted < (minCalls ?? minCallsForRatios)) return undefined;
    if (failureRatio !== undefined && failures / counted >= failureRatio)
      return `${failures} of ${counted} calls failed`;
    if (slowRatio !== undefined && slow / counted >= slowRatio) return `${slow} of ${counted} calls were slow`;
    return undefined;
  }

  private trialSucceeded(context: CallContext | undefined): void {
    if (this.current.kind !== 'half_open') return;
    this.current.successes += 1;
    if (this.current.successes < this.settings.trials) return;
    this.enter(closed);
    this.emit({ type: 'breaker.closed', name: this.settings.name }, context);
  }

  private open(reason: string, context: CallContext | undefined): void {
    const { name, cooldownMs } = this.settings;
    this.enter({ kind: 'open', until: this.runtime.clock.now() + cooldownMs });
    this.emit({ type: 'breaker.opened', name, cooldownMs, reason }, context);
  }

  /** Every stay in a state is a generation; what was begun in an earlier one no longer counts (B4). */
  private enter(state: State): void {
    this.current = state;
    this.generation += 1;
    if (state.kind !== 'closed') return;
    this.counted = 0;
    this.failuresInARow = 0;
    this.window?.clear();
  }

  private rejection(context: CallContext | undefined): ModelOverloadedError {
    const { name } = this.settings;
    const { retryAfterMs } = this;
    this.emit({ type: 'breaker.rejected', name, retryAfterMs }, context);
    const state = this.current.kind === 'half_open' ? 'HALF_OPEN' : 'OPEN';
    return new ModelOverloadedError(`Circuit breaker is OPEN for ${name}`, {
      details: { reason: 'circuit_open', circuit_state: state, circuit: name },
      retryAfterMs: state === 'OPEN' ? retryAfterMs : undefined,
      ...(this.lastFailure === undefined ? {} : { cause: this.lastFailure }),
    });
  }

  private emit(event: CallEvent, context: CallContext | undefined): void {
    if (context !== undefined) return context.emit(event);
    const { clock, events } = this.runtime;
    events.emit({ ...event, at: clock.now() });
  }
}

class BreakerPermit implements Permit {
  readonly generation: number;
  readonly startedAt: number;
  readonly context: CallContext | undefined;
  private machine: BreakerMachine | undefined;

  constructor(machine: BreakerMachine, generation: number, startedAt: number, context: CallContext | undefined) {
    this.machine = machine;
    this.generation = generation;
    this.startedAt = startedAt;
    this.context = context;
  }

  settle(outcome: BreakerOutcome, error?: unknown): void {
    const { machine } = this;
    this.machine = undefined;
    machine?.settle(this, outcome, error);
  }
}
