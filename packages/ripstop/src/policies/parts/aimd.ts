/** The options of an adaptive limit, checked. */
export interface AimdSettings {
  readonly minLimit: number;
  readonly maxLimit: number;
  readonly initialLimit: number;
  readonly backoffRatio: number;
}

/**
 * A limit that grows by one while all goes well and it is needed, and is multiplied by a ratio below 1 when it was too
 * high. Until the first cut every success may raise it, so that it soon finds the capacity; from then on as many
 * successes as the limit are one step, or it would grow as fast as it is cut.
 *
 * A cut begins a new epoch. Calls that were begun before it know only the old limit: what they say of it has been said.
 *
 * Sources: V. Jacobson, Congestion avoidance and control (SIGCOMM 1988); Netflix concurrency-limits, AIMDLimit, for the
 * ratio and for no growth while less than half is in use.
 */
export class Aimd {
  epoch = 0;
  private readonly settings: AimdSettings;
  private current: number;
  private phase: 'searching' | 'steady' = 'searching';
  private successes = 0;

  constructor(settings: AimdSettings) {
    this.settings = settings;
    this.current = settings.initialLimit;
  }

  get limit(): number {
    return this.current;
  }

  /** A call begun in `epoch`, as one of `running`, did well. A limit that is not needed is no news (no growth). */
  succeeded(epoch: number, running: number): void {
    if (epoch !== this.epoch || running * 2 < this.current) return;
    this.successes += 1;
    if (this.phase === 'steady' && this.successes < this.current) return;
    this.successes = 0;
    this.current = Math.min(this.current + 1, this.settings.maxLimit);
  }

  /** A call begun in `epoch` was too much. However often that is heard of one limit, it is cut once. */
  overloaded(epoch: number): void {
    if (epoch !== this.epoch) return;
    this.epoch += 1;
    this.phase = 'steady';
    this.successes = 0;
    this.current = Math.max(Math.floor(this.current * this.settings.backoffRatio), this.settings.minLimit);
  }
}
