import type * as PromClient from 'prom-client';
import type { Family } from './families.js';
import { type ExemplarLabels, exemplarOf } from './exemplar.js';
import type { Branch, Series } from './series.js';

interface Exemplar {
  readonly labelSet: ExemplarLabels;
  readonly value: number;
  /** Unix seconds. */
  readonly timestamp: number;
}

/** One series: for each bound, and last for what is above all of them, what was observed up to it. */
interface Counted {
  readonly counts: number[];
  readonly exemplars: (Exemplar | undefined)[];
  /** Whose exemplar is of the time since the last scrape. */
  readonly fresh: boolean[];
  sum: number;
  count: number;
}

type Value = PromClient.MetricValueWithName<string> & { readonly exemplar?: Exemplar | undefined };
type Shown = Awaited<ReturnType<PromClient.Histogram['get']>>;

/** How a histogram shows its exemplars. */
export interface ExemplarSettings {
  readonly exemplars: 'kept' | 'dropped';
  readonly date: () => Date;
}

/**
 * A metric of a registry of prom-client's, which asks it for its values at each scrape. It counts by itself: an
 * observation of prom-client's own histogram takes a microsecond, which is some thirty times this.
 *
 * Of each bucket, the first observation since the last scrape is its exemplar: one is shown, and each costs as much.
 */
export class HistogramMeter<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  private readonly bounds: readonly number[];
  private readonly series: Series<Label>;
  private readonly settings: ExemplarSettings;
  private readonly counted = new Map<Branch, Counted>();

  constructor({ name, help, buckets = [] }: Family, series: Series<Label>, settings: ExemplarSettings) {
    this.name = name;
    this.help = help;
    this.bounds = buckets;
    this.series = series;
    this.settings = settings;
  }

  /** Milliseconds, as events tell them; Prometheus has seconds. What is no duration is left out. */
  observe(labels: Readonly<Record<Label, string>>, ms: number, correlationId?: string): void {
    if (!Number.isFinite(ms)) return;
    const value = ms / 1_000;
    const counted = this.at(this.series.at(labels));
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1;
    counted.counts[bucket] = (counted.counts[bucket] ?? 0) + 1;
    counted.sum += value;
    counted.count += 1;
    if (correlationId === undefined || counted.fresh[bucket] === true || this.settings.exemplars === 'dropped') return;
    const labelSet = exemplarOf(correlationId);
    if (labelSet === undefined) return;
    counted.fresh[bucket] = true;
    counted.exemplars[bucket] = { labelSet, value, timestamp: this.settings.date().getTime() / 1_000 };
  }

  /** What the registry asks for. */
  get(): Promise<Shown> {
    const { name, help, type } = this;
    const values = [...this.counted].flatMap(([{ labels }, counted]) => this.shown(labels, counted));
    for (const { fresh } of this.counted.values()) fresh.fill(false);
    return Promise.resolve({ name, help, type, aggregator: 'sum', values } as unknown as Shown);
  }

  /** What the registry's `resetMetrics()` asks for. */
  reset(): void {
    this.counted.clear();
  }

  private at(series: Branch): Counted {
    const known = this.counted.get(series);
    if (known !== undefined) return known;
    const size = this.bounds.length + 1;
    const counted: Counted = {
      counts: Array.from({ length: size }, () => 0),
      exemplars: Array.from({ length: size }, () => undefined),
      fresh: Array.from({ length: size }, () => false),
      sum: 0,
      count: 0,
    };
    this.counted.set(series, counted);
    return counted;
  }

  private shown(labels: Readonly<Record<string, string>>, { counts, exemplars, sum, count }: Counted): Value[] {
    let upTo = 0;
    const buckets = [...this.bounds, '+Inf'].map((le, place) => {
      upTo += counts[place] ?? 0;
      const metricName = `${this.name}_bucket`;
      return { metricName, labels: { le, ...labels }, value: upTo, exemplar: exemplars[place] };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}
