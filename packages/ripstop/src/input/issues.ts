/** What a schema found wrong, told to the caller: where it stands and one sentence, never the value. */
import { ValidationError } from '../errors/input-errors.js';
import type { ErrorEnvelope, FieldError } from '../errors/model-error.js';
import { readArktype } from './issues/arktype.js';
import { notAllowed, type Reader, required, type SchemaIssue, sentenceOf, type VendorIssue } from './issues/finding.js';
import { repeatsValue, repetitions } from './issues/repeats.js';
import { readValibot } from './issues/valibot.js';
import { readZod } from './issues/zod.js';
import { withoutHidden } from './hidden-scan.js';
import { sanitizeTextDefaults } from './sanitize-text.js';
import { truncate } from './truncate.js';

export type { SchemaIssue } from './issues/finding.js';

/**
 * The part of Standard Schema v1 (https://standardschema.dev) that is needed here, as types only. The schemas of zod,
 * valibot and arktype have it, so none of them is a dependency.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value: what it makes of it, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** What a value is once the schema has let it through. */
export type OutputOf<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** The part of the error envelope that says which fields are wrong. */
export type FormattedIssues = Required<
  Pick<ErrorEnvelope, 'error' | 'error_type' | 'field_errors' | 'fields' | 'is_retryable'>
>;

/** Issues beyond these are not told (D13). */
export const maxIssues = 50;

const maxMessageLength = 300;
const maxPathParts = 32;
const maxPartLength = 100;
const withoutValue = 'This field is not valid';

/**
 * The issues of any Standard Schema, as the caller may see them: of zod, valibot and arktype in sentences of our own, of
 * others, and where the schema's author wrote one, in theirs. At most 50, and no sentence repeats what was sent.
 *
 * @param input What was validated. Sentences that repeat anything of it are replaced.
 */
export function formatIssues(issues: readonly SchemaIssue[], input: unknown): FormattedIssues {
  const envelope = new ValidationError(fieldErrors(issues, input)).toJSON();
  const { error, error_type, field_errors = {}, fields = [], is_retryable } = envelope;
  return { error, error_type, field_errors, fields, is_retryable };
}

/** The first `maxIssues` issues as field errors: the list in `formatIssues`. */
export function fieldErrors(issues: readonly SchemaIssue[], input: unknown): readonly FieldError[] {
  const told = firstIssues(issues).map((issue) => tell(issue, input));
  const foreign = told.flatMap(({ sentence, isForeign }) => (isForeign ? [sentence] : []));
  const repeated = repetitions(foreign, input);
  return told.map(({ path, sentence }) => {
    const message = repeated.has(sentence) ? '' : shortened(sentence, maxMessageLength);
    return { path: path.map(presentable), message: message || withoutValue };
  });
}

interface Told {
  readonly path: readonly (string | number)[];
  /** As long as it is, and empty where it may not be told. */
  readonly sentence: string;
  /** Written by others, so it may say anything. */
  readonly isForeign: boolean;
}

function tell(issue: VendorIssue, input: unknown): Told {
  const path = pathOf(issue);
  const { value, isMissing } = lookUp(input, path);
  const finding = readerOf(issue)?.(issue, value);
  if (finding !== undefined) {
    const isAbsent = isMissing && finding !== notAllowed;
    return { path, sentence: sentenceOf(isAbsent ? required : finding), isForeign: false };
  }
  const sentence = withoutReceived(issue);
  return repeatsValue(sentence, value) ? { path, sentence: '', isForeign: false } : { path, sentence, isForeign: true };
}

/** The libraries tell themselves apart by the fields of their issues. */
function readerOf(issue: VendorIssue): Reader | undefined {
  if (typeof issue['problem'] === 'string') return readArktype;
  if (typeof issue['kind'] === 'string') return readValibot;
  return typeof issue['code'] === 'string' ? readZod : undefined;
}

/** The first issues, those that stand for several taken apart: zod's of unknown keys, arktype's of one value. */
function firstIssues(issues: readonly SchemaIssue[]): VendorIssue[] {
  const first: VendorIssue[] = [];
  for (const issue of issues as readonly VendorIssue[]) {
    for (const part of partsOf(issue)) {
      if (first.length === maxIssues) return first;
      first.push(part);
    }
  }
  return first;
}

function partsOf(issue: VendorIssue): readonly VendorIssue[] {
  const { code, keys, errors } = issue;
  if (code === 'intersection' && Array.isArray(errors)) return errors as readonly VendorIssue[];
  if (code !== 'unrecognized_keys' || !Array.isArray(keys)) return [issue];
  return keys.slice(0, maxIssues).map((key: string) => ({ ...issue, path: [...(issue.path ?? []), key] }));
}

function pathOf({ path = [] }: SchemaIssue): (string | number)[] {
  const parts: (string | number)[] = [];
  // Not `map`: arktype's path is an array of a class of its own, whose `map` of an empty one is not empty.
  for (const part of path) {
    if (parts.length === maxPathParts) break;
    const key = typeof part === 'object' ? part.key : part;
    parts.push(typeof key === 'symbol' ? (key.description ?? 'symbol') : key);
  }
  return parts;
}

interface Found {
  readonly value?: unknown;
  /** The object is there in which it should stand, and it does not. */
  readonly isMissing: boolean;
}

function lookUp(input: unknown, path: readonly (string | number)[]): Found {
  let value = input;
  for (const [index, part] of path.entries()) {
    const isThere = typeof value === 'object' && value !== null && Object.hasOwn(value, part);
    if (!isThere) return { isMissing: index === path.length - 1 && typeof value === 'object' && value !== null };
    value = (value as Readonly<Record<string | number, unknown>>)[part];
  }
  return { value, isMissing: value === undefined && path.length > 0 };
}

/** A path holds the caller's own keys, of any length and with anything in them. */
function presentable(part: string | number): string | number {
  return typeof part === 'string' ? shortened(part, maxPartLength) : part;
}

/** Valibot ends its sentences in `received`, arktype in `actual`: both are, or may be, the value. */
function withoutReceived(issue: VendorIssue): string {
  const { received, actual, problem } = issue;
  let message = typeof problem === 'string' && issue.message.endsWith(problem) ? problem : issue.message;
  if (typeof received === 'string' && received !== '') {
    message = message.replace(` but received ${received}`, '').replace(`: Received ${received}`, '');
  }
  if (typeof actual === 'string' && actual !== '') message = message.replace(` (was ${actual})`, '');
  return message.slice(0, lookedAt * maxMessageLength);
}

const anyLength = { ...sanitizeTextDefaults, maxLength: Number.POSITIVE_INFINITY };
/** What is taken out makes a text shorter, so more is looked at than is shown; never the whole of a hostile key. */
const lookedAt = 4;

function shortened(text: string, maxLength: number): string {
  return truncate(withoutHidden(text.slice(0, lookedAt * maxLength), anyLength), maxLength);
}
