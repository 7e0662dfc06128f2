import type { CallerSignal } from './caller-signal.js';
import type { CallEvent } from './events.js';
import { type Runtime, systemRuntime } from './runtime.js';

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

/** Who is told: a function, or the node below, which is aborted too. */
type Listener = AbortListener | CallScope;

/** What a node keeps once somebody wants news of an abort, or has aborted it. */
interface News {
  /** Nearly always the only one, who needs no list. */
  first: Listener | undefined;
  others: Listener[] | undefined;
  controller: AbortController | undefined;
  /** Is this node among the listeners of the one above? */
  linked: boolean;
  abortion: { readonly reason: unknown } | undefined;
}

/**
 * A node in a tree of contexts: the caller's call at the root, its attempts below. An abort goes down, never up.
 * A node listens to the one above, and the root to the caller's signal, only from the moment somebody asks it for a
 * signal or for news of an abort; a call that nobody can or wants to abort registers nothing anywhere.
 *
 * Several are made for every call, so a node holds only what is its own and looks the rest up above.
 */
export class CallScope implements CallContext {
  declare protected readonly parent: CallScope | undefined;
  /** Does a retry repeat what runs in this context? */
  declare retrying: boolean;
  declare private news: News | undefined;
  declare private released: boolean;

  constructor(parent: CallScope | undefined) {
    this.parent = parent;
    this.retrying = false;
    this.news = undefined;
    this.released = false;
  }

  get runtime(): Runtime {
    return this.parent?.runtime ?? systemRuntime;
  }

  get attempt(): number {
    return this.parent?.attempt ?? 1;
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
    const news = this.subscribed();
    if (news.controller === undefined) {
      news.controller = new AbortController();
      if (this.aborted) news.controller.abort(this.reason);
      else this.linkUp(news);
    }
    return news.controller.signal;
  }

  get abortable(): boolean {
    return true;
  }

  get aborted(): boolean {
    return this.news?.abortion !== undefined || this.parent?.aborted === true;
  }

  get reason(): unknown {
    const abortion = this.news?.abortion;
    return abortion === undefined ? this.parent?.reason : abortion.reason;
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
  listen(listener: Listener): void {
    if (this.aborted) return tell(listener, this.reason);
    const news = this.subscribed();
    if (news.first === undefined) news.first = listener;
    else (news.others ??= []).push(listener);
    this.linkUp(news);
  }

  /** Aborts this call and everything below it. The first reason stays. */
  abort(reason: unknown): void {
    const news = this.subscribed();
    if (news.abortion !== undefined) return;
    news.abortion = { reason: this.aborted ? this.reason : reason };
    const told = news.abortion.reason;
    this.release();
    news.controller?.abort(told);
    this.abandon(told);
    const { first, others = [] } = news;
    news.first = undefined;
    news.others = undefined;
    if (first !== undefined) this.tellSafely(first, told);
    for (const listener of others) this.tellSafely(listener, told);
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

  protected subscribe(): void {
    if (this.parent?.abortable) this.parent.listen(this);
  }

  protected unsubscribe(): void {
    this.parent?.unlisten(this);
  }

  private unlisten(listener: Listener): void {
    const { news } = this;
    if (news === undefined) return;
    if (news.first === listener) {
      news.first = news.others?.shift();
    } else {
      const index = news.others?.indexOf(listener) ?? -1;
      if (index >= 0) news.others?.splice(index, 1);
    }
    if (!this.attentive) this.unlink();
  }

  /** Ends what stands for the outcome. */
  protected abandon(_reason: unknown): void {}

  /** Does anybody here wait for news from above? */
  protected get attentive(): boolean {
    return this.news !== undefined && (this.news.first !== undefined || this.news.controller !== undefined);
  }

  protected subscribed(): News {
    this.news ??= {
      first: undefined,
      others: undefined,
      controller: undefined,
      linked: false,
      abortion: undefined,
    };
    return this.news;
  }

  protected linkUp(news: News): void {
    if (news.linked || !this.informed) return;
    news.linked = true;
    this.subscribe();
  }

  private unlink(): void {
    if (this.news?.linked !== true) return;
    this.news.linked = false;
    this.unsubscribe();
  }

  /** A listener that throws must not keep the news from the others (G5). */
  private tellSafely(listener: Listener, reason: unknown): void {
    try {
      tell(listener, reason);
    } catch (error) {
      this.emit({ type: 'listener.failed', error });
    }
  }
}

function tell(listener: Listener, reason: unknown): void {
  if (typeof listener === 'function') listener(reason);
  else listener.abort(reason);
}
