/** Checks shared by all factories. A bad option is a RangeError that names the option, the rule and the value. */

/** The defaults of options `O`: those named `K` have one, the rest may stay away. */
export type Defaults<O, K extends keyof O = keyof O> = Readonly<{ [P in K]-?: Exclude<O[P], undefined> } & Omit<O, K>>;

/** The defaults, overridden by every option that is not `undefined`. */
export function withDefaults<O extends object, D extends O>(defaults: D, options: O): D {
  const merged = { ...defaults };
  for (const key of Object.keys(options) as (keyof O)[]) {
    if (options[key] !== undefined) Object.assign(merged, { [key]: options[key] });
  }
  return merged;
}

/** What the value of an option must be, in words that follow "must be", and the test of it. */
export type Rule = readonly [text: string, holds: (value: number) => boolean];

/** Infinity is allowed and means "none". */
export const positive: Rule = ['above 0', (value) => value > 0];
/** Infinity is allowed. */
const notNegative: Rule = ['0 or above', (value) => value >= 0];
/** Infinity is allowed. */
export const count: Rule = ['a whole number of at least 1', (value) => value >= 1 && isWhole(value)];
/** Infinity is allowed. */
const countOrNone: Rule = ['a whole number of at least 0', (value) => value >= 0 && isWhole(value)];
export const ratio: Rule = ['above 0 and at most 1', (value) => value > 0 && value <= 1];

/**
 * Holds options to their rules. One that is `undefined` has none to keep.
 *
 * @throws RangeError naming option, rule and value.
 */
export function check(options: object, rules: Readonly<Record<string, Rule>>): void {
  for (const [option, rule] of Object.entries(rules)) {
    const value = (options as Readonly<Record<string, unknown>>)[option];
    if (value !== undefined) assertRule(option, rule, value);
  }
}

export function assertRule(option: string, [text, holds]: Rule, value: unknown): void {
  if (typeof value !== 'number' || !holds(value)) throw badOption(option, `must be ${text}`, value);
}

/** Above zero; Infinity is allowed and means "none". */
export function assertPositive(option: string, value: number): void {
  assertRule(option, positive, value);
}

/** Zero or above; Infinity is allowed. */
export function assertNotNegative(option: string, value: number): void {
  assertRule(option, notNegative, value);
}

/** A whole number of at least `least`; Infinity is allowed. */
export function assertCount(option: string, value: number, least: 0 | 1 = 1): void {
  assertRule(option, least === 0 ? countOrNone : count, value);
}

/** Above 0 and at most 1. */
export function assertRatio(option: string, value: number): void {
  assertRule(option, ratio, value);
}

export function assertOneOf(option: string, value: unknown, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) throw badOption(option, `must be one of ${allowed.join(', ')}`, value);
}

export function badOption(option: string, rule: string, value: unknown): RangeError {
  return new RangeError(`${option} ${rule}, got ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`);
}

function isWhole(value: number): boolean {
  return value === Number.POSITIVE_INFINITY || Number.isInteger(value);
}
