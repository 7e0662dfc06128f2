/** Schemas that can describe themselves as JSON Schema, so that a chute can describe its cords. */
import type { StandardSchema } from '../input/issues.js';

/** A JSON Schema (draft 2020-12), as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Which side of a schema is meant: what it takes, or what it makes of it. */
export type SchemaSide = 'input' | 'output';

/** A converter for schemas that cannot describe themselves, valibot's for example. `undefined`: not one of those. */
export type ToJsonSchema = (schema: StandardSchema, side: SchemaSide) => JsonSchema | undefined;

/**
 * The schema as JSON Schema: what `convert` makes of it, else what it says of itself (Standard JSON Schema,
 * https://standardschema.dev/json-schema, which zod since 4.2 and arktype since 2.1.28 have); `undefined` where neither
 * knows. A part that JSON Schema cannot express (a date, a function) is open to any value.
 */
export function jsonSchemaOf(schema: StandardSchema, side: SchemaSide, convert?: ToJsonSchema): JsonSchema | undefined {
  const converted = convert?.(schema, side);
  if (converted !== undefined) return converted;
  const describe = (schema['~standard'] as SelfDescribing).jsonSchema?.[side];
  if (describe === undefined) return undefined;
  try {
    // `unrepresentable` is zod's option; the others know how to leave out what they cannot express.
    return describe({ target: 'draft-2020-12', libraryOptions: { unrepresentable: 'any' } });
  } catch {
    // The specification lets a converter throw for what it cannot express. A cord without a description still works.
    return undefined;
  }
}

interface SelfDescribing {
  readonly jsonSchema?: Readonly<Record<SchemaSide, (options: object) => JsonSchema>>;
}
