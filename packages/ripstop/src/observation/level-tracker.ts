/** From readings to a level: smoothed, with two thresholds for each step and a time to dwell (D91). */

/** How good a service is for now, from best to worst. */
export type DegradationLevel = 'full' | 'reduced' | 'minimal';

export const degradationLevels: readonly DegradationLevel[] = ['full', 'reduced', 'minimal'];

export interface TrackerSettings {
  /** The load above which each level begins, in the order of the levels; that of `full` counts for nothing. */
  readonly thresholds: readonly number[];
  /** How far the load must fall below a threshold before its level may end. */
  readonly hysteresis: number;
  /** The time constant of the average, in milliseconds. 0: every reading counts by itself. */
  readonly smoothingMs: number;
  /** How long the load must stay above a threshold, in milliseconds. */
  readonly stepUpAfterMs: number;
  /** How long it must stay below, in milliseconds. */
  readonly stepDownAfterMs: number;
  /** How long a reading holds, in milliseconds. */
  readonly maxAgeMs: number;
}

/**
 * The first reading, and the first after a long silence, counts at once: there is nothing to compare it with.
 *
 * Source of the average: exponential smoothing of irregular samples, weight 1 − e^(−Δt/τ).
 */
export class LevelTracker {
  load = 0;
  private rank = 0;
  private updatedAt: number | undefined;
  private calmSince: number | undefined;
  /** Since when the load has been above each threshold. */
  private readonly aboveSince: (number | undefined)[] = [];
  private readonly settings: TrackerSettings;

  constructor(settings: TrackerSettings) {
    this.settings = settings;
  }

  get level(): DegradationLevel {
    return degradationLevels[this.rank] ?? 'full';
  }

  update(reading: number, now: number): void {
    const known = this.updatedAt !== undefined && !this.isStale(now);
    this.load = known ? this.smoothed(reading, now - (this.updatedAt ?? now)) : reading;
    this.updatedAt = now;
    this.watch(now);
    if (known) this.step(now);
    else this.rank = this.rankOf(this.load, 0);
  }

  /** What nobody has measured for long is not known: the level is full again. */
  expire(now: number): void {
    if (!this.isStale(now)) return;
    this.updatedAt = undefined;
    this.load = 0;
    this.rank = 0;
    this.watch(now);
  }

  private isStale(now: number): boolean {
    return this.updatedAt !== undefined && now - this.updatedAt > this.settings.maxAgeMs;
  }

  private smoothed(reading: number, elapsedMs: number): number {
    const { smoothingMs } = this.settings;
    const weight = smoothingMs === 0 ? 1 : 1 - Math.exp(-elapsedMs / smoothingMs);
    return this.load + weight * (reading - this.load);
  }

  private watch(now: number): void {
    const { thresholds, hysteresis } = this.settings;
    for (const [rank, threshold] of thresholds.entries()) {
      this.aboveSince[rank] = this.load > threshold ? (this.aboveSince[rank] ?? now) : undefined;
    }
    const calm = this.rank > 0 && this.load <= (thresholds[this.rank] ?? 0) - hysteresis;
    this.calmSince = calm ? (this.calmSince ?? now) : undefined;
  }

  private step(now: number): void {
    const { stepUpAfterMs, stepDownAfterMs, hysteresis } = this.settings;
    for (let rank = degradationLevels.length - 1; rank > this.rank; rank -= 1) {
      const since = this.aboveSince[rank];
      if (since === undefined || now - since < stepUpAfterMs) continue;
      this.rank = rank;
      return;
    }
    if (this.calmSince === undefined || now - this.calmSince < stepDownAfterMs) return;
    this.rank = this.rankOf(this.load, hysteresis);
    this.calmSince = undefined;
  }

  private rankOf(load: number, margin: number): number {
    const rank = this.settings.thresholds.findLastIndex((threshold) => load > threshold - margin);
    return Math.max(rank, 0);
  }
}
