import type { CallContext } from '../../call/call.js';
import type { CallEvent } from '../../call/events.js';
import type { Runtime } from '../../call/runtime.js';
import { ModelOverloadedError } from '../../errors/rejections.js';
import { growingCooldown } from './breaker-cooldown.js';
import { type BreakerSnapshot, readSnapshot } from './breaker-snapshot.js';
import type { BreakerOutcome, BreakerOverride, BreakerSettings, BreakerState, OpenCause } from './breaker-state.js';
import { breakerTally } from './breaker-tally.js';
import { steadyClock } from './steady-clock.js';

/** A stay in a state. Times are those of the machine's clock, in milliseconds. */
type Stay =
  | { readonly kind: 'closed'; readonly since: number; readonly override?: BreakerOverride }
  | { readonly kind: 'open'; readonly until: number; readonly cause?: OpenCause; readonly override?: BreakerOverride }
  | {
      readonly kind: 'half_open';
      /** Trials that have not ended, the earliest lease first. */
      readonly trials: Map<number, Trial>;
      successes: number;
      readonly override?: undefined;
    };

interface Trial {
  readonly leaseEnd: number;
  readonly context: CallContext | undefined;
}

/** What the policy around it sees. A permit is a number, for the policy to settle once. */
export interface BreakerMachine {
  readonly state: BreakerState;
  readonly override: BreakerOverride | undefined;
  readonly openCause: OpenCause | undefined;
  readonly retryAfterMs: number;
  /** The permits of the present stay are above it. */
  readonly generation: number;
  acquire(context?: CallContext): number;
  settle(permit: number, outcome: BreakerOutcome, error?: unknown, context?: CallContext): void;
  renew(permit: number): void;
  endCooldown(): void;
  reset(): void;
  set(override: BreakerOverride): void;
  release(): void;
  snapshot(): BreakerSnapshot;
  restore(value: unknown): void;
}

/** The states and their transitions. No timers: what has come due is worked out when it is next asked (B7). */
export function breakerMachine(settings: BreakerSettings, runtime: Runtime): BreakerMachine {
  const { name, trials, trialsAtOnce = trials, leaseMs } = settings;
  /** Most breakers do not ask how long a call takes, and then nothing is noted of it. */
  const timesCalls = settings.slowMs !== undefined;
  const clock = steadyClock(runtime.clock);
  const now = (): number => clock.now();
  const cooldown = growingCooldown(settings, runtime.random);
  const tally = breakerTally(settings, clock);
  let stay: Stay = { kind: 'closed', since: now() };
  /** Calls and stays are numbered in one sequence, so that a call's number tells in which stay it began. */
  let latest = 0;
  let generation = 0;
  let lastFailure: unknown;

  function retryAfterMs(): number {
    catchUp();
    return stay.kind === 'open' ? Math.max(0, stay.until - now()) : 0;
  }

  function state(): BreakerState {
    return retryAfterMs() === 0 && stay.kind === 'open' ? 'half_open' : stay.kind;
  }

  function openCause(): OpenCause | undefined {
    return retryAfterMs() > 0 && stay.kind === 'open' ? stay.cause : undefined;
  }

  /** A trial past its lease has failed, at that moment (B10); too many calls may have become slow on the way (B6). */
  function catchUp(): void {
    if (stay.kind === 'half_open') {
      const [first] = stay.trials.values();
      if (first === undefined || now() < first.leaseEnd) return;
      fail('trial outlasted its lease', first.context, undefined, first.leaseEnd);
    } else if (timesCalls && stay.override === undefined) {
      const reason = tally.overdue();
      if (reason !== undefined) fail(reason, undefined, undefined);
    }
  }

  function acquire(context: CallContext | undefined): number {
    catchUp();
    if (stay.kind === 'closed') {
      latest += 1;
      if (timesCalls) tally.begun(latest);
      return latest;
    }
    if (stay.kind === 'open') {
      if (retryAfterMs() > 0) throw rejection(context);
      enter({ kind: 'half_open', trials: new Map(), successes: 0 });
      // The place is taken before anybody hears of it: a listener may call, too.
      const permit = lease((latest += 1), context);
      emit({ type: 'breaker.half_opened', name }, context);
      return permit;
    }
    const { size } = stay.trials;
    if (size >= trialsAtOnce || size + stay.successes >= trials) throw rejection(context);
    return lease((latest += 1), context);
  }

  function lease(permit: number, context: CallContext | undefined): number {
    if (stay.kind === 'half_open') stay.trials.set(permit, { leaseEnd: now() + leaseMs, context });
    return permit;
  }

  function renew(permit: number): void {
    catchUp();
    if (stay.kind !== 'half_open') return;
    const trial = stay.trials.get(permit);
    // Taken out first: the earliest lease stands first.
    if (stay.trials.delete(permit)) lease(permit, trial?.context);
  }

  function settle(permit: number, outcome: BreakerOutcome, error: unknown, context: CallContext | undefined): void {
    // Before the calls that are still in flight are judged: this one no longer is.
    const slow = timesCalls && tally.ended(permit);
    catchUp();
    if (permit <= generation) return;
    if (stay.kind === 'half_open') stay.trials.delete(permit);
    const failed = outcome === 'failure';
    if (failed) lastFailure = error;
    if (error !== undefined && pausedBy(outcome, error, context)) return;
    if (!failed && outcome !== 'success') return;
    if (stay.kind === 'half_open') {
      if (failed) fail('trial failed', context, error);
      else trialSucceeded(context);
    } else if (stay.override !== 'disabled') {
      const reason = tally.count(failed, slow);
      if (reason !== undefined && stay.override === undefined) fail(reason, context, error);
    }
  }

  function trialSucceeded(context: CallContext | undefined): void {
    if (stay.kind !== 'half_open') return;
    stay.successes += 1;
    if (stay.successes < trials) return;
    close();
    emit({ type: 'breaker.closed', name }, context);
  }

  /** Opens for as long as the error asks; says whether it does. Whatever ended without a call asks for nothing. */
  function pausedBy(outcome: BreakerOutcome, error: unknown, context: CallContext | undefined): boolean {
    if (outcome === 'cancelled' || outcome === 'rejected' || stay.override !== undefined) return false;
    const wait = cooldown.requestedBy(error);
    if (wait === undefined) return false;
    const { cause, ms } = wait;
    lastFailure = error;
    enter({ kind: 'open', until: now() + ms, cause });
    emit({ type: 'breaker.paused', name, pausedMs: ms, reason: cause }, context);
    return true;
  }

  function fail(reason: string, context: CallContext | undefined, error: unknown, at = now()): void {
    if (stay.kind === 'closed' && tally.isRecovered(at - stay.since)) cooldown.opens = 0;
    const cooldownMs = cooldown.next(error);
    enter({ kind: 'open', until: at + cooldownMs, cause: 'failures' });
    emit({ type: 'breaker.opened', name, cooldownMs, reason }, context);
  }

  /** Every stay in a state is a generation; what was begun in an earlier one no longer counts (B4). */
  function enter(next: Stay): void {
    stay = next;
    generation = latest += 1;
    tally.forgetCallsInFlight();
  }

  function close(override?: BreakerOverride): void {
    tally.clear();
    lastFailure = undefined;
    const kept = override === undefined ? {} : { override };
    const isOpen = override === 'forced_open';
    enter(
      isOpen ? { kind: 'open', until: Number.POSITIVE_INFINITY, ...kept } : { kind: 'closed', since: now(), ...kept },
    );
  }

  function reset(): void {
    cooldown.opens = 0;
    close();
  }

  function rejection(context: CallContext | undefined): ModelOverloadedError {
    const waitMs = retryAfterMs();
    const cause = openCause();
    emit({ type: 'breaker.rejected', name, retryAfterMs: waitMs }, context);
    const isHalfOpen = stay.kind === 'half_open';
    return new ModelOverloadedError(`Circuit breaker is OPEN for ${name}`, {
      stack: 'none',
      details: {
        reason: 'circuit_open',
        circuit_state: isHalfOpen ? 'HALF_OPEN' : 'OPEN',
        circuit: name,
        ...(cause !== undefined && cause !== 'failures' && { circuit_cause: cause }),
      },
      // No waiting that a call could do brings the money back (B13), or ends what has no end.
      isRetryable: cause !== 'quota' && waitMs < Number.POSITIVE_INFINITY,
      retryAfterMs: isHalfOpen ? undefined : waitMs,
      ...(lastFailure !== undefined && { cause: lastFailure }),
    });
  }

  function emit(event: CallEvent, context: CallContext | undefined): void {
    if (context !== undefined) context.emit(event);
    else runtime.events.emit({ ...event, at: runtime.clock.now() });
  }

  return {
    get state() {
      return state();
    },
    get override() {
      return stay.override;
    },
    get openCause() {
      return openCause();
    },
    get retryAfterMs() {
      return retryAfterMs();
    },
    get generation() {
      return generation;
    },
    acquire,
    settle,
    renew,
    endCooldown() {
      if (stay.kind === 'open' && stay.cause === 'failures' && now() < stay.until) stay = { ...stay, until: now() };
    },
    reset() {
      const { kind } = stay;
      reset();
      if (kind !== 'closed') emit({ type: 'breaker.closed', name }, undefined);
    },
    set(override) {
      close(override);
      emit({ type: 'breaker.overridden', name, override }, undefined);
    },
    release() {
      if (stay.override === undefined) return;
      reset();
      emit({ type: 'breaker.released', name }, undefined);
    },
    snapshot() {
      const waitMs = retryAfterMs();
      return {
        v: 1,
        // An override is no knowledge of the service's.
        state: stay.override === undefined ? state() : 'closed',
        cause: openCause() ?? null,
        untilWall: waitMs > 0 && waitMs < Number.POSITIVE_INFINITY ? clock.date().getTime() + waitMs : null,
        counters: { ...tally.counters, opens: cooldown.opens },
      };
    },
    restore(value) {
      if (stay.override !== undefined) return;
      reset();
      const snapshot = readSnapshot(value);
      if (snapshot === undefined) return;
      const { cause, untilWall, counters } = snapshot;
      cooldown.opens = counters.opens;
      if (snapshot.state === 'closed') return tally.restore(counters);
      const kind = cause ?? 'failures';
      const untilMs = snapshot.state === 'open' ? (untilWall ?? Number.POSITIVE_INFINITY) : 0;
      const waitMs = Math.max(0, Math.min(untilMs - clock.date().getTime(), cooldown.longestMs(kind)));
      enter({ kind: 'open', until: now() + waitMs, cause: kind });
    },
  };
}
