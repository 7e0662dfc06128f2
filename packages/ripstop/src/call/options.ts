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

/** Above zero; Infinity is allowed and means "none". */
export function assertPositive(option: string, value: number): void {
  if (typeof value !== 'number' || !(value > 0)) throw badOption(option, 'must be above 0', value);
}

/** Zero or above; Infinity is allowed. */
export function assertNotNegative(option: string, value: number): void {
  if (typeof value !== 'number' || !(value >= 0)) throw badOption(option, 'must be 0 or above', value);
}

/** A whole number of at least `least`; Infinity is allowed. */
export function assertCount(option: string, value: number, least = 1): void {
  const whole = value === Number.POSITIVE_INFINITY || Number.isInteger(value);
  if (!whole || value < least) throw badOption(option, `must be a whole number of at least ${least}`, value);
}

/** Above 0 and at most 1. */
export function assertRatio(option: string, value: number): void {
  if (typeof value !== 'number' || !(value > 0 && value <= 1)) {
    throw badOption(option, 'must be above 0 and at most 1', value);
  }
}

export function assertOneOf(option: string, value: unknown, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) throw badOption(option, `must be one of ${allowed.join(', ')}`, value);
}

export function badOption(option: string, rule: string, value: unknown): RangeError {
  return new RangeError(`${option} ${rule}, got ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`);
}
