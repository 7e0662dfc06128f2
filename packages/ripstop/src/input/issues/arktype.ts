/** Issues of arktype 2, by their `code`: https://arktype.io/docs/traversal-api */
import {
  anyOf,
  badFormat,
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
import { brokenJsonField } from './json-field.js';

/** What the built-in types expect, in arktype's words. */
const expectations: Readonly<Record<string, Finding>> = {
  'a string': nouns.text,
  'a number': nouns.number,
  'an integer': nouns.integer,
  'a bigint': nouns.integer,
  boolean: nouns.boolean,
  'an array': nouns.list,
  'an object': nouns.object,
  'a Date': nouns.date,
  'a File instance': nouns.file,
  'an email address': nouns.email,
  'a URL string': nouns.url,
  'a UUID': nouns.uuid,
  'a parsable date': nouns.date,
  'an ISO 8601 (YYYY-MM-DDTHH:mm:ss.sssZ) date': nouns.date,
  removed: notAllowed,
};

export const readArktype: Reader = (issue, value) => {
  if (!isOwnSentence(issue)) return undefined;
  const { code, actual, expected, rule } = issue;
  if (code === 'required' || actual === 'undefined') return required;
  if (expected === 'a JSON string') return brokenJsonField(value);
  const known = ofWords(expected);
  if (known !== undefined) return known;
  switch (code) {
    case 'unit':
      return oneOf([issue['unit']]);
    case 'union':
      return union(issue);
    case 'pattern':
      return expected === `matched by ${textOf(rule)}` ? badFormat : undefined;
    case 'divisor':
      return multipleOf(rule);
    default:
      return described(issue) ? undefined : ofLimit(issue);
  }
};

/** Of `a number`, and of `a number or a string`, `"x", "y" or 7`. */
function ofWords(expected: unknown): Finding | undefined {
  if (typeof expected !== 'string') return undefined;
  const parts = expected.split(/, | or /).map((part): Finding | undefined => {
    return (
      entryOf(expectations, part) ??
      (/^(?:"[^"]*"|-?\d+(?:\.\d+)?|true|false|null)$/.test(part) ? { options: [part] } : undefined)
    );
  });
  if (parts.includes(undefined)) return undefined;
  return parts.length === 1 ? parts[0] : anyOf(parts);
}

/** The sentence that arktype makes itself, of a path and what was expected. */
function isOwnSentence({ message, problem, code }: VendorIssue): boolean {
  if (typeof problem !== 'string' || !message.endsWith(problem)) return false;
  return code === 'union' || problem.startsWith('must be ');
}

/** The schema's author has said in words what is wanted. */
function described({ meta }: VendorIssue): boolean {
  return typeof meta === 'object' && meta !== null && ('description' in meta || 'expected' in meta);
}

function union(issue: VendorIssue): Finding | undefined {
  if (!Array.isArray(issue['errors'])) return undefined;
  if (issue['expected'] === 'never') return notAllowed;
  const branches = issue['errors'] as readonly VendorIssue[];
  const here = issue.path?.length ?? 0;
  return anyOf(
    branches.map((branch) => ((branch.path?.length ?? 0) === here ? readArktype(branch, undefined) : undefined)),
  );
}

function ofLimit(issue: VendorIssue): Finding | undefined {
  const { rule, code, exclusive, data } = issue;
  const of = typeof data === 'string' ? 'text' : 'list';
  switch (code) {
    case 'min':
    case 'after':
      return bound('atLeast', rule, exclusive !== true);
    case 'max':
    case 'before':
      return bound('atMost', rule, exclusive !== true);
    case 'minLength':
      return lengthBound('atLeast', rule, of);
    case 'maxLength':
      return lengthBound('atMost', rule, of);
    case 'exactLength':
      return lengthBound('exactly', rule, of);
    default:
      return undefined;
  }
}
