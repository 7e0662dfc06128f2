import { type Call, type CallContext, CallScope } from './call.js';
import type { CallEvent } from './events.js';
import type { Runtime } from './runtime.js';

/** One who waits for a shared call. */
export interface Sharer {
  readonly context: CallContext;
}

/**
 * The context of a call that several callers share. It hangs below none of them: it has as long as the most patient has,
 * and is aborted when the last has left. What else it is asked it answers for the caller who began it.
 */
export class SharedScope extends CallScope {
  private readonly founder: CallScope;
  private readonly sharers = new Set<Sharer>();
  private abandoned = false;

  constructor(founder: CallContext) {
    super(undefined);
    this.founder = founder as CallScope;
  }

  /** How many wait for it. */
  get size(): number {
    return this.sharers.size;
  }

  override get deadline(): number {
    let latest = Number.NEGATIVE_INFINITY;
    for (const { context } of this.sharers) latest = Math.max(latest, context.deadline);
    return this.sharers.size === 0 ? this.founder.deadline : latest;
  }

  override get runtime(): Runtime {
    return this.founder.runtime;
  }

  override get attempt(): number {
    return this.founder.attempt;
  }

  override get key(): string | undefined {
    return this.founder.key;
  }

  override get correlationId(): string {
    return this.founder.correlationId;
  }

  override get depth(): number {
    return this.founder.depth + 1;
  }

  override get callee(): Call<unknown> | undefined {
    return this.founder.callee;
  }

  override get input(): unknown {
    return this.founder.input;
  }

  override get retried(): boolean {
    return super.retried || this.founder.retried;
  }

  override get notBefore(): number {
    return this.founder.notBefore;
  }

  /** Did the last caller leave, rather than run out of time? */
  override get cancelled(): boolean {
    return this.abandoned;
  }

  override holdUntil(time: number): void {
    this.founder.holdUntil(time);
    for (const { context } of this.sharers) context.holdUntil(time);
  }

  override emit(event: CallEvent, attempt: number = this.attempt): void {
    this.founder.emit(event, attempt);
  }

  join(context: CallContext): Sharer {
    const sharer = { context };
    this.sharers.add(sharer);
    return sharer;
  }

  /** From now on the call is for this one alone. */
  keepOnly(sharer: Sharer): void {
    this.sharers.clear();
    this.sharers.add(sharer);
  }

  /** Aborts the call, with the reason of this one, if nobody else waits for it. */
  leave(sharer: Sharer): void {
    if (!this.sharers.delete(sharer) || this.sharers.size > 0) return;
    this.abandoned = sharer.context.cancelled;
    this.abort(sharer.context.reason);
  }
}
