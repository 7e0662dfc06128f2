import { quantiles, type Quantiles } from 'ripstop/policies';
import type { Runtime } from 'ripstop';
import type { ChainHedge, SecondLine } from 'ripstop/models';
import type { DegradationLevel } from 'ripstop/observation';
import type { ModelConfig } from '../config/schema.js';

/** The delay is what this share of recent streams took at most until their first content. */
const quantile = 0.95;
/** Streams that must have been seen before that is known. */
const minSamples = 20;
/** How far back it looks. */
const windowMs = 300_000;
/** One stream in so many may be hedged. */
const streamsPerHedge = 20;
/** Hedges that quiet times save up. */
const mostSaved = 5;

export interface HedgingOptions {
  /** `after` in milliseconds. */
  readonly hedge: Exclude<ModelConfig['hedge'], false>;
  readonly level: () => DegradationLevel;
  /** Takes what one more try of this upstream costs from what its retries are paid from. */
  readonly pay: (upstream: string) => 'granted' | 'denied';
  /** Told of a second line that begins. */
  readonly begun: (second: SecondLine) => void;
}

/**
 * When the streams of one chain are asked of a second upstream (GW18): when the first content takes longer than it took
 * 95 % of those of the last five minutes, of one stream in twenty at most, each paid like a retry, and of none while the
 * service is under pressure: twice the work is the last thing that helps then (GW16).
 */
export class Hedging implements ChainHedge {
  private readonly options: HedgingOptions;
  private readonly recent: Quantiles;
  /** In streams: a hedge costs `streamsPerHedge`. */
  private saved = 0;

  constructor(options: HedgingOptions, { clock }: Runtime) {
    this.options = options;
    this.recent = quantiles(windowMs, clock);
  }

  readonly delayMs = (): number | undefined => {
    this.saved = Math.min(this.saved + 1, mostSaved * streamsPerHedge);
    const { hedge, level } = this.options;
    if (this.saved < streamsPerHedge || level() !== 'full') return undefined;
    if (typeof hedge === 'object' && hedge.after !== undefined) return hedge.after;
    return this.recent.count < minSamples ? undefined : this.recent.quantile(quantile);
  };

  readonly allows = (second: SecondLine): boolean => {
    const { level, pay, begun } = this.options;
    if (this.saved < streamsPerHedge || level() !== 'full') return false;
    if (pay(second.model) === 'denied') return false;
    this.saved -= streamsPerHedge;
    begun(second);
    return true;
  };

  /** A stream has had its first content. */
  heard(ms: number): void {
    this.recent.record(ms);
  }
}
