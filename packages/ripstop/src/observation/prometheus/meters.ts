/** Our metrics in a registry of prom-client's. */
import type * as PromClient from 'prom-client';
import { exemplarOf } from './exemplar.js';
import { type Family, families } from './families.js';
import { HistogramMeter } from './histogram-meter.js';
import { type Branch, combinations, type NamesOf, Series } from './series.js';

/** What is needed of prom-client: the module itself will do. */
export type PrometheusClient = Pick<typeof PromClient, 'Counter' | 'Gauge' | 'register'>;

/** A registry of prom-client's. With the content type of OpenMetrics it holds exemplars too. */
export type PrometheusRegistry =
  | PromClient.Registry<PromClient.PrometheusContentType>
  | PromClient.Registry<PromClient.OpenMetricsContentType>;

/** Where the metrics are made, and what their labels may say. */
export interface MeterSettings {
  readonly client: PrometheusClient;
  readonly registry: PrometheusRegistry;
  readonly namesOf: NamesOf;
  /** The time of exemplars. */
  readonly date: () => Date;
  /** Fills a gauge anew before each scrape. */
  readonly readings: { readonly [Key in Keys<'gauge'>]?: (gauge: Meters[Key]) => void };
}

type Table = typeof families;
type Keys<Type> = { [Key in keyof Table]: Table[Key]['type'] extends Type ? Key : never }[keyof Table];
type LabelOf<Key extends keyof Table> = keyof Table[Key]['labels'] & string;
type MeterOf<Key extends keyof Table> = {
  readonly counter: CounterMeter<LabelOf<Key>>;
  readonly histogram: HistogramMeter<LabelOf<Key>>;
  readonly gauge: GaugeMeter<LabelOf<Key>>;
}[Table[Key]['type']];

/** One for each metric of the table. */
export type Meters = { readonly [Key in keyof Table]: MeterOf<Key> };

type Exemplars = 'kept' | 'dropped';
type Labels<Label extends string> = Readonly<Record<Label, string>>;

/** @throws Error where the registry has a metric of one of these names. */
export function createMeters(settings: MeterSettings): Meters {
  const readings = settings.readings as Readonly<Record<string, ((gauge: never) => void) | undefined>>;
  const made = Object.entries(families).map(([key, family]) => [key, createMeter(family, settings, readings[key])]);
  return Object.fromEntries(made) as Meters;
}

function createMeter(
  family: Family,
  { client, registry, namesOf, date }: MeterSettings,
  read: ((gauge: never) => void) | undefined,
): object {
  const { name, help } = family;
  // prom-client refuses exemplars in a registry that cannot show them.
  const enableExemplars = family.exemplars === 'yes' && registry.contentType.startsWith('application/openmetrics-text');
  const exemplars: Exemplars = enableExemplars ? 'kept' : 'dropped';
  const shared = { name, help, labelNames: Object.keys(family.labels), registers: [registry] };
  const series = new Series(family, namesOf);
  switch (family.type) {
    case 'counter': {
      const collect = (): void => meter.flush();
      const metric = new client.Counter({ ...shared, enableExemplars, collect });
      const meter = new CounterMeter(metric, series, exemplars);
      if (family.zeroed === 'yes') for (const labels of combinations(family, namesOf)) meter.add(labels, 0);
      return meter;
    }
    case 'histogram': {
      const meter = new HistogramMeter(family, series, { exemplars, date });
      // All that a registry asks of a metric is its name, `get()` and `reset()`.
      (registry as PromClient.Registry).registerMetric(meter as unknown as PromClient.Metric);
      return meter;
    }
    case 'gauge': {
      const collect = (): void => {
        if (read === undefined) return;
        metric.reset();
        read(meter as never);
      };
      const metric = new client.Gauge({ ...shared, collect });
      const meter = new GaugeMeter(metric, series);
      return meter;
    }
  }
}

/** Counts by itself and tells prom-client before each scrape: a count of prom-client's own costs a microsecond. */
class CounterMeter<Label extends string> {
  private readonly waiting = new Map<Branch, { amount: number; correlationId: string | undefined }>();
  private readonly metric: PromClient.Counter;
  private readonly series: Series<Label>;
  private readonly exemplars: Exemplars;

  constructor(metric: PromClient.Counter, series: Series<Label>, exemplars: Exemplars) {
    this.metric = metric;
    this.series = series;
    this.exemplars = exemplars;
  }

  /** What is no amount, such as tokens that an upstream has made up, is left out. */
  add(labels: Labels<Label>, amount = 1, correlationId?: string): void {
    if (!(amount >= 0 && amount <= Number.MAX_SAFE_INTEGER)) return;
    const series = this.series.at(labels);
    const counted = this.waiting.get(series);
    if (counted === undefined) {
      this.waiting.set(series, { amount, correlationId });
    } else {
      counted.amount += amount;
      counted.correlationId = correlationId ?? counted.correlationId;
    }
  }

  flush(): void {
    for (const [{ labels }, { amount, correlationId }] of this.waiting) {
      const exemplarLabels = correlationId === undefined ? undefined : exemplarOf(correlationId);
      if (this.exemplars === 'kept')
        this.metric.inc({ labels, value: amount, ...(exemplarLabels && { exemplarLabels }) });
      else this.metric.inc(labels, amount);
    }
    this.waiting.clear();
  }
}

class GaugeMeter<Label extends string> {
  private readonly metric: PromClient.Gauge;
  private readonly series: Series<Label>;

  constructor(metric: PromClient.Gauge, series: Series<Label>) {
    this.metric = metric;
    this.series = series;
  }

  set(labels: Labels<Label>, value: number): void {
    this.metric.set(this.series.of(labels), value);
  }

  add(labels: Labels<Label>, value: number): void {
    this.metric.inc(this.series.of(labels), value);
  }
}
