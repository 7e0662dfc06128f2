/** What the gateway sees of itself: each part is one listener to events, with a route or two of its own. */
import { observeForAlerts } from './alerts.js';
import { observeErrors } from './error-metrics.js';
import { observeHealth } from './health.js';
import type { Observed, Observer } from './observed.js';
import { observeForPrometheus } from './prometheus.js';
import { observeRecovery } from './recovery.js';
import { observeForStatus } from './status.js';

/** Begins to watch; what is returned ends it. */
export function observe(observed: Observed): Observer {
  const errors = observeErrors(observed);
  const health = observeHealth(observed);
  const recovery = observeRecovery(observed);
  const status = observeForStatus(observed, {
    checker: health.checker,
    errors: errors.summary,
    incidents: recovery.recent,
  });
  const observers: readonly Observer[] = [
    status,
    health,
    errors,
    observeForPrometheus(observed),
    recovery,
    observeForAlerts(observed),
  ];
  return {
    async close() {
      await Promise.allSettled(observers.map(async (observer) => observer.close()));
    },
  };
}
