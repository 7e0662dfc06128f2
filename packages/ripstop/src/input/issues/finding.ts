/** What is wrong with a field, whichever library found it, and the one sentence that says so. */

/** As much of an issue as Standard Schema promises, and whatever else its library adds. */
export interface SchemaIssue {
  /** The library's own sentence, or the schema's author's. */
  readonly message: string;
  /** Where it is: keys, or segments that hold one. The whole input has none. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** An issue with its library's own fields, whichever they are. */
export type VendorIssue = SchemaIssue & Readonly<Record<string, unknown>>;

export type Finding =
  /** What the field must be: `a number`. */
  | { readonly noun: string }
  /** The values that it may have, as they are written in JSON. */
  | { readonly options: readonly string[] }
  | { readonly sentence: string };

/** An issue, and the value at its path: what it is, never what is said of it. */
export type Reader = (issue: VendorIssue, value: unknown) => Finding | undefined;

/** What the field must be, in the words of a reader who knows no programming. */
export const nouns = {
  text: { noun: 'text' },
  integer: { noun: 'a whole number' },
  number: { noun: 'a number' },
  boolean: { noun: 'true or false' },
  list: { noun: 'a list' },
  object: { noun: 'an object' },
  date: { noun: 'a date' },
  dateTime: { noun: 'a date and time' },
  time: { noun: 'a time' },
  file: { noun: 'a file' },
  nothing: { noun: 'null' },
  email: { noun: 'an e-mail address' },
  url: { noun: 'a URL' },
  uuid: { noun: 'a UUID' },
} as const;

export const required: Finding = { sentence: 'This field is required' };
export const notAllowed: Finding = { sentence: 'This field is not allowed' };
export const badName: Finding = { sentence: 'The name of this field is not valid' };
export const badFormat: Finding = { sentence: 'This field has an invalid format' };
const noForm: Finding = { sentence: 'This field matches none of the allowed forms' };

/** More would not be read. */
const mostOptions = 20;

export function sentenceOf(finding: Finding): string {
  if ('sentence' in finding) return finding.sentence;
  if ('noun' in finding) return `This field must be ${finding.noun}`;
  const shown = finding.options.slice(0, mostOptions);
  if (shown.length < finding.options.length) shown.push('…');
  return shown.length === 1 ? `This field must be ${shown[0]}` : `This field must be one of: ${shown.join(', ')}`;
}

/** Values that a schema names, as options. Both booleans are no choice but a type. */
export function oneOf(values: readonly unknown[]): Finding {
  if (values.length === 2 && values.includes(true) && values.includes(false)) return nouns.boolean;
  return {
    options: values.map((value) => (typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'nothing'))),
  };
}

/** What all branches of a union want, where each says it in a word or two. */
export function anyOf(branches: readonly (Finding | undefined)[]): Finding {
  const wanted = new Set<string>();
  for (const branch of branches) {
    if (branch === undefined || 'sentence' in branch) return noForm;
    for (const word of 'noun' in branch ? [branch.noun] : branch.options) wanted.add(word);
  }
  if (wanted.size === 0) return noForm;
  if (branches.every((branch) => branch !== undefined && 'options' in branch)) {
    return wanted.size === 2 && wanted.has('true') && wanted.has('false') ? nouns.boolean : { options: [...wanted] };
  }
  return { noun: [...wanted].slice(0, mostOptions).join(' or ') };
}

export type Side = 'atLeast' | 'atMost' | 'exactly';

/** A bound on a number, a bigint or a date. */
export function bound(side: 'atLeast' | 'atMost', limit: unknown, inclusive: boolean): Finding | undefined {
  const isLeast = side === 'atLeast';
  if (limit instanceof Date) {
    if (Number.isNaN(limit.getTime())) return undefined;
    const than = inclusive ? (isLeast ? ' or later' : ' or earlier') : '';
    const word = inclusive ? '' : isLeast ? 'later than ' : 'earlier than ';
    return { sentence: `This field must be ${word}${limit.toISOString()}${than}` };
  }
  if (typeof limit !== 'number' && typeof limit !== 'bigint') return undefined;
  const word = inclusive ? (isLeast ? 'at least' : 'at most') : isLeast ? 'more than' : 'less than';
  return { sentence: `This field must be ${word} ${limit}` };
}

/** A bound on the length of a text or a list; `undefined` for anything else. */
export function lengthBound(side: Side, limit: unknown, of: 'text' | 'list' | 'file'): Finding | undefined {
  if (typeof limit !== 'number' && typeof limit !== 'bigint') return undefined;
  const words = { atLeast: 'at least', atMost: 'at most', exactly: 'exactly' };
  if (of !== 'list') {
    const unit = `${of === 'text' ? 'character' : 'byte'}${Number(limit) === 1 ? '' : 's'}`;
    return { sentence: `This field must have ${words[side]} ${limit} ${unit}` };
  }
  const verb = side === 'atMost' ? 'can' : 'must';
  return { sentence: `This list ${verb} have ${words[side]} ${limit} items` };
}

export function multipleOf(divisor: unknown): Finding | undefined {
  if (divisor === 1 || divisor === 1n) return nouns.integer;
  if (typeof divisor !== 'number' && typeof divisor !== 'bigint') return undefined;
  return { noun: `a multiple of ${divisor}` };
}

/** What a library says in words. Anything else it may put there says nothing, and may not even be made into a text. */
export function textOf(said: unknown): string {
  return typeof said === 'string' || typeof said === 'number' || typeof said === 'bigint' ? String(said) : '';
}

/** What stands in a table under a name that somebody else has chosen, `valueOf` say. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
