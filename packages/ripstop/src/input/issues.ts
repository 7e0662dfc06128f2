/** What a schema found wrong, told to the caller: where it stands and one sentence, never the value. */
import type { FieldError } from '../errors/model-error.js';

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

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a value is once the schema has let it through. */
export type OutputOf<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** Issues beyond these are counted and not told (D13). */
export const maxIssues = 50;

const maxMessageLength = 300;
const maxPathParts = 32;
const maxPartLength = 100;
/** Any value that is shorter appears in honest messages by chance. */
const shortestEcho = 4;
const withoutValue = 'This field is not valid';

/** The first `maxIssues` issues as field errors. `input` is what was validated: what stands in it is kept out (D13). */
export function fieldErrors(issues: readonly SchemaIssue[], input: unknown): readonly FieldError[] {
  return issues.slice(0, maxIssues).map((issue) => {
    const path = pathOf(issue);
    return { path: path.map(shortened), message: safeMessage(issue, valueAt(input, path)) };
  });
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

/** A path holds the caller's own keys, of any length. */
function shortened(part: string | number): string | number {
  return typeof part === 'string' && part.length > maxPartLength ? `${part.slice(0, maxPartLength)}…` : part;
}

function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[part];
  }
  return value;
}

function safeMessage(issue: SchemaIssue, value: unknown): string {
  const message = withoutReceived(issue).slice(0, maxMessageLength);
  return echoes(message, value) ? withoutValue : message;
}

/** Valibot ends its messages in `received`, arktype in `actual`: both are, or may be, the value. */
function withoutReceived(issue: SchemaIssue): string {
  const { received, actual } = issue as SchemaIssue & { readonly received?: unknown; readonly actual?: unknown };
  let { message } = issue;
  if (typeof received === 'string' && received !== '') {
    message = message.replace(` but received ${received}`, '').replace(`: Received ${received}`, '');
  }
  if (typeof actual === 'string' && actual !== '') message = message.replace(` (was ${actual})`, '');
  return message;
}

function echoes(message: string, value: unknown): boolean {
  if (typeof value === 'object' && value !== null)
    return Object.values(value).some((part) => echoesText(message, part));
  return echoesText(message, value);
}

function echoesText(message: string, value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'number') return false;
  const text = String(value);
  return text.length >= shortestEcho && message.includes(text.slice(0, maxMessageLength / 2));
}
