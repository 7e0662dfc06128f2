import { rateLimit, type Runtime } from 'ripstop';
import type { CallContext } from 'ripstop/policies';

export interface KeyLimitOptions {
  /** Requests in `perMs` milliseconds, for each key. */
  readonly requests: number;
  readonly perMs: number;
}

/**
 * Takes one request from what a key may still ask for, and writes what is left into the headers.
 *
 * Rejects with a RateLimitError that says when the next one can come.
 */
export type KeyLimit = (key: string, context: CallContext, headers: Record<string, string>) => Promise<void>;

/**
 * How often each key may ask (GW17). After a quiet time all requests may come at once; then they come back one by one.
 * The headers are OpenAI's: `x-ratelimit-limit-requests`, `-remaining-requests`, and `-reset-requests`, the time until
 * all are there again.
 */
export function keyLimit({ requests, perMs }: KeyLimitOptions, runtime: Runtime): KeyLimit {
  const limit = rateLimit({ name: 'key', requests: { limit: requests, perMs }, maxQueue: 0 }, runtime);
  return async (key, context, headers) => {
    try {
      await limit.execute(() => undefined, { key, context });
    } finally {
      const left = Math.max(limit.state(key).requests, 0);
      const seconds = ((requests - left) * perMs) / requests / 1_000;
      headers['x-ratelimit-limit-requests'] = String(requests);
      headers['x-ratelimit-remaining-requests'] = String(Math.floor(left));
      headers['x-ratelimit-reset-requests'] = `${Math.ceil(seconds * 1_000) / 1_000}s`;
    }
  };
}
