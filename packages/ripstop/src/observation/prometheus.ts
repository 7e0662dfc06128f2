/** `ripstop/prometheus`: everything that is reported while calls run, as metrics in your own registry. */
import { assertOneOf, assertRule, type Rule } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { families } from './prometheus/families.js';
import { LabelNames } from './prometheus/label-names.js';
import { createMeters, type PrometheusClient, type PrometheusRegistry } from './prometheus/meters.js';
import { gaugesOf, type PrometheusReadings } from './prometheus/readings.js';
import { tell } from './prometheus/tell.js';

export type { PrometheusClient, PrometheusRegistry };
export type { ChainReading, LevelReading, PrometheusReadings, QueueReading } from './prometheus/readings.js';

/** Options of `prometheusMetrics()`. */
export interface PrometheusOptions {
  /** prom-client, as you import it: `import * as client from 'prom-client'`. */
  readonly client: PrometheusClient;
  /**
   * Where the metrics are kept. Exemplars need one with the content type of OpenMetrics. Default: the client's own, of
   * which there is one for the whole process.
   */
  readonly registry?: PrometheusRegistry | undefined;
  /**
   * Names that a label will say, by label: `{ model: ['main', 'spare'] }`. They always have series of their own, and
   * their counters start with 0. Default: none.
   */
  readonly known?: Readonly<Record<string, readonly string[]>> | undefined;
  /** How many further names each label may say; all others are `other`. 1 to 10 000. Default: 100. */
  readonly maxNames?: number | undefined;
  /** What is asked at each scrape because no event tells of it. Default: nothing. */
  readonly readings?: PrometheusReadings | undefined;
}

/** The defaults of `PrometheusOptions`. */
export const prometheusDefaults: { readonly maxNames: number } = { maxNames: 100 };

/** Metrics that are being kept. */
export interface PrometheusMetrics {
  /** Ends the listening and takes the metrics out of the registry. Idempotent. */
  close(): void;
}

const bounded: Rule = ['a whole number from 1 to 10 000', (n) => Number.isInteger(n) && n >= 1 && n <= 10_000];

/** The labels that say names. */
const named = [
  ...new Set(
    Object.values(families).flatMap(({ labels }) => {
      return Object.entries(labels).flatMap(([label, values]) => (values === 'names' ? label : []));
    }),
  ),
];

/**
 * Fills a registry from the events of `runtime`. `docs/metrics.md` lists the metrics.
 *
 * A label says one of a closed list, or a name that the service's author has given to a model, a route, a breaker; what
 * goes beyond is `other`, and so is all that is new once one metric has some thousand series. Ids of calls stand in exemplars only, where the registry has them.
 *
 * @throws RangeError for a bad option. Error where the registry has one of the metrics already.
 */
export function prometheusMetrics(options: PrometheusOptions, runtime: Runtime = systemRuntime): PrometheusMetrics {
  const { client, registry = client.register, known = {}, maxNames = prometheusDefaults.maxNames } = options;
  assertRule('maxNames', bounded, maxNames);
  for (const label of Object.keys(known)) assertOneOf('known', label, named);
  const names = Object.values(families).map(({ name }) => name);
  const taken = names.find((name) => registry.getSingleMetric(name) !== undefined);
  if (taken !== undefined) throw new Error(`The registry has a metric named ${taken} already`);

  const labels = new Map<string, LabelNames>();
  function namesOf(label: string): LabelNames {
    const found = labels.get(label) ?? new LabelNames(known[label] ?? [], maxNames);
    labels.set(label, found);
    return found;
  }
  const readings = gaugesOf(options.readings ?? {}, runtime);
  const meters = createMeters({ client, registry, namesOf, date: () => runtime.clock.date(), readings });
  const stop = runtime.events.on((event) => tell(event, meters), { name: 'prometheus' });
  return {
    close() {
      stop();
      for (const name of names) registry.removeSingleMetric(name);
    },
  };
}
