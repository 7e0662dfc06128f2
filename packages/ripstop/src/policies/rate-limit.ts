import type { CallContext } from '../call/call.js';
import {
  assertCount,
  assertNotNegative,
  assertPositive,
  badOption,
  type Defaults,
  withDefaults,
} from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isStream, watchStream } from '../call/stream.js';
import { ModelError } from '../errors/model-error.js';
import { RateLimitError } from '../errors/rejections.js';
import { BoundedKeys } from './parts/bounded-keys.js';
import { type LimitHeaders, rateLimitHeaders, type StatedLimits } from './parts/rate-limit-headers.js';
import { RateLimiter } from './parts/rate-limiter.js';
import type { BucketShape } from './parts/token-bucket.js';
import { isRejection, isRetryable, statedWaitMs, upstreamStatus } from './parts/verdict.js';
import { type Next, type Policy, policy } from './policy.js';

export type { LimitHeaders };

/**
 * Rate limit: send no more requests and tokens than the upstream takes, and wait in line instead of being refused.
 *
 * Each attempt takes one request and an estimate of its tokens, both or none, and settles the tokens with what it really
 * used. Who has to wait waits in order, abortable, and only where the wait fits `maxWaitMs` and the deadline; otherwise
 * the call is refused at once and told when to come back. One 429 that states a wait pauses every caller of its key.
 *
 * State is kept per `key` of the call. Inside retry, so that every attempt pays; outside bulkhead and breaker, whose
 * rejections cost nothing. What an upstream says in its headers is told with `learn`.
 *
 * Source: GCRA (ITU-T I.371) for each dimension.
 */
export interface RateLimitOptions {
  /** Names it in errors and events. Default: `default`. */
  readonly name?: string | undefined;
  /** How many requests in which time. Default: what the upstream's headers say. */
  readonly requests?: RateLimitSize | undefined;
  /** How many tokens in which time. Needs `estimate` or `usage`. Default: what the upstream's headers say. */
  readonly tokens?: RateLimitSize | undefined;
  /** How many tokens a call will probably take. Default: 0, so that all is settled afterwards. */
  readonly estimate?: ((context: CallContext) => number) | undefined;
  /**
   * How many tokens a result did take; `undefined` where it does not say, and the estimate stays. A stream is asked at
   * its end. Default: the estimate stays.
   */
  readonly usage?: ((result: unknown) => number | undefined) | undefined;
  /** How many calls of a key may wait. 0: none does. Default: 100. */
  readonly maxQueue?: number | undefined;
  /** The longest wait, in milliseconds; a call that would wait longer is refused at once. Default: 30 000. */
  readonly maxWaitMs?: number | undefined;
  /** For how many keys state is kept. Default: 1 000. */
  readonly maxKeys?: number | undefined;
}

/** So much in such a time. */
export interface RateLimitSize {
  /** A whole number; `Infinity`: no limit. */
  readonly limit: number;
  /** In milliseconds. */
  readonly perMs: number;
  /** The most at once, after a quiet time. Default: `limit`. */
  readonly burst?: number | undefined;
}

type Settings = Defaults<RateLimitOptions, 'name' | 'maxQueue' | 'maxWaitMs' | 'maxKeys'>;

export const rateLimitDefaults: Settings = { name: 'default', maxQueue: 100, maxWaitMs: 30_000, maxKeys: 1_000 };

/** Where one key stands. */
export interface RateLimitState {
  /** Requests that could go out now; below 1, the next one waits. `Infinity`: no limit is known. */
  readonly requests: number;
  /** Tokens left; below 0 where calls took more than was estimated. `Infinity`: no limit is known. */
  readonly tokens: number;
  /** How long the upstream has asked us to stay away, in milliseconds; 0 unless paused. */
  readonly pausedMs: number;
  /** Calls that wait. */
  readonly waiting: number;
}

/** A rate limit is a policy that can be told what an upstream said. */
export interface RateLimit extends Policy {
  /** Takes over what the headers of any answer say about limits: `x-ratelimit-*`, `anthropic-ratelimit-*`, `x-chutes-rl-*`. */
  learn(headers: LimitHeaders, key?: string): void;
  /** Holds every call of the key back for `ms` milliseconds, as a 429 with that wait does. */
  pause(ms: number, key?: string): void;
  state(key?: string): RateLimitState;
  /** Forgets what was used, learned and paused under the key. */
  reset(key?: string): void;
}

/** @throws RangeError for a bad option. */
export function rateLimit(options: RateLimitOptions = {}, runtime: Runtime = systemRuntime): RateLimit {
  const { name, maxQueue, maxWaitMs, maxKeys, requests, tokens, estimate, usage } = checked(options);
  const { clock } = runtime;
  const settings = { name, maxQueue, maxWaitMs, requests: shapeOf(requests), tokens: shapeOf(tokens) };
  const limiters = new BoundedKeys(
    maxKeys,
    () => new RateLimiter(settings, runtime),
    ({ keep }) => keep,
  );

  /** What somebody else's code or object says. Where it throws, that is reported and changes nothing (G5). */
  function asked<A, T>(read: (about: A) => T, about: A, context: CallContext): T | undefined {
    try {
      return read(about);
    } catch (error) {
      context.emit({ type: 'listener.failed', error });
      return undefined;
    }
  }

  function limiterOf(context: CallContext): RateLimiter {
    const limiter = limiters.get(context.key);
    if (limiter !== undefined) return limiter;
    const retryAfterMs = 1_000;
    context.emit({ type: 'rate_limit.rejected', name, reason: 'queue_full', waitMs: retryAfterMs });
    throw new RateLimitError(undefined, {
      stack: 'none',
      details: { reason: 'queue_full', rate_limit: name },
      retryAfterMs,
    });
  }

  function attempt<T>(next: Next<T>, context: CallContext, limiter: RateLimiter, reserved: number): Promise<T> {
    return next(context).then(
      (value) => {
        if (!isStream(value)) {
          settle(limiter, reserved, value, context);
          return value;
        }
        return watchStream(value, {
          ended(end) {
            if (end.kind === 'failed') failed(limiter, end.error, context);
            settle(limiter, reserved, value, context);
          },
        });
      },
      (error: unknown) => {
        if (isRejection(error)) limiter.giveBack(reserved);
        else failed(limiter, error, context);
        throw error;
      },
    );
  }

  function settle(limiter: RateLimiter, reserved: number, result: unknown, context: CallContext): void {
    const used = usage && asked(usage, result, context);
    if (isAmount(used)) limiter.settle(reserved, used);
  }

  /** A failed call keeps what it took: whether the upstream charged it is not known. */
  function failed(limiter: RateLimiter, error: unknown, context: CallContext): void {
    const stated = asked(foreignHeaders, error, context);
    if (stated !== undefined) limiter.learn(stated);
    if (!isRateLimited(error)) return;
    const waitMs = statedWaitMs(error) ?? stated?.retryAfterMs;
    if (waitMs !== undefined && waitMs > 0) limiter.pause(waitMs, context);
  }

  /** SDKs hand the upstream's headers on with their errors; those of a `ModelError` are for our own caller. */
  function foreignHeaders(error: unknown): StatedLimits | undefined {
    if (typeof error !== 'object' || error === null || ModelError.isInstance(error)) return undefined;
    const { headers } = error as { headers?: unknown };
    return typeof headers === 'object' && headers !== null
      ? rateLimitHeaders(headers as LimitHeaders, clock.date())
      : undefined;
  }

  async function inTurn<T>(next: Next<T>, context: CallContext, limiter: RateLimiter, tokens: number): Promise<T> {
    const reserved = await limiter.wait(tokens, context);
    if (!context.aborted) return attempt(next, context, limiter, reserved);
    limiter.giveBack(reserved);
    throw context.reason;
  }

  const base = policy(
    'rate-limit',
    (next, context) => {
      const limiter = limiterOf(context);
      const estimated = estimate && asked(estimate, context, context);
      const tokens = isAmount(estimated) ? estimated : 0;
      const reserved = limiter.take(tokens);
      return reserved === undefined
        ? inTurn(next, context, limiter, tokens)
        : attempt(next, context, limiter, reserved);
    },
    runtime,
  );

  return Object.assign(base, {
    learn: (headers: LimitHeaders, key?: string) => {
      limiters.get(key)?.learn(rateLimitHeaders(headers, clock.date()));
    },
    pause: (ms: number, key?: string) => {
      assertNotNegative('ms', ms);
      limiters.get(key)?.pause(ms);
    },
    state: (key?: string): RateLimitState => {
      const limiter = limiters.peek(key) ?? new RateLimiter(settings, runtime);
      return { ...limiter.left, pausedMs: limiter.pausedMs, waiting: limiter.waiting };
    },
    reset: (key?: string) => limiters.peek(key)?.reset(),
  });
}

function isAmount(tokens: unknown): tokens is number {
  return typeof tokens === 'number' && tokens >= 0 && tokens < Number.POSITIVE_INFINITY;
}

function isRateLimited(error: unknown): boolean {
  if (ModelError.isInstance(error)) return error.errorType === 'rate_limited';
  return upstreamStatus(error) === 429 && isRetryable(error);
}

function checked(options: RateLimitOptions): Settings {
  const settings = withDefaults(rateLimitDefaults, options);
  const { requests, tokens, estimate, usage } = settings;
  assertCount('maxQueue', settings.maxQueue, 0);
  assertPositive('maxWaitMs', settings.maxWaitMs);
  assertCount('maxKeys', settings.maxKeys);
  assertSize('requests', requests);
  assertSize('tokens', tokens);
  if (tokens !== undefined && estimate === undefined && usage === undefined) {
    throw badOption('tokens', 'needs estimate or usage, or nothing counts them', 'neither');
  }
  return settings;
}

function assertSize(option: string, size: RateLimitSize | undefined): void {
  if (size === undefined) return;
  assertCount(`${option}.limit`, size.limit);
  assertPositive(`${option}.perMs`, size.perMs);
  if (size.perMs === Number.POSITIVE_INFINITY) throw badOption(`${option}.perMs`, 'must be finite', size.perMs);
  if (size.burst !== undefined) assertCount(`${option}.burst`, size.burst);
}

function shapeOf(size: RateLimitSize | undefined): BucketShape | undefined {
  if (size === undefined || size.limit === Number.POSITIVE_INFINITY) return undefined;
  return { burst: size.burst ?? size.limit, msPerUnit: size.perMs / size.limit };
}
