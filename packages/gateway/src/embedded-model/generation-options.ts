import { InvalidInputError } from 'ripstop/errors';
import type { ChatRequest, GenerateOptions } from 'ripstop/models';
import type { GenerationRequest } from './protocol.js';

export interface SamplingDefaults {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  /** A new seed where the caller gives none. */
  readonly seed: () => number;
}

const maxStops = 16;
const maxStopLength = 200;

/**
 * What to generate with: the options, then OpenAI's fields of the request, then the defaults.
 *
 * @throws InvalidInputError that names the field, its rule, and never its value.
 */
export function generationOptions(
  input: string | ChatRequest,
  options: GenerateOptions,
  defaults: SamplingDefaults,
): Omit<GenerationRequest, 'turns'> {
  const request: Readonly<Record<string, unknown>> = typeof input === 'string' ? {} : input;
  return {
    maxTokens: number(options.maxTokens ?? request['max_completion_tokens'] ?? request['max_tokens'], {
      field: 'max_tokens',
      rule: 'a whole number of at least 1',
      allows: (value) => Number.isSafeInteger(value) && value >= 1,
    }),
    temperature:
      number(options.temperature ?? request['temperature'], {
        field: 'temperature',
        rule: 'a number from 0 to 100',
        allows: (value) => value >= 0 && value <= 100,
      }) ?? defaults.temperature,
    topP:
      number(options.topP ?? request['top_p'], {
        field: 'top_p',
        rule: 'a number above 0 and at most 1',
        allows: (value) => value > 0 && value <= 1,
      }) ?? defaults.topP,
    topK:
      number(request['top_k'], {
        field: 'top_k',
        rule: 'a whole number of at least 0',
        allows: (value) => Number.isInteger(value) && value >= 0 && value < 2 ** 31,
      }) ?? defaults.topK,
    seed: seedOf(options.seed ?? request['seed']) ?? defaults.seed(),
    stop: stops(options.stop ?? request['stop']),
  };
}

interface Rule {
  readonly field: string;
  readonly rule: string;
  readonly allows: (value: number) => boolean;
}

function number(value: unknown, { field, rule, allows }: Rule): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !allows(value)) throw new InvalidInputError(`${field} must be ${rule}`);
  return value;
}

/** Any whole number is a seed; only its lowest 32 bits count. */
function seedOf(value: unknown): number | undefined {
  const seed = number(value, { field: 'seed', rule: 'a whole number', allows: Number.isInteger });
  return seed === undefined ? undefined : seed >>> 0;
}

function stops(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const fits = (stop: unknown): stop is string => {
    return typeof stop === 'string' && stop !== '' && stop.length <= maxStopLength;
  };
  if (list.length > maxStops || !list.every(fits)) {
    throw new InvalidInputError(`stop must be up to ${maxStops} texts of 1 to ${maxStopLength} characters`);
  }
  return list;
}
