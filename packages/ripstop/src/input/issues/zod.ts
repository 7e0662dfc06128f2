/** Issues of zod 4, by their `code`: https://zod.dev/error-customization */
import {
  anyOf,
  badFormat,
  badName,
  bound,
  entryOf,
  type Finding,
  lengthBound,
  multipleOf,
  notAllowed,
  nouns,
  oneOf,
  type Reader,
  required,
  textOf,
  type VendorIssue,
} from './finding.js';

/** The default English sentences. Anything else was written by the schema's author, or is of another language. */
const ownSentence =
  /^(?:Invalid input(?:: expected [^.]*)?|Invalid option: expected one of .*|Too (?:small|big): expected .*|Invalid (?:string|number): must .*|Invalid [\w -]+|Invalid discriminator value\. Expected .*|Unrecognized keys?: .*)$/s;

const types: Readonly<Record<string, Finding>> = {
  string: nouns.text,
  number: nouns.number,
  int: nouns.integer,
  bigint: nouns.integer,
  boolean: nouns.boolean,
  array: nouns.list,
  tuple: nouns.list,
  set: nouns.list,
  object: nouns.object,
  record: nouns.object,
  map: nouns.object,
  date: nouns.date,
  file: nouns.file,
  null: nouns.nothing,
  never: notAllowed,
};

const formats: Readonly<Record<string, Finding>> = {
  email: nouns.email,
  url: nouns.url,
  uuid: nouns.uuid,
  guid: nouns.uuid,
  date: nouns.date,
  datetime: nouns.dateTime,
  time: nouns.time,
};
/** These say more in zod's own words: what the text must begin with, end with or contain. */
const toldByZod: ReadonlySet<unknown> = new Set(['starts_with', 'ends_with', 'includes', 'lowercase', 'uppercase']);

export const readZod: Reader = (issue) => {
  if (!ownSentence.test(issue.message)) return undefined;
  switch (issue['code']) {
    case 'invalid_type':
      return issue.message.endsWith('received undefined') ? required : entryOf(types, textOf(issue['expected']));
    case 'too_small':
    case 'too_big':
      return tooSmallOrBig(issue);
    case 'not_multiple_of':
      return multipleOf(issue['divisor']);
    case 'invalid_format':
      return toldByZod.has(issue['format']) ? undefined : (entryOf(formats, textOf(issue['format'])) ?? badFormat);
    case 'invalid_value':
      return Array.isArray(issue['values']) ? oneOf(issue['values']) : undefined;
    case 'invalid_union':
      return union(issue);
    case 'unrecognized_keys':
      return notAllowed;
    case 'invalid_key':
      return badName;
    default:
      return undefined;
  }
};

function tooSmallOrBig(issue: VendorIssue): Finding | undefined {
  const isSmall = issue['code'] === 'too_small';
  const side = isSmall ? 'atLeast' : 'atMost';
  const limit = isSmall ? issue['minimum'] : issue['maximum'];
  const lengthSide = issue['exact'] === true ? 'exactly' : side;
  switch (issue['origin']) {
    case 'string':
      return lengthBound(lengthSide, limit, 'text');
    case 'array':
    case 'set':
    case 'map':
      return lengthBound(lengthSide, limit, 'list');
    case 'file':
      return lengthBound(lengthSide, limit, 'file');
    case 'date':
      return bound(side, new Date(Number(limit)), issue['inclusive'] !== false);
    default:
      return bound(side, limit, issue['inclusive'] !== false);
  }
}

function union({ errors, options }: VendorIssue): Finding | undefined {
  if (Array.isArray(options)) return oneOf(options);
  if (!Array.isArray(errors)) return undefined;
  const branches = errors as readonly (readonly VendorIssue[])[];
  return anyOf(
    branches.map(([issue, ...more]) => {
      return issue === undefined || more.length > 0 || issue.path?.length !== 0 ? undefined : readZod(issue, undefined);
    }),
  );
}
