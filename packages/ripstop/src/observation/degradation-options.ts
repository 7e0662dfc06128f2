/** What degradation can be told, and what it does when it is told nothing. */
import { assertNotNegative, assertPositive, assertRatio, badOption, withDefaults } from '../call/options.js';
import { assertRules, type LevelFactors, type ParameterRule, parameterRuleDefaults } from './degraded-parameters.js';
import type { DegradationLevel } from './level-tracker.js';
import type { LoadSource } from './load-sampler.js';

/** What a level means. */
export interface LevelOptions {
  /** The load above which the level begins; of `full` it counts for nothing. */
  readonly above?: number | undefined;
  /** What tokens and steps are multiplied by, above 0 and at most 1. */
  readonly quality?: number | undefined;
  /** What batches are divided by, at least 1. */
  readonly speed?: number | undefined;
  /** What callers are told. */
  readonly warning?: string | undefined;
}

/** Options of `degradation()`. */
export interface DegradationOptions {
  /** Names it in events and errors. Default: `default`. */
  readonly name?: string | undefined;
  /** What the load is read from; the highest counts. Default: none, the load is what `updateSystemLoad` is told. */
  readonly sources?: readonly LoadSource[] | undefined;
  /** What differs from the guide's levels. Default: `degradationLevelDefaults`. */
  readonly levels?: Readonly<Partial<Record<DegradationLevel, LevelOptions>>> | undefined;
  /** Which parameters shrink, beside and instead of `parameterRuleDefaults`. */
  readonly parameters?: Readonly<Record<string, ParameterRule>> | undefined;
  /** Above this load requests are refused: so many that the rest can be carried. Default: 1. `Infinity`: never. */
  readonly shedAbove?: number | undefined;
  /** How far the load must fall below a threshold before its level may end. Default: 0.05. */
  readonly hysteresis?: number | undefined;
  /** The time constant of the moving average, in milliseconds. 0: none. Default: 1 000. */
  readonly smoothingMs?: number | undefined;
  /** How long the load must be above a threshold before the level gets worse, in milliseconds. Default: 2 000. */
  readonly stepUpAfterMs?: number | undefined;
  /** How long it must be below before the level gets better, in milliseconds. Default: 10 000. */
  readonly stepDownAfterMs?: number | undefined;
  /** Sources are read at most so often, and only while somebody asks, in milliseconds. Default: 1 000. */
  readonly sampleEveryMs?: number | undefined;
  /** How long a source may take, in milliseconds. Default: 2 000. */
  readonly readLimitMs?: number | undefined;
  /** Without a reading for so long the level is full again, in milliseconds. Default: 30 000. */
  readonly maxAgeMs?: number | undefined;
}

type Scalars = {
  readonly [K in Exclude<keyof DegradationOptions, 'levels' | 'parameters'>]-?: NonNullable<DegradationOptions[K]>;
};

/** The guide's levels (R126–R128, R129, R131). */
export const degradationLevelDefaults: Readonly<
  Record<DegradationLevel, LevelFactors & { readonly above: number; readonly warning: string }>
> = {
  full: { above: 0, quality: 1, speed: 1, warning: '' },
  reduced: {
    above: 0.7,
    quality: 0.7,
    speed: 1.5,
    warning: 'Service is running in reduced quality mode due to high system load',
  },
  minimal: {
    above: 0.9,
    quality: 0.4,
    speed: 3,
    warning: 'Service is running in minimal quality mode due to very high system load',
  },
};

/** The other defaults of `degradation()`. */
export const degradationDefaults: Scalars = {
  name: 'default',
  sources: [],
  shedAbove: 1,
  hysteresis: 0.05,
  smoothingMs: 1_000,
  stepUpAfterMs: 2_000,
  stepDownAfterMs: 10_000,
  sampleEveryMs: 1_000,
  readLimitMs: 2_000,
  maxAgeMs: 30_000,
};

/** All of them, filled in. */
export interface DegradationSettings extends Scalars {
  readonly levels: Levels;
  readonly rules: Readonly<Record<string, ParameterRule>>;
}

/** @throws RangeError */
export function degradationSettings({ levels, parameters, ...others }: DegradationOptions): DegradationSettings {
  const settings = {
    ...withDefaults<Partial<Scalars>, Scalars>(degradationDefaults, others),
    levels: levelsOf(levels),
    rules: { ...parameterRuleDefaults, ...parameters },
  };
  assertSettings(settings);
  return settings;
}

type Levels = typeof degradationLevelDefaults;

function levelsOf(levels: DegradationOptions['levels'] = {}): Levels {
  const own = (level: DegradationLevel): Levels[DegradationLevel] =>
    withDefaults<LevelOptions, Levels[DegradationLevel]>(degradationLevelDefaults[level], levels[level] ?? {});
  return { full: own('full'), reduced: own('reduced'), minimal: own('minimal') };
}

function assertSettings({ levels, rules, ...settings }: DegradationSettings): void {
  for (const [level, { quality, speed }] of Object.entries(levels)) {
    assertRatio(`levels.${level}.quality`, quality);
    if (!(speed >= 1)) throw badOption(`levels.${level}.speed`, 'must be at least 1', speed);
  }
  assertPositive('levels.reduced.above', levels.reduced.above);
  if (!(levels.minimal.above > levels.reduced.above))
    throw badOption('levels.minimal.above', 'must be above that of reduced', levels.minimal.above);
  if (!(settings.shedAbove >= levels.minimal.above))
    throw badOption('shedAbove', 'must be no less than levels.minimal.above', settings.shedAbove);
  for (const option of ['hysteresis', 'smoothingMs', 'stepUpAfterMs', 'stepDownAfterMs', 'sampleEveryMs'] as const)
    assertNotNegative(option, settings[option]);
  if (settings.hysteresis >= levels.reduced.above)
    throw badOption('hysteresis', 'must be below levels.reduced.above', settings.hysteresis);
  assertPositive('readLimitMs', settings.readLimitMs);
  assertPositive('maxAgeMs', settings.maxAgeMs);
  assertRules(rules);
}
