/** The configuration of what the gateway notices of itself: `observation`. */
import { z } from 'zod';
import { count, duration } from './schema-units.js';

const spikes = z
  .strictObject({
    recent: duration.prefault('60s').describe('What counts as now.'),
    baseline: duration.prefault('1h').describe('What now is measured against: the time before it.'),
    minCount: count.default(5).describe('Fewer errors than this are no spike.'),
    multiplier: z.number().gt(1).default(3).describe('How many times the usual rate is a spike.'),
  })
  .refine(({ recent }) => recent >= 1_000 && recent <= 3_600_000, {
    path: ['recent'],
    message: 'must be from 1s to 1h',
  })
  .refine(({ recent, baseline }) => baseline >= 2 * recent && baseline <= 86_400_000, {
    path: ['baseline'],
    message: 'must be at least twice recent and at most 24h',
  })
  .describe('When so many errors are news.');

const health = z
  .strictObject({
    interval: duration.prefault('15s').describe('How often checks run in the background.'),
    timeout: duration.prefault('5s').describe('How long one may take.'),
  })
  .describe('The checks behind `/health`.');

export const observation = z
  .strictObject({ spikes: spikes.prefault({}), health: health.prefault({}) })
  .describe('What the gateway notices of itself.');

export type ObservationConfig = z.output<typeof observation>;
