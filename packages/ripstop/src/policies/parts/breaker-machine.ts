import type { CallContext } from '../../call/call.js';
import type { CallEvent } from '../../call/events.js';
import type { Clock, Runtime } from '../../call/runtime.js';
import { ModelOverloadedError } from '../../errors/rejections.js';
import { Cooldown } from './breaker-cooldown.js';
import { type BreakerSnapshot, readSnapshot } from './breaker-snapshot.js';
import {
  type BreakerOutcome,
  type BreakerOverride,
  BreakerPermit,
  type BreakerSettings,
  type BreakerState,
  type OpenCause,
  type Stay,
} from './breaker-state.js';
import { BreakerTally } from './breaker-tally.js';
import { steadyClock } from './steady-clock.js';

/** The states and their transitions. No timers: what has come due is worked out when it is next asked (B7). */
export class BreakerMachine {
  private readonly settings: BreakerSettings;
  private readonly runtime: Runtime;
  private readonly clock: Clock;
  private readonly cooldown: Cooldown;
  private readonly tally: BreakerTally;
  private current: Stay;
  private generation = 0;
  private lastFailure: unknown = undefined;

  constructor(settings: BreakerSettings, runtime: Runtime) {
    this.settings = settings;
    this.runtime = runtime;
    this.clock = steadyClock(runtime.clock);
    this.cooldown = new Cooldown(settings, runtime.random);
    this.tally = new BreakerTally(settings, this.clock);
    this.current = { kind: 'closed', since: this.clock.now() };
  }

  get state(): BreakerState {
    this.catchUp();
    const { current } = this;
    switch (current.kind) {
      case 'closed':
      case 'half_open':
        return current.kind;
      case 'open':
        return this.clock.now() >= current.until ? 'half_open' : 'open';
      case 'forced_open':
        return 'open';
      case 'disabled':
      case 'metrics_only':
        return 'closed';
    }
  }

  get override(): BreakerOverride | undefined {
    const { kind } = this.current;
    return kind === 'closed' || kind === 'open' || kind === 'half_open' ? undefined : kind;
  }

  /** Why it is open; `undefined` unless it opened by itself. */
  get cause(): OpenCause | undefined {
    return this.retryAfterMs > 0 && this.current.kind === 'open' ? this.current.cause : undefined;
  }

  get retryAfterMs(): number {
    this.catchUp();
    const { current } = this;
    if (current.kind === 'forced_open') return Number.POSITIVE_INFINITY;
    return current.kind === 'open' ? Math.max(0, current.until - this.clock.now()) : 0;
  }

  acquire(context?: CallContext): BreakerPermit {
    this.catchUp();
    const { current } = this;
    switch (current.kind) {
      case 'closed': {
        const permit = this.permit(context);
        this.tally.begun(permit);
        return permit;
      }
      case 'disabled':
      case 'metrics_only':
        return this.permit(context);
      case 'open':
      case 'half_open':
        return this.trial(current, context);
      case 'forced_open':
        throw this.rejection(context);
    }
  }

  settle(permit: BreakerPermit, outcome: BreakerOutcome, error: unknown): void {
    // Before the calls that are still in flight are judged: this one no longer is.
    this.tally.ended(permit);
    this.catchUp();
    if (permit.generation !== this.generation) return;
    const { current } = this;
    if (current.kind === 'half_open') current.trials.delete(permit);
    if (outcome === 'failure') this.lastFailure = error;
    if (error !== undefined && this.pausedBy(outcome, error, permit.context)) return;
    if (outcome !== 'success' && outcome !== 'failure') return;
    switch (current.kind) {
      case 'closed': {
        const reason = this.tally.count(permit, outcome);
        if (reason !== undefined) this.fail(reason, permit.context, error);
        return;
      }
      case 'metrics_only':
        this.tally.count(permit, outcome);
        return;
      case 'half_open':
        if (outcome === 'failure') this.fail('trial failed', permit.context, error);
        else this.trialSucceeded(permit.context);
        return;
      case 'open':
      case 'forced_open':
      case 'disabled':
        return;
    }
  }

  renew(permit: BreakerPermit): void {
    if (this.current.kind !== 'half_open') return;
    this.catchUp();
    const { current } = this;
    // Taken out first: the earliest lease stands first.
    if (current.kind === 'half_open' && current.trials.delete(permit)) this.lease(current.trials, permit);
  }

  /** Closes it and forgets everything, an override included. */
  reset(): void {
    this.cooldown.opens = 0;
    this.close();
  }

  setOverride(override: BreakerOverride): void {
    this.tally.clear();
    this.lastFailure = undefined;
    this.enter({ kind: override });
    this.emit({ type: 'breaker.overridden', name: this.settings.name, override }, undefined);
  }

  /** Ends an override; what was before it is forgotten (B1). */
  release(): void {
    if (this.override === undefined) return;
    this.reset();
    this.emit({ type: 'breaker.released', name: this.settings.name }, undefined);
  }

  snapshot(): BreakerSnapshot {
    const waitMs = this.override === undefined ? this.retryAfterMs : 0;
    return {
      v: 1,
      state: this.override === undefined ? this.state : 'closed',
      cause: this.cause ?? null,
      untilWall: waitMs > 0 && Number.isFinite(waitMs) ? this.clock.date().getTime() + waitMs : null,
      counters: { ...this.tally.counters, opens: this.cooldown.opens },
    };
  }

  restore(value: unknown): void {
    if (this.override !== undefined) return;
    this.reset();
    const snapshot = readSnapshot(value);
    if (snapshot === undefined) return;
    const { state, cause, untilWall, counters } = snapshot;
    this.cooldown.opens = counters.opens;
    if (state === 'closed') return this.tally.restore(counters);
    const leftMs = state === 'open' ? (untilWall ?? Number.POSITIVE_INFINITY) - this.clock.date().getTime() : 0;
    const why = cause ?? 'failures';
    const waitMs = Math.max(0, Math.min(leftMs, this.cooldown.longestMs(why)));
    this.enter({ kind: 'open', until: this.clock.now() + waitMs, cause: why });
  }

  /** A trial past its lease has failed, at that moment (B10); too many calls may have become slow on the way (B6). */
  private catchUp(): void {
    const { current } = this;
    if (current.kind === 'closed') {
      const reason = this.tally.overdue();
      if (reason !== undefined) this.fail(reason, undefined, undefined);
    } else if (current.kind === 'half_open') {
      const now = this.clock.now();
      for (const [permit, leaseEnd] of current.trials) {
        if (now < leaseEnd) return;
        return this.fail('trial outlasted its lease', permit.context, undefined, leaseEnd);
      }
    }
  }

  /** Takes a trial's place in the same step in which the breaker turns half-open, or rejects. */
  private trial(current: Stay & { kind: 'open' | 'half_open' }, context: CallContext | undefined): BreakerPermit {
    if (current.kind === 'open') {
      if (this.clock.now() < current.until) throw this.rejection(context);
      const trials = new Map<BreakerPermit, number>();
      this.enter({ kind: 'half_open', trials, successes: 0 });
      // The place is taken before anybody hears of it: a listener may call, too.
      const first = this.lease(trials, this.permit(context));
      this.emit({ type: 'breaker.half_opened', name: this.settings.name }, context);
      return first;
    }
    if (current.trials.size + current.successes >= this.settings.trials) throw this.rejection(context);
    return this.lease(current.trials, this.permit(context));
  }

  private permit(context: CallContext | undefined): BreakerPermit {
    const startedAt = this.settings.slowMs === undefined ? 0 : this.clock.now();
    return new BreakerPermit(this, this.generation, startedAt, context);
  }

  private lease(trials: Map<BreakerPermit, number>, permit: BreakerPermit): BreakerPermit {
    trials.set(permit, this.clock.now() + this.settings.leaseMs);
    return permit;
  }

  private trialSucceeded(context: CallContext | undefined): void {
    if (this.current.kind !== 'half_open') return;
    this.current.successes += 1;
    if (this.current.successes < this.settings.trials) return;
    this.close();
    this.emit({ type: 'breaker.closed', name: this.settings.name }, context);
  }

  /** Opens for as long as the error asks; says whether it does. Whatever ended without a call asks for nothing. */
  private pausedBy(outcome: BreakerOutcome, error: unknown, context: CallContext | undefined): boolean {
    if (outcome === 'cancelled' || outcome === 'rejected' || this.override !== undefined) return false;
    const wait = this.cooldown.requestedBy(error);
    if (wait === undefined) return false;
    const { name } = this.settings;
    this.lastFailure = error;
    this.enter({ kind: 'open', until: this.clock.now() + wait.ms, cause: wait.cause });
    this.emit({ type: 'breaker.paused', name, pausedMs: wait.ms, reason: wait.cause }, context);
    return true;
  }

  private fail(reason: string, context: CallContext | undefined, error: unknown, at = this.clock.now()): void {
    const { current } = this;
    if (current.kind === 'closed' && this.tally.isRecovered(at - current.since)) this.cooldown.opens = 0;
    const cooldownMs = this.cooldown.next(error);
    this.enter({ kind: 'open', until: at + cooldownMs, cause: 'failures' });
    this.emit({ type: 'breaker.opened', name: this.settings.name, cooldownMs, reason }, context);
  }

  private close(): void {
    this.tally.clear();
    this.lastFailure = undefined;
    this.enter({ kind: 'closed', since: this.clock.now() });
  }

  /** Every stay in a state is a generation; what was begun in an earlier one no longer counts (B4). */
  private enter(stay: Stay): void {
    this.current = stay;
    this.generation += 1;
    this.tally.forgetCallsInFlight();
  }

  private rejection(context: CallContext | undefined): ModelOverloadedError {
    const { name } = this.settings;
    const { retryAfterMs, cause } = this;
    this.emit({ type: 'breaker.rejected', name, retryAfterMs }, context);
    const isHalfOpen = this.current.kind === 'half_open';
    return new ModelOverloadedError(`Circuit breaker is OPEN for ${name}`, {
      details: {
        reason: 'circuit_open',
        circuit_state: isHalfOpen ? 'HALF_OPEN' : 'OPEN',
        circuit: name,
        ...(cause === 'pause' || cause === 'quota' ? { circuit_cause: cause } : {}),
      },
      // No waiting that a call could do brings the money back (B13), or ends what has no end.
      ...(cause === 'quota' || retryAfterMs === Number.POSITIVE_INFINITY ? { isRetryable: false } : {}),
      retryAfterMs: isHalfOpen ? undefined : retryAfterMs,
      ...(this.lastFailure === undefined ? {} : { cause: this.lastFailure }),
    });
  }

  private emit(event: CallEvent, context: CallContext | undefined): void {
    if (context !== undefined) return context.emit(event);
    const { clock, events } = this.runtime;
    events.emit({ ...event, at: clock.now() });
  }
}
