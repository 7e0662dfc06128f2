import { type Random, type Runtime, systemRuntime } from '../call/runtime.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { type DegradationOptions, type DegradationSettings, degradationSettings } from './degradation-options.js';
import { adjusted } from './degraded-parameters.js';
import { type DegradationLevel, degradationLevels, LevelTracker } from './level-tracker.js';
import { LoadSampler } from './load-sampler.js';

/** How the service stood when a request began. It does not change, so that one request has one level (D92). */
export interface DegradationSnapshot {
  readonly level: DegradationLevel;
  /** The smoothed load: 0 is idle, 1 is full, more is more than there is room for. */
  readonly systemLoad: number;
  /** Is this request one that even `minimal` cannot carry? */
  readonly shouldShed: boolean;
  /** A copy of the parameters as the level allows them. Whole numbers, no smaller than their floors, none larger. */
  getAdjustedParameters<P extends object>(base: P): P;
  /** The same with half of the tokens and steps: for the one repetition after capacity ran out. */
  getEmergencyParameters<P extends object>(base: P): P;
  /** What to tell the caller; null at the full level. */
  getDegradationWarning(): string | null;
}

/** The level of a service, and what follows from it. Reading any of it keeps the load up to date. */
export interface Degradation extends Omit<DegradationSnapshot, 'shouldShed'> {
  /**
   * One reading by hand, in percent: clamped to 0–100, and ignored where it is no number. The highest counts.
   * Returns the level that it leads to.
   */
  updateSystemLoad(cpuPercent?: Percent, memoryPercent?: Percent, gpuPercent?: Percent): DegradationLevel;
  /** For one request: the level that holds for it, whatever happens meanwhile. */
  snapshot(): DegradationSnapshot;
  /**
   * The snapshot of a request that may be served.
   *
   * @throws ModelOverloadedError with `details.reason` `shed` and a wait of 1 to 10 seconds.
   */
  admit(): DegradationSnapshot;
  /** Reads all sources now. Resolves when they have answered; never rejects. */
  sample(): Promise<void>;
}

type Percent = number | null | undefined;

/**
 * Degradation: answers that are shorter and cheaper while the load is high, and refusals only beyond that.
 *
 * The load is the highest of its sources, smoothed. A level begins when the load has been above its threshold for a
 * while, and ends when it has been clearly below for longer. Beyond `shedAbove` requests are refused in proportion: at
 * a load of 1.25 every fifth, so that those that remain are what can be carried.
 *
 * There is no timer: sources are read while somebody asks for the level, and an idle service costs nothing. Reports
 * `degradation.changed`, and `degradation.source_failed` when a source begins to fail.
 *
 * Source: B. Beyer et al., Site Reliability Engineering (2016), chapters 21 and 22: graceful degradation, load shedding.
 *
 * @throws RangeError for a bad option.
 */
export function degradation(options: DegradationOptions = {}, runtime: Runtime = systemRuntime): Degradation {
  const settings = degradationSettings(options);
  const { name, levels } = settings;
  const { clock, random, events } = runtime;
  const tracker = new LevelTracker({ ...settings, thresholds: degradationLevels.map((level) => levels[level].above) });
  const tracked = (change: (now: number) => void): void => {
    const { level: previous } = tracker;
    const at = clock.now();
    change(at);
    const { level, load } = tracker;
    if (level !== previous) events.emit({ type: 'degradation.changed', name, level, previous, load, at });
  };
  const sampled = (load: number): void => tracked((now) => tracker.update(load, now));
  const failed = (source: string, error: unknown): void =>
    events.emit({ type: 'degradation.source_failed', name, source, error, at: clock.now() });
  const sampler = new LoadSampler({ ...settings, sampled, failed }, runtime);
  const snapshot = (): DegradationSnapshot => {
    sampler.sampleIfDue();
    tracked((now) => tracker.expire(now));
    return snapshotOf(tracker, settings, random);
  };

  return {
    get level() {
      return snapshot().level;
    },
    get systemLoad() {
      return snapshot().systemLoad;
    },
    updateSystemLoad(...percentages) {
      const load = highest(percentages);
      if (load !== undefined) sampled(load);
      return tracker.level;
    },
    snapshot,
    admit() {
      const taken = snapshot();
      if (taken.shouldShed) throw refusal(name, runtime);
      return taken;
    },
    sample: () => sampler.sample(),
    getAdjustedParameters: (base) => snapshot().getAdjustedParameters(base),
    getEmergencyParameters: (base) => snapshot().getEmergencyParameters(base),
    getDegradationWarning: () => snapshot().getDegradationWarning(),
  };
}

/** Of a load of 1.25 where 1 can be carried, a fifth is too much. */
function snapshotOf(
  { level, load }: LevelTracker,
  { levels, rules, shedAbove }: DegradationSettings,
  random: Random,
): DegradationSnapshot {
  const { quality, speed, warning } = levels[level];
  return {
    level,
    systemLoad: load,
    shouldShed: load > shedAbove && random() < 1 - shedAbove / load,
    getAdjustedParameters: (base) => adjusted(base, rules, { quality, speed }),
    getEmergencyParameters: (base) => adjusted(base, rules, { quality: quality / 2, speed }),
    getDegradationWarning: () => (level === 'full' ? null : warning),
  };
}

/** Callers that were refused together must not come back together. */
function refusal(name: string, { random }: Runtime): ModelOverloadedError {
  return new ModelOverloadedError('The service is overloaded; try again later', {
    details: { reason: 'shed', degradation: name },
    retryAfterMs: Math.round(1_000 + random() * 9_000),
    stack: 'none',
  });
}

function highest(percentages: readonly Percent[]): number | undefined {
  const known = percentages.filter(
    (percent): percent is number => typeof percent === 'number' && !Number.isNaN(percent),
  );
  return known.length === 0 ? undefined : Math.min(Math.max(...known, 0), 100) / 100;
}
