import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { type AbortListener, type Call, CallScope, type ContextOptions } from './call.js';
import { type CallerSignal, listen, stopListening } from './caller-signal.js';
import { expire } from './completed-first.js';
import { newCorrelationId } from './correlation-id.js';
import { errorContext } from './error-context.js';
import type { CallEvent } from './events.js';
import { assertPositive } from './options.js';
import { type Runtime, systemRuntime, type Timer } from './runtime.js';

const noOptions: ContextOptions = {};

/** The top of a tree: one call of the caller's, which may be a part of another. */
export class RootScope extends CallScope {
  private readonly callerSignal: CallerSignal | undefined;
  private readonly ownKey: string | undefined;
  private readonly ownDeadline: number | undefined = undefined;
  private readonly deadlineTimer: Timer | undefined = undefined;
  private readonly sent: unknown;
  private id: string | undefined;
  private hold: number | undefined = undefined;
  private work: Call<unknown> | undefined = undefined;
  private leaving: (() => void) | undefined = undefined;

  constructor(runtime: Runtime, options: ContextOptions = noOptions) {
    super(runtime, options.context as CallScope | undefined);
    this.callerSignal = options.signal;
    this.ownKey = options.key;
    this.sent = options.input;
    this.id = options.correlationId;
    if (options.deadlineMs !== undefined) {
      const limitMs = options.deadlineMs;
      assertPositive('deadlineMs', limitMs);
      this.ownDeadline = runtime.clock.now() + limitMs;
      this.deadlineTimer = runtime.clock.after(limitMs, () => {
        expire(this, () => new InferenceTimeoutError(limitMs, { details: { phase: 'total' } }));
      });
    }
  }

  override get deadline(): number {
    return this.ownDeadline === undefined ? super.deadline : Math.min(this.ownDeadline, super.deadline);
  }

  override get key(): string | undefined {
    return this.ownKey ?? super.key;
  }

  override get correlationId(): string {
    this.id ??= this.parent?.correlationId ?? errorContext.current().correlationId ?? newCorrelationId(this.runtime);
    return this.id;
  }

  override get notBefore(): number {
    return this.hold ?? super.notBefore;
  }

  override get input(): unknown {
    return this.sent ?? super.input;
  }

  override get callee(): Call<unknown> | undefined {
    return this.work ?? super.callee;
  }

  override set callee(work: Call<unknown>) {
    this.work = work;
  }

  override get abortable(): boolean {
    return this.callerSignal !== undefined || this.deadlineTimer !== undefined || this.parent?.abortable === true;
  }

  override get aborted(): boolean {
    return this.callerSignal?.aborted === true || super.aborted;
  }

  override get reason(): unknown {
    // A limit that ran out before the caller left has already been told to everybody below.
    return super.aborted ? super.reason : this.callerSignal?.reason;
  }

  override get cancelled(): boolean {
    return this.callerSignal?.aborted === true || super.cancelled;
  }

  override holdUntil(time: number): void {
    this.hold = time;
    super.holdUntil(time);
  }

  override emit(event: CallEvent, attempt: number = this.attempt): void {
    if (this.parent !== undefined) return super.emit(event, attempt);
    const { clock, events } = this.runtime;
    if (!events.observed) return;
    events.emit({ ...event, at: clock.now(), correlationId: this.correlationId, attempt });
  }

  override release(): void {
    super.release();
    this.deadlineTimer?.cancel();
  }

  protected override get informed(): boolean {
    return this.callerSignal !== undefined || super.informed;
  }

  protected override subscribe(link: AbortListener): void {
    // Whoever asks for the signal after the end gets one that stays quiet, and leaves nothing behind (G6).
    if (this.over) return;
    super.subscribe(link);
    if (this.callerSignal !== undefined) listen(this.callerSignal, this.callerLeft);
  }

  protected override unsubscribe(link: AbortListener): void {
    super.unsubscribe(link);
    if (this.callerSignal !== undefined) stopListening(this.callerSignal, this.callerLeft);
  }

  private get callerLeft(): () => void {
    this.leaving ??= () => this.abort(this.callerSignal?.reason);
    return this.leaving;
  }
}

/** The context of a new call. */
export function createContext(options?: ContextOptions, runtime: Runtime = systemRuntime): RootScope {
  return new RootScope(runtime, options);
}
