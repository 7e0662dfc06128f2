import { type AdaptiveLimit, adaptiveLimit, type Bulkhead, bulkhead, type Policy, type Runtime } from 'ripstop';
import { ModelOverloadedError } from 'ripstop/errors';
import { policy } from 'ripstop/policies';
import type { LoadConfig, UpstreamConfig } from '../config/schema.js';

/** However often it says that it was too much, an upstream is still asked by two at a time (GW15). */
const minLimit = 2;

export interface UpstreamLimits {
  /**
   * Keeps calls of one upstream within its limit. Where somebody else can answer instead, nobody waits here: what is
   * over the limit goes on to the next upstream at once.
   */
  at(upstream: string, elsewhere: () => boolean): Policy;
  /** Would a call of this upstream be let in at once? */
  hasRoom(upstream: string): boolean;
}

/**
 * The limits of all upstreams, shared by the chains: the configured number, or one that begins at `load.maxInFlight`, is
 * cut when the upstream says that it was too much, and grows again while it answers.
 */
export function upstreamLimits(
  load: LoadConfig,
  upstreams: Readonly<Record<string, UpstreamConfig>>,
  runtime: Runtime,
): UpstreamLimits {
  const limits = new Map<string, AdaptiveLimit | Bulkhead>();

  function get(name: string): AdaptiveLimit | Bulkhead {
    let limit = limits.get(name);
    if (limit === undefined) {
      limit = limitOf(name, load, upstreams[name]?.maxInFlight, runtime);
      limits.set(name, limit);
    }
    return limit;
  }

  return {
    hasRoom(name) {
      const { running, limit } = get(name);
      return running < limit;
    },
    at(name, elsewhere) {
      const limit = get(name);
      return policy(
        'upstream-limit',
        (next, context) => {
          if (limit.running >= limit.limit && elsewhere()) throw full(name);
          return limit.run(next, context);
        },
        runtime,
      );
    },
  };
}

function limitOf(
  name: string,
  { maxInFlight, queue, queueWait }: LoadConfig,
  configured: number | undefined,
  runtime: Runtime,
): AdaptiveLimit | Bulkhead {
  const shared = { name, maxQueue: queue, maxWaitMs: queueWait };
  if (configured !== undefined) return bulkhead({ ...shared, limit: configured }, runtime);
  const maxLimit = Math.max(maxInFlight, minLimit);
  return adaptiveLimit({ ...shared, minLimit, maxLimit, initialLimit: maxLimit }, runtime);
}

function full(name: string): ModelOverloadedError {
  return new ModelOverloadedError(`Too many calls at once for ${name}`, {
    stack: 'none',
    details: { reason: 'queue_full', upstream: name },
  });
}
