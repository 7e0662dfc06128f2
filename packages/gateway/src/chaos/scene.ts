/**
 * Scenes: which fault answers which request.
 *
 * A scene is a list of steps, parted by commas. A step is a fault, with a value where it takes one, and how long it
 * holds: `x3` so many requests, `for 60s` so long since its first request, `at 10%` that share of the requests. A step
 * without a limit holds for ever; after the last one every request is answered well.
 */
import type { Runtime } from 'ripstop';
import { parseDuration } from '../config/units.js';
import { type Fault, faults } from './faults.js';

export interface Step {
  readonly name: string;
  readonly fault: Fault;
  readonly value: number;
  readonly limit: Limit;
}

type Limit =
  | { readonly kind: 'none' }
  | { readonly kind: 'requests'; readonly count: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'share'; readonly ratio: number };

const pattern = /^([a-z0-9-]+)(?:=([^\s,]+))?(?:\s+(?:x(\d{1,9})|for\s+(\S+)|at\s+(\d{1,3}(?:\.\d+)?)%))?$/;

/** @throws RangeError that says which step cannot be read, and why. */
export function parseScene(text: string): readonly Step[] {
  const steps = text.split(',').map((part) => parseStep(part.trim()));
  if (steps.length === 0) throw new RangeError('a scene needs at least one step, got none');
  return steps;
}

/** `undefined` where the text is no scene. */
export function sceneIn(text: string): readonly Step[] | undefined {
  try {
    return parseScene(text);
  } catch {
    return undefined;
  }
}

function parseStep(text: string): Step {
  const [, word, given, times, duration, percent] = pattern.exec(text) ?? [];
  if (word === undefined)
    throw new RangeError(`"${text}" is no step of a scene; a step is like "503 x2" or "cut-after=40"`);
  const isStatus = /^\d{3}$/.test(word);
  const name = isStatus ? 'status' : word;
  const fault = Object.hasOwn(faults, name) ? faults[name] : undefined;
  if (fault === undefined) throw new RangeError(`there is no fault "${word}"; see ripstop chaos --help`);
  const value = valueOf(fault, isStatus ? word : given, text);
  return { name: word, fault, value, limit: limitOf({ times, duration, percent }, text) };
}

function valueOf({ value, usual }: Fault, given: string | undefined, step: string): number {
  if (given === undefined) return usual;
  const number = value === 'duration' ? parseDuration(given) : /^\d{1,9}$/.test(given) ? Number(given) : undefined;
  if (value === 'none') throw new RangeError(`"${step}": this fault takes no value`);
  if (number === undefined)
    throw new RangeError(
      `"${step}": ${value === 'duration' ? 'must be a duration such as 2s' : 'must be a whole number'}`,
    );
  if (value === 'status' && (number < 200 || number > 599))
    throw new RangeError(`"${step}": must be a status from 200 to 599`);
  return number;
}

function limitOf(
  { times, duration, percent }: Partial<Record<'times' | 'duration' | 'percent', string>>,
  step: string,
): Limit {
  if (times !== undefined) return { kind: 'requests', count: Number(times) };
  if (percent !== undefined) return { kind: 'share', ratio: Number(percent) / 100 };
  if (duration === undefined) return { kind: 'none' };
  const ms = parseDuration(duration);
  if (ms === undefined) throw new RangeError(`"${step}": must be a duration such as 60s`);
  return { kind: 'time', ms };
}

/** A scene that is being played: who asks next gets what. */
export class Play {
  private readonly steps: readonly Step[];
  private readonly runtime: Runtime;
  /** Requests that each step has taken, and when the first one came to it. */
  private readonly played = new Map<Step, { count: number; readonly since: number }>();

  constructor(steps: readonly Step[], runtime: Runtime) {
    this.steps = steps;
    this.runtime = runtime;
  }

  /** The first step that takes the request; `undefined` once the scene is over. */
  next(): Step | undefined {
    return this.steps.find((step) => this.takes(step));
  }

  private takes(step: Step): boolean {
    const now = this.runtime.clock.now();
    const played = this.played.get(step) ?? { count: 0, since: now };
    this.played.set(step, played);
    played.count += 1;
    const { limit } = step;
    switch (limit.kind) {
      case 'none':
        return true;
      case 'requests':
        return played.count <= limit.count;
      case 'time':
        return now - played.since < limit.ms;
      case 'share':
        return this.runtime.random() < limit.ratio;
    }
  }
}
