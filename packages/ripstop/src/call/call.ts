import type { CallerSignal } from './caller-signal.js';
import type { CallEvent } from './events.js';
import type { Runtime } from './runtime.js';

/** The work itself: what the caller asked for, or one layer of it. */
export type Call<T> = (context: CallContext) => T | PromiseLike<T>;

/** What travels with every call. */
export interface CallContext {
  /** Aborts when the caller leaves, the deadline passes or the attempt's limit runs out. Made on first read (G10). */
  readonly signal: AbortSignal;
  /** Has `signal` aborted, or would it have? Costs nothing, where reading `signal` makes one. */
  readonly aborted: boolean;
  /** Why, once `aborted` is true. */
  readonly reason: unknown;
  /** Can anything outside end this call early? If not, nobody needs to listen for it. */
  readonly abortable: boolean;
  /** Has the caller left? True only for the caller's own signal, never for a limit of ours (G3). */
  readonly cancelled: boolean;
  /** When the whole call must have ended, on the runtime's clock. `Infinity` where there is no deadline. */
  readonly deadline: number;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** Ties together everything that is said about this call. Made on first read, unless the caller gave one. */
  readonly correlationId: string;
  /** Which upstream, tenant or credential the call is for, where policies keep state per key. */
  readonly key: string | undefined;
  readonly runtime: Runtime;
  /** No attempt before this time can succeed, on the runtime's clock: an inner breaker is open until then. */
  readonly notBefore: number;
  /** Tells the layers outside that no attempt can succeed before `time`. */
  holdUntil(time: number): void;
  /** Reports an event, with the correlation id and the attempt added. */
  emit(event: CallEvent, attempt?: number): void;
  /** Runs `listener` once when the call is aborted, at once if it is already; returns the function that ends it. */
  onAbort(listener: (reason: unknown) => void): () => void;
}

/** What a new call may begin with. */
export interface ContextOptions {
  /** The caller's signal. Its reason passes through untouched. */
  readonly signal?: CallerSignal | undefined;
  /** The time for the whole call, in milliseconds from now: queueing, retries and fallbacks included. Default: none. */
  readonly deadlineMs?: number | undefined;
  readonly key?: string | undefined;
  readonly correlationId?: string | undefined;
  /** The call that this one is a part of: its signal, deadline, key and correlation id hold here too. */
  readonly context?: CallContext | undefined;
  /**
   * What the call sends: a body, or a plain object or list of things sent. A call is not repeated once a stream in it
   * has been used up. `wrap` knows it from the arguments. Default: nothing that cannot be sent again.
   */
  readonly input?: unknown;
}

/** What is told of an abort. */
export type AbortListener = (reason: unknown) => void;

/**
 * A node in a tree of contexts: the caller's call at the root, its attempts below. An abort goes down, never up.
 * A node listens to the one above, and the root to the caller's signal, only from the moment somebody asks it for a
 * signal or for news of an abort; a call that nobody can or wants to abort registers nothing anywhere.
 *
 * Several are made for every call, so a node holds only what is its own and looks the rest up above.
 */
export class CallScope implements CallContext {
  readonly runtime: Runtime;
  protected readonly parent: CallScope | undefined;
  /** Does a retry repeat what runs in this context? */
  retrying = false;
  private readonly ownAttempt: number | undefined;
  private abortion: { readonly reason: unknown } | undefined = undefined;
  private controller: AbortController | undefined = undefined;
  /** Nearly always the only one. */
  private listener: AbortListener | undefined = undefined;
  private others: AbortListener[] | undefined = undefined;
  private link: AbortListener | undefined = undefined;
  private released = false;

  constructor(runtime: Runtime, parent: CallScope | undefined, attempt?: number) {
    this.runtime = runtime;
    this.parent = parent;
    this.ownAttempt = attempt;
  }

  get attempt(): number {
    return this.ownAttempt ?? this.parent?.attempt ?? 1;
  }

  get deadline(): number {
    return this.parent?.deadline ?? Number.POSITIVE_INFINITY;
  }

  get key(): string | undefined {
    return this.parent?.key;
  }

  get correlationId(): string {
    return this.parent?.correlationId ?? '';
  }

  get notBefore(): number {
    return this.parent?.notBefore ?? 0;
  }

  /** How many calls and attempts stand above this one. */
  get depth(): number {
    return this.parent === undefined ? 0 : this.parent.depth + 1;
  }

  /** What the innermost layer of a pipeline calls (see `policies/policy.ts`). */
  get callee(): Call<unknown> | undefined {
    return this.parent?.callee;
  }

  /** What the call sends, as far as the caller has said. */
  get input(): unknown {
    return this.parent?.input;
  }

  /** Does a retry, here or above, repeat all that runs here (RT10)? */
  get retried(): boolean {
    return this.retrying || this.parent?.retried === true;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.aborted) this.controller.abort(this.reason);
      else this.linkUp();
    }
    return this.controller.signal;
  }

  get abortable(): boolean {
    return true;
  }

  get aborted(): boolean {
    return this.abortion !== undefined || this.parent?.aborted === true;
  }

  get reason(): unknown {
    return this.abortion === undefined ? this.parent?.reason : this.abortion.reason;
  }

  get cancelled(): boolean {
    return this.parent?.cancelled === true;
  }

  holdUntil(time: number): void {
    this.parent?.holdUntil(time);
  }

  emit(event: CallEvent, attempt: number = this.attempt): void {
    this.parent?.emit(event, attempt);
  }

  onAbort(listener: AbortListener): () => void {
    this.listen(listener);
    return () => this.unlisten(listener);
  }

  /** `onAbort` for those who listen to the end. */
  listen(listener: AbortListener): void {
    if (this.aborted) return listener(this.reason);
    if (this.listener === undefined) this.listener = listener;
    else if (this.others === undefined) this.others = [listener];
    else this.others.push(listener);
    this.linkUp();
  }

  /** Aborts this call and everything below it. The first reason stays. */
  abort(reason: unknown): void {
    if (this.abortion !== undefined) return;
    this.abortion = { reason: this.aborted ? this.reason : reason };
    const { listener, others } = this;
    this.listener = undefined;
    this.others = undefined;
    this.release();
    this.controller?.abort(this.abortion.reason);
    if (listener !== undefined) this.tell(listener, this.abortion.reason);
    if (others !== undefined) for (const other of others) this.tell(other, this.abortion.reason);
  }

  /** Has the call settled, or the stream that it returned ended? */
  get over(): boolean {
    return this.released;
  }

  /** Ends all listening to what is above: the call is over. */
  release(): void {
    this.released = true;
    this.unlink();
  }

  /** Is any news of an abort to be had from above? */
  protected get informed(): boolean {
    return this.parent?.abortable === true;
  }

  protected subscribe(link: AbortListener): void {
    if (this.parent?.abortable) this.parent.listen(link);
  }

  protected unsubscribe(link: AbortListener): void {
    this.parent?.unlisten(link);
  }

  private unlisten(listener: AbortListener): void {
    if (this.listener === listener) {
      this.listener = this.others?.shift();
    } else {
      const index = this.others?.indexOf(listener) ?? -1;
      if (index >= 0) this.others?.splice(index, 1);
    }
    if (this.listener === undefined && this.controller === undefined) this.unlink();
  }

  private linkUp(): void {
    if (this.link !== undefined || !this.informed) return;
    this.link = (reason) => this.abort(reason);
    this.subscribe(this.link);
  }

  private unlink(): void {
    const { link } = this;
    this.link = undefined;
    if (link !== undefined) this.unsubscribe(link);
  }

  /** A listener that throws must not keep the news from the others (G5). */
  private tell(listener: AbortListener, reason: unknown): void {
    try {
      listener(reason);
    } catch (error) {
      this.emit({ type: 'listener.failed', error });
    }
  }
}

// Contexts are made here, in root-scope.ts and in shared-scope.ts only, so every CallContext is a CallScope.

/** A part of `context` that can be aborted by itself: one attempt under a limit. */
export function abortable(context: CallContext): CallScope {
  return new CallScope(context.runtime, context as CallScope);
}

/** The context of attempt number `attempt`. */
export function nextAttempt(context: CallContext, attempt: number): CallScope {
  return new CallScope(context.runtime, context as CallScope, attempt);
}
