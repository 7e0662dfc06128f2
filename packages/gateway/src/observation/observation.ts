/** What the gateway sees of itself: each part is one listener to events, with a route or two of its own. */
import { observeErrors } from './error-metrics.js';
import type { Observed, Observer } from './observed.js';
import { observeForPrometheus } from './prometheus.js';
import { observeRecovery } from './recovery.js';

/** Begins to watch; what is returned ends it. */
export function observe(observed: Observed): Observer {
  const errors = observeErrors(observed);
  const observers: readonly Observer[] = [errors, observeForPrometheus(observed), observeRecovery(observed)];
  return {
    async close() {
      await Promise.allSettled(observers.map((observer) => observer.close()));
    },
  };
}
