import type { CallContext } from '../../call/call.js';
import type { CallEvent } from '../../call/events.js';
import type { Runtime } from '../../call/runtime.js';
import { ModelOverloadedError } from '../../errors/rejections.js';
import { type RollingWindow, rollingWindow, type WindowOptions } from './rolling-window.js';

/** Closed: calls pass. Open: they are refused. Half-open: a few are let through to try. */
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

/** The options of a breaker, checked. */
export interface BreakerSettings {
  readonly name: string;
  readonly consecutive: number;
  readonly cooldownMs: number;
  readonly window: WindowOptions;
  readonly minCalls?: number | undefined;
  readonly failureRatio?: number | undefined;
  readonly slowRatio?: number | undefined;
  readonly slowMs?: number | undefined;
  readonly trials: number;
}

/** Below so many calls a share says little. */
const fewestForRatios = 10;

type State =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly until: number }
  | { readonly kind: 'half_open'; admitted: number; successes: number };

const closed: State = { kind: 'closed' };

/** The states and their transitions. No timers: an open breaker turns half-open when it is next asked (B7). */
export class BreakerMachine {
  private readonly settings: BreakerSettings;
  private readonly runtime: Runtime;
  /** Only where a ratio is asked for; failures in a row need no window. */
  private readonly window: RollingWindow | undefined;
  private readonly minCallsForRatios: number;
  private current: State = closed;
  private generation = 0;
  private counted = 0;
  private failuresInARow = 0;
  private lastFailure: unknown = undefined;

  constructor(settings: BreakerSettings, runtime: Runtime) {
    this.settings = settings;
    this.runtime = runtime;
    const { window, minCalls, failureRatio, slowRatio } = settings;
    const rolling = rollingWindow(window, runtime.clock);
    this.window = failureRatio === undefined && slowRatio === undefined ? undefined : rolling;
    this.minCallsForRatios = minCalls ?? Math.min(fewestForRatios, 'calls' in window ? window.calls : fewestForRatios);
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
      // The place is taken before anybody hears of it: a listener may call, too.
      this.enter({ kind: 'half_open', admitted: 1, successes: 0 });
      this.emit({ type: 'breaker.half_opened', name: this.settings.name }, context);
    } else if (this.current.kind === 'half_open') {
      if (this.current.admitted >= this.settings.trials) throw this.rejection(context);
      this.current.admitted += 1;
    }
  }

  private count(permit: BreakerPermit, failed: boolean): void {
    const { slowMs } = this.settings;
    const slow = slowMs !== undefined && this.runtime.clock.now() - permit.startedAt >= slowMs;
    this.counted += 1;
    this.failuresInARow = failed ? this.failuresInARow + 1 : 0;
    this.window?.add(failed, slow);
    if (!failed && this.window === undefined) return;
    const reason = this.reasonToOpen();
    if (reason !== undefined) this.open(reason, permit.context);
  }

  private reasonToOpen(): string | undefined {
    const { consecutive, failureRatio, slowRatio, minCalls } = this.settings;
    if (this.failuresInARow >= consecutive && this.counted >= (minCalls ?? 1))
      return `${consecutive} failures in a row`;
    if (this.window === undefined) return undefined;
    const { counted, failures, slow } = this.window;
    if (counted < this.minCallsForRatios) return undefined;
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
    this.lastFailure = undefined;
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
