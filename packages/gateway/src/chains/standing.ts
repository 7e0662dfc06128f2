/** How the upstreams behind a name stand, for those who watch the gateway. */
import type { CircuitBreaker } from 'ripstop';
import type { Endpoint } from '../upstreams/endpoints.js';
import type { Upstream } from '../upstreams/upstream.js';
import type { Breakers } from './breakers.js';

/**
 * `unsure`: it may answer, and has not shown since when it was out. `loading`: its engine has not been ready yet, which
 * is nothing to be alarmed about.
 */
export type ChainStanding = 'well' | 'unsure' | 'loading' | 'down';

/** The best first. */
const standings: readonly ChainStanding[] = ['well', 'unsure', 'loading', 'down'];

/** A pause that an upstream asks for is part of its work, unless it is longer than this. */
const longestPauseMs = 60_000;

/** What stands behind a name, as far as that is to be known here. */
export interface StandingPlace {
  readonly upstream: Upstream;
  readonly breaker: CircuitBreaker;
  readonly endpoint?: Endpoint | undefined;
}

/** As the one that stands best. */
export function standingOf(places: readonly StandingPlace[], breakers: Breakers): ChainStanding {
  const found = places.map((place) => standingAt(place, breakers));
  return standings.find((standing) => found.includes(standing)) ?? 'down';
}

function standingAt({ upstream, breaker, endpoint }: StandingPlace, breakers: Breakers): ChainStanding {
  const health = upstream.health();
  if (health !== undefined && health.state !== 'ready') return health.state === 'starting' ? 'loading' : 'down';
  const { state } = breaker;
  const pauses = breaker.openCause === 'pause' && breaker.retryAfterMs <= longestPauseMs;
  if (state === 'open' && !pauses) return 'down';
  const refusal = breakers.refusalAt({ name: upstream.name, endpoint });
  if (refusal === 'fresh') return 'down';
  return state === 'closed' && refusal === 'none' ? 'well' : 'unsure';
}
