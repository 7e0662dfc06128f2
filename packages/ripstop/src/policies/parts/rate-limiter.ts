import type { CallContext } from '../../call/call.js';
import type { CallEvent } from '../../call/events.js';
import type { Runtime, Timer } from '../../call/runtime.js';
import { RateLimitError, type RejectionReason } from '../../errors/rejections.js';
import type { Keep } from './bounded-keys.js';
import type { StatedLimit, StatedLimits } from './rate-limit-headers.js';
import { type BucketShape, TokenBucket } from './token-bucket.js';

/** The limits of a limiter; a dimension without one is learned from the upstream, or has none. */
export interface RateLimiterSettings {
  readonly name: string;
  readonly requests: BucketShape | undefined;
  readonly tokens: BucketShape | undefined;
  readonly maxQueue: number;
  readonly maxWaitMs: number;
}

/** When both buckets will be full, once everybody in the queue has had his turn. */
interface Plan {
  requests: number;
  tokens: number;
}

interface Waiter {
  readonly tokens: number;
  /** The last time at which it may start. Its deadline is another. */
  readonly patience: number;
  readonly context: CallContext;
  readonly granted: (reserved: number) => void;
  readonly refused: (error: unknown) => void;
}

/**
 * The limits of one key, and the queue before them. A call takes its request and its tokens in one step or not at all.
 * Whoever waits has a planned start; when something happens that moves the starts, those who would now start too late
 * hear of it at once. One timer, for the head of the queue, and none without a queue.
 */
export class RateLimiter {
  private readonly runtime: Runtime;
  private readonly settings: RateLimiterSettings;
  private requests: TokenBucket | undefined;
  private tokens: TokenBucket | undefined;
  private pausedUntil = Number.NEGATIVE_INFINITY;
  private queue: Waiter[] = [];
  private plan: Plan | undefined = undefined;
  private timer: Timer | undefined = undefined;

  constructor(settings: RateLimiterSettings, runtime: Runtime) {
    this.settings = settings;
    this.runtime = runtime;
    this.requests = settings.requests && new TokenBucket(settings.requests);
    this.tokens = settings.tokens && new TokenBucket(settings.tokens);
  }

  get waiting(): number {
    return this.queue.length;
  }

  get pausedMs(): number {
    return Math.max(0, this.pausedUntil - this.runtime.clock.now());
  }

  /** What is left of both; `Infinity` where there is no limit. */
  get left(): { readonly requests: number; readonly tokens: number } {
    const now = this.runtime.clock.now();
    const { requests, tokens } = this;
    return {
      requests: requests?.level(now) ?? Number.POSITIVE_INFINITY,
      tokens: tokens?.level(now) ?? Number.POSITIVE_INFINITY,
    };
  }

  /** Forgetting a key with full buckets loses nothing; forgetting a pause would send everybody into the next 429. */
  get keep(): Keep {
    const now = this.runtime.clock.now();
    if (this.queue.length > 0 || this.pausedUntil > now) return 'held';
    const full = (this.requests?.fullAt ?? now) <= now && (this.tokens?.fullAt ?? now) <= now;
    return full ? 'free' : 'used';
  }

  /** Takes one request and `tokens` if they are there and nobody waits. Returns the tokens that it took. */
  take(tokens: number): number | undefined {
    if (this.queue.length > 0) return undefined;
    const now = this.runtime.clock.now();
    if (this.start(tokens, undefined, now) > now) return undefined;
    if (this.requests !== undefined) this.requests.fullAt = this.requests.fullAfter(1, now);
    if (this.tokens === undefined) return tokens;
    this.tokens.fullAt = this.tokens.fullAfter(tokens, now);
    return this.tokens.charge(tokens);
  }

  /**
   * The same, later: resolves with the tokens taken when it is this call's turn. Rejects with a RateLimitError as soon
   * as it is clear that the turn comes too late, and with the abort's reason as soon as the call is aborted.
   */
  wait(tokens: number, context: CallContext): Promise<number> {
    const { maxQueue, maxWaitMs, name } = this.settings;
    const now = this.runtime.clock.now();
    const plan = this.plan ?? this.present();
    const start = this.start(tokens, plan, now);
    return new Promise((resolve, reject) => {
      let stopListening = (): void => undefined;
      const waiter: Waiter = {
        tokens,
        patience: now + maxWaitMs,
        context,
        granted(reserved) {
          stopListening();
          resolve(reserved);
        },
        refused(error) {
          stopListening();
          reject(error);
        },
      };
      if (this.queue.length >= maxQueue) return reject(this.refusal('queue_full', start - now, context));
      if (isTooLate(start, waiter)) return reject(this.refusal('queue_timeout', start - now, context));
      this.advance(plan, tokens, start);
      this.plan = plan;
      this.queue.push(waiter);
      if (this.queue.length === 1) this.arm(start - now);
      if (context.abortable) stopListening = context.onAbort((reason) => this.leave(waiter, reason));
      this.emit({ type: 'rate_limit.delayed', name, waitMs: start - now }, context);
    });
  }

  /** The call needed `used` tokens where `reserved` were taken. */
  settle(reserved: number, used: number): void {
    if (used === reserved || this.tokens === undefined) return;
    this.tokens.settle(reserved, used, this.runtime.clock.now());
    this.replan();
  }

  /** The call was never made: gives back its request and its tokens. */
  giveBack(reserved: number): void {
    const now = this.runtime.clock.now();
    this.requests?.settle(1, 0, now);
    this.tokens?.settle(reserved, 0, now);
    this.replan();
  }

  /** Nobody starts within the next `ms` milliseconds. */
  pause(ms: number, context?: CallContext): void {
    const now = this.runtime.clock.now();
    const until = now + Math.min(ms, longestPauseMs);
    if (until <= this.pausedUntil) return;
    const wasRunning = this.pausedUntil <= now;
    this.pausedUntil = until;
    this.replan();
    // Calls in flight may all come back with the same news.
    if (wasRunning) this.emit({ type: 'rate_limit.paused', name: this.settings.name, pausedMs: until - now }, context);
  }

  /** As new: not paused, nothing used, nothing learned. Who waits is let go as far as the limits allow. */
  reset(): void {
    const { requests, tokens } = this.settings;
    this.requests = requests && new TokenBucket(requests);
    this.tokens = tokens && new TokenBucket(tokens);
    this.pausedUntil = Number.NEGATIVE_INFINITY;
    this.replan();
  }

  /** Takes over what the upstream says. Ours is a guess of its state, so the lower of the two levels holds. */
  learn(stated: StatedLimits): void {
    const now = this.runtime.clock.now();
    this.requests = learned(this.requests, this.settings.requests, stated.requests, now);
    this.tokens = learned(this.tokens, this.settings.tokens, stated.tokens, now);
    const exhausted = [stated.requests, stated.tokens].filter((limit) => limit?.remaining === 0 && !limit.limit);
    const resetMs = Math.max(0, ...exhausted.map((limit) => limit?.resetMs ?? 0));
    this.replan();
    if (resetMs > 0) this.pause(resetMs);
  }

  /** Lets everybody go whose time has come, and refuses whose time comes too late. */
  private replan(): void {
    if (this.timer === undefined) return;
    const now = this.runtime.clock.now();
    const plan = this.present();
    const kept: Waiter[] = [];
    const late: { readonly waiter: Waiter; readonly waitMs: number }[] = [];
    let headStart = now;
    for (const waiter of this.queue) {
      const start = this.start(waiter.tokens, plan, now);
      if (isTooLate(start, waiter)) {
        late.push({ waiter, waitMs: start - now });
        continue;
      }
      this.advance(plan, waiter.tokens, start);
      if (start <= now) {
        if (this.requests !== undefined) this.requests.fullAt = plan.requests;
        if (this.tokens !== undefined) this.tokens.fullAt = plan.tokens;
        waiter.granted(this.tokens?.charge(waiter.tokens) ?? waiter.tokens);
      } else if (kept.push(waiter) === 1) headStart = start;
    }
    this.queue = kept;
    this.plan = kept.length === 0 ? undefined : plan;
    this.timer?.cancel();
    this.timer = undefined;
    if (kept.length > 0) this.arm(headStart - now);
    // Last, since a listener may come back here.
    for (const { waiter, waitMs } of late) waiter.refused(this.refusal('queue_timeout', waitMs, waiter.context));
  }

  private leave(waiter: Waiter, reason: unknown): void {
    const place = this.queue.indexOf(waiter);
    if (place < 0) return;
    this.queue.splice(place, 1);
    this.replan();
    waiter.refused(reason);
  }

  /** Whole milliseconds share a timer with others, and never fire too early. */
  private arm(ms: number): void {
    this.timer = this.runtime.clock.after(Math.ceil(ms), () => this.replan());
  }

  private present(): Plan {
    const { requests, tokens } = this;
    return { requests: requests?.fullAt ?? 0, tokens: tokens?.fullAt ?? 0 };
  }

  /** When a call can start, behind everybody in the plan: what they take of the buckets lets nobody start before them. */
  private start(tokens: number, plan: Plan | undefined, now: number): number {
    return Math.max(
      now,
      this.pausedUntil,
      this.requests?.earliest(1, plan?.requests) ?? now,
      this.tokens?.earliest(tokens, plan?.tokens) ?? now,
    );
  }

  private advance(plan: Plan, tokens: number, start: number): void {
    if (this.requests !== undefined) plan.requests = this.requests.fullAfter(1, start, plan.requests);
    if (this.tokens !== undefined) plan.tokens = this.tokens.fullAfter(tokens, start, plan.tokens);
  }

  private refusal(reason: RejectionReason, waitMs: number, context: CallContext): RateLimitError {
    const { name } = this.settings;
    const retryAfterMs = Math.ceil(waitMs);
    this.emit({ type: 'rate_limit.rejected', name, reason, waitMs: retryAfterMs }, context);
    return new RateLimitError(undefined, { stack: 'none', details: { reason, rate_limit: name }, retryAfterMs });
  }

  private emit(event: CallEvent, context: CallContext | undefined): void {
    if (context !== undefined) return context.emit(event);
    const { clock, events } = this.runtime;
    events.emit({ ...event, at: clock.now() });
  }
}

/** 7 days. A longer wait is a mistake or an attack. */
const longestPauseMs = 7 * 24 * 60 * 60 * 1000;

function isTooLate(start: number, { patience, context }: Waiter): boolean {
  return start > patience || start >= context.deadline;
}

/**
 * A limit that was configured keeps its speed, and learns only how much is left. Where none was, the upstream's figures
 * give one: what it has used comes back by the reset, which is how token buckets (OpenAI, Groq, Anthropic) state it.
 */
function learned(
  bucket: TokenBucket | undefined,
  configured: BucketShape | undefined,
  { limit, remaining, resetMs = 0 }: StatedLimit = {},
  now: number,
): TokenBucket | undefined {
  let known = bucket;
  const missing = (limit ?? 0) - (remaining ?? 0);
  if (configured === undefined && limit !== undefined && remaining !== undefined && missing > 0 && resetMs > 0) {
    const shape = { burst: limit, msPerUnit: resetMs / missing };
    if (known === undefined) known = new TokenBucket(shape);
    else known.reshape(shape, now);
  } else if (limit !== undefined) known?.shrink(limit, now);
  if (remaining !== undefined) known?.lower(remaining, now);
  return known;
}
