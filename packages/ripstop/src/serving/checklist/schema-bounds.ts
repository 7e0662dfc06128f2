/** Which values of an input have no limit, as its JSON Schema tells. */
import type { JsonSchema } from '../json-schema.js';

interface Schema {
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly enum?: unknown;
  readonly const?: unknown;
  readonly format?: unknown;
  readonly pattern?: unknown;
}

/** A schema deeper than this is left alone below. */
const maxDepth = 16;

/** The paths of texts, lists and numbers that may be as large as the body allows: `messages.content`. */
export function unboundedIn(schema: JsonSchema, path: readonly string[] = []): string[] {
  if (path.length > maxDepth) return [];
  const { properties = {}, items, anyOf = [], oneOf = [], allOf = [], ...own } = schema as Schema;
  const fields = Object.entries(properties).flatMap(([name, field]) => unboundedIn(field, [...path, name]));
  const parts = [...(items === undefined ? [] : [items]), ...anyOf, ...oneOf].flatMap((part) =>
    unboundedIn(part, path),
  );
  // What one of them limits is limited for all.
  const joint = allOf.map((part) => unboundedIn(part, path));
  const jointly = joint.length > 0 && joint.every((found) => found.length > 0) ? (joint[0] ?? []) : [];
  return [...new Set([...(isUnbounded(own) ? [path.join('.') || 'the input'] : []), ...fields, ...parts, ...jointly])];
}

function isUnbounded(schema: Schema): boolean {
  const { type, maxLength, maxItems, format, pattern } = schema;
  if (schema.enum !== undefined || schema.const !== undefined) return false;
  switch (type) {
    case 'string':
      return maxLength === undefined && format === undefined && pattern === undefined;
    case 'array':
      return maxItems === undefined;
    case 'number':
    case 'integer':
      return !isBounded(schema);
    default:
      return false;
  }
}

/** The limits that a schema library gives every whole number are none. */
function isBounded({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Schema): boolean {
  const low = minimum ?? exclusiveMinimum ?? Number.NEGATIVE_INFINITY;
  const high = maximum ?? exclusiveMaximum ?? Number.POSITIVE_INFINITY;
  return low > Number.MIN_SAFE_INTEGER && high < Number.MAX_SAFE_INTEGER;
}
