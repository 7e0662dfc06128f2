/** The configuration of what the gateway notices of itself: `observation`. */
import { z } from 'zod';
import { count, duration } from './schema-units.js';

const spikes = z.strictObject({
  /** What counts as now. */
  recent: duration.prefault('60s'),
  /** What now is measured against: the time before it. */
  baseline: duration.prefault('1h'),
  /** Fewer errors than this are no spike. */
  minCount: count.default(5),
  /** How many times the usual rate. */
  multiplier: z.number().gt(1).default(3),
});

const health = z.strictObject({
  /** How often checks run in the background. */
  interval: duration.prefault('15s'),
  /** How long one may take. */
  timeout: duration.prefault('5s'),
});

export const observation = z.strictObject({ spikes: spikes.prefault({}), health: health.prefault({}) });

export type ObservationConfig = z.output<typeof observation>;
