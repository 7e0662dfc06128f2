/** What the gateway sees of itself: each part is one listener to events, with a route or two of its own. */
import type { Runtime } from 'ripstop';
import type { Degradation } from 'ripstop/observation';
import type { Chute, Logger } from 'ripstop/serving';
import type { Crowd } from '../admission/pressure.js';
import type { Chains } from '../chains/chains.js';
import type { Config } from '../config/schema.js';
import type { Standing } from '../routes/health.js';
import { observeForPrometheus } from './prometheus.js';

/** The gateway, as those who watch it get to see it. */
export interface Observed {
  readonly config: Config;
  readonly chute: Chute<object>;
  readonly chains: Chains;
  /** Requests that are under way, and those that wait. */
  readonly gate: Crowd;
  readonly degradation: Degradation;
  readonly standing: Standing;
  readonly logger: Logger;
  readonly runtime: Runtime;
}

/** One thing that watches. */
export interface Observer {
  /** Ends timers, listeners and deliveries. */
  close(): Promise<void> | void;
}

/** Begins to watch; what is returned ends it. */
export function observe(observed: Observed): Observer {
  const observers: readonly Observer[] = [observeForPrometheus(observed)];
  return {
    async close() {
      await Promise.allSettled(observers.map((observer) => observer.close()));
    },
  };
}
