/** `GET /status`: the gateway in detail, for whoever is on call (R156, GW19). */
import type { ErrorSummary, HealthChecker, Incident } from 'ripstop/observation';
import type { BreakerFacts } from '../chains/breakers.js';
import { version } from '../version.js';
import { type Trips, TripWatch } from './breaker-trips.js';
import { ModelWatch } from './model-figures.js';
import type { Observed, Observer } from './observed.js';

/** Where the parts of the page come from that others know. */
export interface StatusSources {
  readonly checker: HealthChecker;
  readonly errors: () => ErrorSummary;
  readonly incidents: () => readonly Incident[];
}

/** Names upstreams and models as the configuration does, and no URL, host or key. With `adminKeys`, operators only. */
export function observeForStatus(observed: Observed, { checker, errors, incidents }: StatusSources): Observer {
  const { chute, chains, config, gate, degradation, standing, runtime } = observed;
  const { clock, events } = runtime;
  const startedAt = clock.now();
  const models = new ModelWatch(Object.keys(config.upstreams), events);
  const trips = new TripWatch(events, () => clock.date());
  const { maxInFlight, queue } = config.load;

  chute.cord('status', { method: 'GET' }, async () => ({
    health: await checker.runAllChecks(),
    errors: errors(),
    uptime: Math.round(clock.now() - startedAt) / 1_000,
    version,
    timestamp: clock.date().toISOString(),
    draining: standing.draining,
    degradation: { level: degradation.level, load: degradation.systemLoad },
    requests: { in_flight: gate.running, max_in_flight: maxInFlight, waiting: gate.waiting, max_waiting: queue },
    models: models.figures(),
    breakers: Object.fromEntries(
      chains
        .upstreams()
        .flatMap((state) => state.breakers.map((one) => [one.name, toldBreaker(one, trips.of(one.name))])),
    ),
    incidents: incidents(),
    transitions: checker.transitions,
  }));

  return {
    close() {
      models.close();
      trips.close();
    },
  };
}

function toldBreaker({ state, retryAfterMs, cause }: BreakerFacts, trips: Trips | undefined): object {
  return {
    state,
    ...(state === 'open' && { retry_after_ms: Math.round(retryAfterMs), cause }),
    trips: trips?.count ?? 0,
    last_trip: trips?.last ?? null,
  };
}
