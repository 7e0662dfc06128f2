/** What each part of observation is given, and what it gives back. */
import type { Runtime } from 'ripstop';
import type { Degradation } from 'ripstop/observation';
import type { Chute, Logger } from 'ripstop/serving';
import type { Crowd } from '../admission/pressure.js';
import type { Chains } from '../chains/chains.js';
import type { Config } from '../config/schema.js';

export interface Standing {
  /** True from the moment the gateway is told to stop. */
  readonly draining: boolean;
}

/** The gateway, as those who watch it get to see it. */
export interface Observed {
  readonly config: Config;
  readonly chute: Chute;
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
