/** The pipeline to begin with: what a call to a model service needs, in the order that works. */
import { bulkhead, circuitBreaker, deadline, pipeline, retry, retryBudget, systemRuntime, timeout } from 'ripstop';

// snippet: default-pipeline
/** One per upstream, shared by all who call it. `slots`: calls at a time, some more than it works on at once. */
export function defaultPipeline({ name, slots = 100 }, runtime = systemRuntime) {
  return pipeline(
    deadline({ limitMs: 60_000 }, runtime),
    retry({ attempts: 6, budget: retryBudget({}, runtime) }, runtime),
    bulkhead({ name, limit: slots, maxQueue: 10 * slots, maxWaitMs: 30_000 }, runtime),
    circuitBreaker(
      { name, consecutive: 10, cooldownMs: 2_000, maxCooldownMs: 5_000, quotaCooldownMs: 60_000 },
      runtime,
    ),
    timeout({ limitMs: 30_000 }, runtime),
  );
}
// end of snippet
