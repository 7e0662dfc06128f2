/** Issues of valibot 1, by their `type`: https://valibot.dev/guides/issues/ */
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
  type Reader,
  required,
  textOf,
  type VendorIssue,
} from './finding.js';
import { brokenJsonField } from './json-field.js';

const types: Readonly<Record<string, Finding>> = {
  string: nouns.text,
  number: nouns.number,
  bigint: nouns.integer,
  boolean: nouns.boolean,
  Array: nouns.list,
  Set: nouns.list,
  Object: nouns.object,
  Map: nouns.object,
  Date: nouns.date,
  File: nouns.file,
  Blob: nouns.file,
  null: nouns.nothing,
  never: notAllowed,
};

const checks: Readonly<Record<string, Finding>> = {
  integer: nouns.integer,
  safe_integer: nouns.integer,
  finite: nouns.number,
  to_number: nouns.number,
  to_bigint: nouns.integer,
  to_boolean: nouns.boolean,
  to_date: nouns.date,
  email: nouns.email,
  rfc_email: nouns.email,
  url: nouns.url,
  uuid: nouns.uuid,
  iso_date: nouns.date,
  iso_date_time: nouns.dateTime,
  iso_date_time_second: nouns.dateTime,
  iso_timestamp: nouns.dateTime,
  iso_time: nouns.time,
  iso_time_second: nouns.time,
  regex: badFormat,
};

export const readValibot: Reader = (issue, value) => {
  if (!isOwnSentence(issue)) return undefined;
  const type = textOf(issue['type']);
  if (issue['kind'] === 'schema') return ofSchema(issue, type);
  if (namesTheKey(issue)) return badName;
  return type === 'parse_json' ? brokenJsonField(value) : (entryOf(checks, type) ?? ofLimit(issue, type));
};

/** The default English sentence. Anything else was written by the schema's author, or is of another language. */
function isOwnSentence({ message, expected, received }: VendorIssue): boolean {
  const end = `eceived ${textOf(received)}`;
  const start = typeof expected === 'string' ? `: Expected ${expected} but r` : ': R';
  return message.startsWith('Invalid ') && message.endsWith(start + end);
}

function namesTheKey({ path }: VendorIssue): boolean {
  return (path?.at(-1) as { readonly origin?: unknown } | undefined)?.origin === 'key';
}

function ofSchema(issue: VendorIssue, type: string): Finding | undefined {
  const expected = textOf(issue['expected']);
  if (expected === 'never') return notAllowed;
  if (issue['received'] === 'undefined') return required;
  if (namesTheKey(issue)) return badName;
  if (type === 'union') return union(issue);
  return entryOf(types, expected) ?? choice(expected);
}

function union({ issues }: VendorIssue): Finding | undefined {
  if (!Array.isArray(issues)) return undefined;
  const branches = issues as readonly VendorIssue[];
  return anyOf(branches.map((issue) => (issue.path === undefined ? readValibot(issue, undefined) : undefined)));
}

/** Valibot writes `("a" | "b")`, or one value without brackets. */
function choice(expected: string): Finding | undefined {
  if (!/^(?:\(.*\)|".*"|-?\d.*|true|false)$/s.test(expected)) return undefined;
  return { options: expected.replace(/^\((.*)\)$/s, '$1').split(' | ') };
}

function ofLimit(issue: VendorIssue, type: string): Finding | undefined {
  const { requirement, input } = issue;
  const of = typeof input === 'string' ? 'text' : input instanceof Blob ? 'file' : 'list';
  switch (type) {
    case 'min_value':
    case 'gt_value':
      return bound('atLeast', requirement, type === 'min_value');
    case 'max_value':
    case 'lt_value':
      return bound('atMost', requirement, type === 'max_value');
    case 'multiple_of':
      return multipleOf(requirement);
    case 'non_empty':
      return lengthBound('atLeast', 1, of);
    default:
      return ofLength(type, requirement, of);
  }
}

function ofLength(type: string, requirement: unknown, of: 'text' | 'list' | 'file'): Finding | undefined {
  const [, limit, unit] = /^(?:(min|max)_)?(length|graphemes|size|bytes)$/.exec(type) ?? [];
  if (unit === undefined) return undefined;
  const side = limit === undefined ? 'exactly' : limit === 'min' ? 'atLeast' : 'atMost';
  return lengthBound(side, requirement, unit === 'bytes' ? 'file' : of);
}
