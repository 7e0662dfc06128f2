/** What no event tells of: read at each scrape. */
import type { Runtime } from '../../call/runtime.js';
import type { BreakerState } from '../../policies/circuit-breaker.js';
import type { DegradationLevel } from '../level-tracker.js';
import type { MeterSettings } from './meters.js';

/** Calls under way and calls that wait, at one place. */
export interface QueueReading {
  readonly name: string;
  readonly running: number;
  readonly waiting: number;
  /** Default: none is told. */
  readonly limit?: number | undefined;
}

/** What holds for a service or a part of it: `level` and `systemLoad` of a `degradation()`. */
export interface LevelReading {
  readonly name: string;
  readonly level: DegradationLevel;
  readonly systemLoad: number;
}

/** Is anybody of a chain there to answer? */
export interface ChainReading {
  readonly name: string;
  readonly usable: boolean;
}

/** Functions that tell how things stand now. They are asked at each scrape, and must not take long. */
export interface PrometheusReadings {
  readonly queues?: (() => Iterable<QueueReading>) | undefined;
  /** Several of one name are counted together. */
  readonly breakers?: (() => Iterable<{ readonly name: string; readonly state: BreakerState }>) | undefined;
  readonly levels?: (() => Iterable<LevelReading>) | undefined;
  readonly chains?: (() => Iterable<ChainReading>) | undefined;
}

const states: readonly BreakerState[] = ['closed', 'half_open', 'open'];
const allLevels: readonly DegradationLevel[] = ['full', 'reduced', 'minimal'];

/** How each gauge is filled. One whose function throws has no series then, and the others stand. */
export function gaugesOf(readings: PrometheusReadings, { clock, events }: Runtime): MeterSettings['readings'] {
  function each<Reading>(read: (() => Iterable<Reading>) | undefined, action: (reading: Reading) => void): void {
    try {
      for (const reading of read?.() ?? []) action(reading);
    } catch (error) {
      events.emit({ type: 'listener.failed', error, at: clock.now() });
    }
  }

  return {
    inFlight: (gauge) => each(readings.queues, ({ name, running }) => gauge.add({ name }, running)),
    queueLength: (gauge) => each(readings.queues, ({ name, waiting }) => gauge.add({ name }, waiting)),
    concurrencyLimit: (gauge) =>
      each(readings.queues, ({ name, limit }) => limit !== undefined && gauge.add({ name }, limit)),
    breakerState: (gauge) =>
      each(readings.breakers, ({ name, state }) => {
        for (const one of states) gauge.add({ name, state: one }, one === state ? 1 : 0);
      }),
    level: (gauge) =>
      each(readings.levels, ({ name, level }) => {
        for (const one of allLevels) gauge.set({ name, level: one }, one === level ? 1 : 0);
      }),
    load: (gauge) => each(readings.levels, ({ name, systemLoad }) => gauge.set({ name }, systemLoad)),
    chainUsable: (gauge) => each(readings.chains, ({ name, usable }) => gauge.set({ chain: name }, usable ? 1 : 0)),
  };
}
