/** What is out, and how it comes back: incidents, and probes that notice a recovery without costing a caller anything. */
import { type HealthCheck, incidents, type Incidents, recoveryProbes, upstreamCheck } from 'ripstop/observation';
import { watchChains } from './chain-watch.js';
import type { Observed } from './observed.js';
import { paidProbes } from './paid-probes.js';

/** One thing that watches, and ends at once. */
interface Part {
  close(): void;
}

type Watched = Pick<Observed, 'config' | 'chains' | 'degradation' | 'runtime'>;

export type Recovery = Part & Pick<Incidents, 'recent'>;

/**
 * After a trip the upstream is asked for its models, which nobody bills; an engine here, whether it is ready. What was
 * out and is back may be tried before its cooldown is over (GW22). Paid probes are a choice.
 */
export function observeRecovery(observed: Watched): Recovery {
  const { config, chains, runtime } = observed;
  const { probes, settle } = config.observation.recovery;
  const log = incidents({ settleMs: settle, subjectOf }, runtime);
  const parts: Part[] = [log, watchChains(observed)];
  const returned = (upstream: string): void => chains.endCooldowns(upstream);
  const checkOf = (upstream: string) => freeCheck(upstream, observed);
  if (probes !== 'off') parts.push(recoveryProbes({ checkOf, returned, subjectOf }, runtime));
  if (probes === 'paid') parts.push(paidProbes(observed));
  return {
    recent: () => log.recent(),
    close() {
      for (const part of parts) part.close();
    },
  };
}

/** A breaker is named after its upstream, and what that is asked for if it is no chat: `main/embeddings`. */
function subjectOf(breaker: string): string {
  return breaker.split('/')[0] ?? breaker;
}

function freeCheck(upstream: string, { config, chains, runtime }: Watched): HealthCheck | undefined {
  const settings = config.upstreams[upstream];
  if (settings === undefined) return undefined;
  if (!('engine' in settings)) {
    const { url, key, headers } = settings;
    return upstreamCheck({ url, key, headers }, runtime);
  }
  const isReady = (): boolean => chains.upstream(upstream)?.details['state'] === 'ready';
  return () => ({ healthy: isReady() });
}
