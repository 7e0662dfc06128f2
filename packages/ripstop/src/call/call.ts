import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { newCorrelationId } from './correlation-id.js';
import type { CallEvent } from './events.js';
import { assertPositive } from './options.js';
import { type Runtime, systemRuntime, type Timer } from './runtime.js';

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

export interface ContextOptions {
  /** The caller's signal. Its reason passes through untouched. */
  readonly signal?: AbortSignal | undefined;
  /** The time for the whole call, in milliseconds from now: queueing, retries and fallbacks included. Default: none. */
  readonly deadlineMs?: number | undefined;
  readonly key?: string | undefined;
  readonly correlationId?: string | undefined;
  /** The call that this one is a part of: its signal, deadline, key and correlation id hold here too. */
  readonly context?: CallContext | undefined;
}

type AbortListener = (reason: unknown) => void;
const nothing = (): void => undefined;
const noOptions: ContextOptions = {};

/**
 * A node in a tree of contexts: the caller's call at the root, its attempts below. An abort goes down, never up.
 * A node listens to the one above, and the root to the caller's signal, only from the moment somebody asks it for a
 * signal or for news of an abort; a call that nobody can or wants to abort registers nothing anywhere.
 */
export class CallScope implements CallContext {
  readonly runtime: Runtime;
  readonly attempt: number;
  readonly deadline: number;
  readonly key: string | undefined;
  notBefore = 0;
  /** What the pipeline's innermost layer calls (see `policies/policy.ts`). */
  callee: Call<unknown> | undefined;
  private readonly parent: CallContext | undefined;
  private readonly callerSignal: AbortSignal | undefined;
  private id: string | undefined;
  private abortion: { readonly reason: unknown } | undefined = undefined;
  private controller: AbortController | undefined = undefined;
  private listeners: Set<AbortListener> | undefined = undefined;
  private links: (() => void)[] | undefined = undefined;
  private deadlineTimer: Timer | undefined = undefined;

  constructor(runtime: Runtime, options: ContextOptions = noOptions, attempt?: number) {
    const parent = options.context;
    this.runtime = runtime;
    this.parent = parent;
    this.attempt = attempt ?? parent?.attempt ?? 1;
    this.deadline = parent?.deadline ?? Number.POSITIVE_INFINITY;
    this.key = options.key ?? parent?.key;
    this.callee = parent instanceof CallScope ? parent.callee : undefined;
    this.callerSignal = options.signal;
    this.id = options.correlationId;
    if (options.deadlineMs !== undefined) {
      const limitMs = options.deadlineMs;
      assertPositive('deadlineMs', limitMs);
      this.deadline = Math.min(this.deadline, runtime.clock.now() + limitMs);
      this.deadlineTimer = runtime.clock.after(limitMs, () => {
        this.abort(new InferenceTimeoutError(limitMs, { details: { phase: 'total' } }));
      });
    }
  }

  get correlationId(): string {
    this.id ??= this.parent?.correlationId ?? newCorrelationId(this.runtime);
    return this.id;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.aborted) this.controller.abort(this.reason);
      else this.link();
    }
    return this.controller.signal;
  }

  get aborted(): boolean {
    return this.abortion !== undefined || this.callerSignal?.aborted === true || this.parent?.aborted === true;
  }

  get reason(): unknown {
    if (this.abortion !== undefined) return this.abortion.reason;
    return this.callerSignal?.aborted === true ? this.callerSignal.reason : this.parent?.reason;
  }

  get cancelled(): boolean {
    return this.callerSignal?.aborted === true || this.parent?.cancelled === true;
  }

  emit(event: CallEvent, attempt: number = this.attempt): void {
    if (this.parent !== undefined) return this.parent.emit(event, attempt);
    const { clock, events } = this.runtime;
    if (!events.observed) return;
    events.emit({ ...event, at: clock.now(), correlationId: this.correlationId, attempt });
  }

  holdUntil(time: number): void {
    this.notBefore = time;
    this.parent?.holdUntil(time);
  }

  onAbort(listener: AbortListener): () => void {
    if (this.aborted) {
      listener(this.reason);
      return nothing;
    }
    // A wrapper of its own, so that ending one registration never ends another of the same function.
    const entry: AbortListener = (reason) => listener(reason);
    this.listeners ??= new Set();
    this.listeners.add(entry);
    this.link();
    return () => {
      if (this.listeners?.delete(entry) && this.listeners.size === 0 && this.controller === undefined) this.unlink();
    };
  }

  /** Aborts this call and everything below it. The first reason stays. */
  abort(reason: unknown): void {
    if (this.abortion !== undefined) return;
    this.abortion = { reason: this.aborted ? this.reason : reason };
    const { listeners } = this;
    this.listeners = undefined;
    this.release();
    this.controller?.abort(this.abortion.reason);
    if (listeners !== undefined) for (const listener of listeners) listener(this.abortion.reason);
  }

  /** Ends the deadline and all listening: the call has settled, or the stream that it returned has ended. */
  release(): void {
    this.unlink();
    this.deadlineTimer?.cancel();
  }

  private link(): void {
    if (this.links !== undefined) return;
    const links: (() => void)[] = [];
    this.links = links;
    const { callerSignal, parent } = this;
    if (callerSignal !== undefined) {
      const left = (): void => this.abort(callerSignal.reason);
      callerSignal.addEventListener('abort', left, { once: true });
      links.push(() => callerSignal.removeEventListener('abort', left));
    }
    if (parent !== undefined) links.push(parent.onAbort((reason) => this.abort(reason)));
  }

  private unlink(): void {
    const { links } = this;
    this.links = undefined;
    if (links !== undefined) for (const end of links) end();
  }
}

/** The context of a new call. */
export function createContext(options?: ContextOptions, runtime: Runtime = systemRuntime): CallScope {
  return new CallScope(runtime, options);
}

/** A part of `context` that can be aborted by itself: one attempt under a limit. */
export function abortable(context: CallContext): CallScope {
  return new CallScope(context.runtime, { context });
}

/** The context of attempt number `attempt`. */
export function nextAttempt(context: CallContext, attempt: number): CallScope {
  return new CallScope(context.runtime, { context }, attempt);
}
