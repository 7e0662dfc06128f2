/** The configuration of what the gateway notices of itself: `observation`. */
import { z } from 'zod';
import { alertTimes } from './alerts-schema.js';
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

const recovery = z
  .strictObject({
    probes: z
      .enum(['free', 'paid', 'off'])
      .default('free')
      .describe(
        'How an upstream that is out is asked whether it is back: `free` lists its models; `paid` also asks for one token, for gateways with few callers; `off` is for upstreams that count every request.',
      ),
    paidEvery: duration.prefault('1m').describe('One token of each upstream that is out at most so often.'),
    settle: duration
      .prefault('10s')
      .describe('An incident is closed when all has been well for so long; flapping services need more.'),
  })
  .describe('How what is out comes back.');

export const observation = z
  .strictObject({
    spikes: spikes.prefault({}),
    health: health.prefault({}),
    recovery: recovery.prefault({}),
    alerts: alertTimes.prefault({}),
  })
  .describe('What the gateway notices of itself.');
