import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { Attempt } from './attempt.js';
import { type Call, CallScope, type ContextOptions } from './call.js';
import { listen, stopListening } from './caller-signal.js';
import { expire } from './completed-first.js';
import { newCorrelationId } from './correlation-id.js';
import { currentCorrelationId } from './context-frames.js';
import type { CallEvent } from './events.js';
import { assertRule, positive } from './options.js';
import { type Runtime, systemRuntime, type Timer } from './runtime.js';

const noOptions: ContextOptions = {};

/** What few calls need. */
interface Extras {
  deadline?: number;
  timer?: Timer;
  /** A correlation id that was made when it was asked for. */
  id?: string;
  notBefore?: number;
  leaving?: () => void;
}

/** The top of a tree: one call of the caller's, which may be a part of another. */
export class RootScope extends CallScope {
  declare private readonly own: Runtime;
  declare private readonly options: ContextOptions;
  declare private extras: Extras | undefined;
  declare private work: Call<unknown> | undefined;

  constructor(runtime: Runtime, options: ContextOptions = noOptions) {
    super(options.context as CallScope | undefined);
    this.own = runtime;
    this.options = options;
    this.extras = undefined;
    this.work = undefined;
    const { deadlineMs } = options;
    if (deadlineMs === undefined) return;
    assertRule('deadlineMs', positive, deadlineMs);
    this.extras = {
      deadline: runtime.clock.now() + deadlineMs,
      timer: runtime.clock.after(deadlineMs, () => {
        expire(this, () => new InferenceTimeoutError(deadlineMs, { details: { phase: 'total' } }));
      }),
    };
  }

  override get runtime(): Runtime {
    return this.own;
  }

  override get deadline(): number {
    const own = this.extras?.deadline;
    return own === undefined ? super.deadline : Math.min(own, super.deadline);
  }

  override get key(): string | undefined {
    return this.options.key ?? super.key;
  }

  override get correlationId(): string {
    const given = this.options.correlationId ?? this.extras?.id;
    if (given !== undefined) return given;
    const around = this.parent?.correlationId ?? currentCorrelationId();
    return (this.more.id = around ?? newCorrelationId(this.runtime));
  }

  override get notBefore(): number {
    return this.extras?.notBefore ?? super.notBefore;
  }

  override get input(): unknown {
    return this.options.input ?? super.input;
  }

  override get callee(): Call<unknown> | undefined {
    return this.work ?? super.callee;
  }

  override set callee(work: Call<unknown>) {
    this.work = work;
  }

  override get abortable(): boolean {
    return this.options.signal !== undefined || this.extras?.timer !== undefined || this.parent?.abortable === true;
  }

  override get aborted(): boolean {
    return this.options.signal?.aborted === true || super.aborted;
  }

  override get reason(): unknown {
    // A limit that ran out before the caller left has already been told to everybody below.
    return super.aborted ? super.reason : this.options.signal?.reason;
  }

  override get cancelled(): boolean {
    return this.options.signal?.aborted === true || super.cancelled;
  }

  override holdUntil(time: number): void {
    this.more.notBefore = time;
    super.holdUntil(time);
  }

  override emit(event: CallEvent, attempt: number = this.attempt): void {
    if (this.parent !== undefined) return super.emit(event, attempt);
    const { clock, events } = this.runtime;
    if (!events.observed) return;
    const { correlationId } = this;
    // A copy, since the event is its author's. Spread into a literal it would take twenty times as long (V8 11).
    events.emit(Object.assign({ at: clock.now(), correlationId, attempt }, event));
  }

  override release(): void {
    super.release();
    this.extras?.timer?.cancel();
  }

  protected override get informed(): boolean {
    return this.options.signal !== undefined || super.informed;
  }

  protected override subscribe(): void {
    // Whoever asks for the signal after the end gets one that stays quiet, and leaves nothing behind (G6).
    if (this.over) return;
    super.subscribe();
    const { signal } = this.options;
    if (signal === undefined) return;
    this.more.leaving = () => this.abort(signal.reason);
    listen(signal, this.more.leaving);
  }

  protected override unsubscribe(): void {
    super.unsubscribe();
    const leaving = this.extras?.leaving;
    if (this.options.signal !== undefined && leaving !== undefined) stopListening(this.options.signal, leaving);
  }

  private get more(): Extras {
    this.extras ??= {};
    return this.extras;
  }
}

/** A call that is never made: see `keepShape`. */
let specimen: RootScope | undefined;

/**
 * Keeps one object of the kind alive. When a full collection finds none, the engine throws away what it has compiled
 * for them, and calls cost three times as much until it has compiled it anew (V8 11).
 */
export function keepShape(): RootScope {
  specimen ??= new RootScope(systemRuntime);
  return specimen;
}

/** What stands for the outcome of a whole call: when it is released, so is the call. */
export function wholeAttempt(whole: CallScope): Attempt {
  return new WholeAttempt(whole);
}

class WholeAttempt extends Attempt {
  override release(): void {
    super.release();
    this.parent?.release();
  }
}

/** The context of a new call. */
export function createContext(options?: ContextOptions, runtime: Runtime = systemRuntime): RootScope {
  return new RootScope(runtime, options);
}
