/** Which parameters of a request shrink with the load, and how far. */
import { assertCount, assertOneOf } from '../call/options.js';

/** How one parameter follows the level. */
export interface ParameterRule {
  /** `quality`: multiplied by the level's quality. `speed`: divided by its speed. */
  readonly by: 'quality' | 'speed';
  /** Never below this, unless less was asked for. Default: 1. */
  readonly floor?: number | undefined;
}

/** What a level does to parameters. */
export interface LevelFactors {
  readonly quality: number;
  readonly speed: number;
}

/** The parameters of the guide (R130), and the same under the names that OpenAI and Ripstop give them. */
export const parameterRuleDefaults: Readonly<Record<string, ParameterRule>> = {
  num_inference_steps: { by: 'quality', floor: 1 },
  steps: { by: 'quality', floor: 1 },
  max_tokens: { by: 'quality', floor: 1 },
  max_completion_tokens: { by: 'quality', floor: 1 },
  maxTokens: { by: 'quality', floor: 1 },
  batch_size: { by: 'speed', floor: 1 },
};

/** A copy in which the ruled parameters have shrunk, rounded to whole numbers. None grows, and none becomes 0. */
export function adjusted<P extends object>(
  base: P,
  rules: Readonly<Record<string, ParameterRule>>,
  { quality, speed }: LevelFactors,
): P {
  const copy = { ...base } as Record<string, unknown>;
  for (const [name, { by, floor = 1 }] of Object.entries(rules)) {
    const value = copy[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) continue;
    const shrunk = Math.round(by === 'quality' ? value * quality : value / speed);
    copy[name] = Math.min(value, Math.max(floor, shrunk));
  }
  return copy as P;
}

/** @throws RangeError */
export function assertRules(rules: Readonly<Record<string, ParameterRule>>): void {
  for (const [name, { by, floor = 1 }] of Object.entries(rules)) {
    assertOneOf(`parameters.${name}.by`, by, ['quality', 'speed']);
    assertCount(`parameters.${name}.floor`, floor, 0);
  }
}
