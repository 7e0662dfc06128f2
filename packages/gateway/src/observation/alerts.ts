/** Tells people when something is wrong: `alerts`. */
import { type Alerts, alerts } from 'ripstop/observation';
import type { Runtime } from 'ripstop';
import type { Config } from '../config/schema.js';
import { sinksOf } from './alert-sinks.js';
import type { Observed, Observer } from './observed.js';

/** Without sinks nothing listens. */
export function observeForAlerts({ config, runtime }: Observed): Observer {
  return config.alerts.length === 0 ? { close: () => undefined } : configuredAlerts(config, runtime);
}

/** The alerts that a configuration describes. */
export function configuredAlerts(config: Pick<Config, 'alerts' | 'observation'>, runtime: Runtime): Alerts {
  const { source, group, clear, cooldown } = config.observation.alerts;
  const times = { source, groupMs: group, clearMs: clear, maxClearMs: 10 * clear, cooldownMs: cooldown };
  return alerts(sinksOf(config.alerts, runtime), times, runtime);
}
