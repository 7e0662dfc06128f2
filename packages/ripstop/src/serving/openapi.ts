/** The cords of a chute as an OpenAPI 3.1 document: https://spec.openapis.org/oas/v3.1.1. */
import type { StatusProfile } from '../errors/error-types.js';
import type { Cord } from './cord.js';
import { type JsonSchema, jsonSchemaOf, type SchemaSide, type ToJsonSchema } from './json-schema.js';
import { errorComponents, errorResponses } from './openapi-errors.js';
import { SchemaComponents } from './schema-components.js';

/** What a chute's OpenAPI document says beyond what its cords do. */
export interface OpenApiOptions {
  /** Default: the chute's name. */
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  /** Where the service is reached. Default: where the document came from. */
  readonly servers?: readonly { readonly url: string; readonly description?: string }[] | undefined;
  /** For schemas that cannot describe themselves: `(schema) => toJsonSchema(schema)` of `@valibot/to-json-schema`. */
  readonly toJsonSchema?: ToJsonSchema | undefined;
}

export interface Described extends OpenApiOptions {
  readonly name: string;
  readonly version: string;
  readonly profile: StatusProfile;
  readonly cords: readonly Cord[];
}

/** Every cord is an operation, named as the cord is; what each error type is answered with comes from the one table. */
export function openApiDocument(described: Described): JsonSchema {
  const { name, version, title = name, description, servers, profile, cords } = described;
  const { schemas, responses } = errorComponents(profile);
  const components = new SchemaComponents(schemas);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const cord of cords) {
    const path = cord.route.replace(/:([A-Za-z_]\w*)/g, '{$1}');
    (paths[path] ??= {})[cord.method.toLowerCase()] = operation(cord, described, components);
  }
  return {
    openapi: '3.1.1',
    info: { title, version, ...(description === undefined ? {} : { description }) },
    ...(servers === undefined ? {} : { servers }),
    paths,
    components: { schemas: components.schemas, responses },
  };
}

function operation(cord: Cord, described: Described, components: SchemaComponents): JsonSchema {
  const input = schemaOf(cord, 'input', described.toJsonSchema);
  const output = schemaOf(cord, 'output', described.toJsonSchema);
  const taken = input === undefined ? undefined : components.take(input, `${cord.name}.input`);
  const parameters = [...pathParameters(cord.route), ...(cord.method === 'GET' ? queryParameters(taken) : [])];
  const body = { required: cord.input !== undefined, content: { 'application/json': { schema: taken ?? {} } } };
  return {
    operationId: cord.name,
    ...(cord.summary === undefined ? {} : { summary: cord.summary }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(cord.method === 'GET' || (cord.method === 'DELETE' && taken === undefined) ? {} : { requestBody: body }),
    responses: {
      200: success(cord, output === undefined ? {} : components.take(output, `${cord.name}.output`)),
      ...errorResponses(described.profile, cord),
    },
  };
}

function success({ stream }: Cord, schema: JsonSchema): JsonSchema {
  const media = stream === 'ndjson' ? 'application/x-ndjson' : 'text/event-stream';
  return {
    description: 'Success',
    headers: { 'X-Correlation-ID': { schema: { type: 'string' } } },
    content: {
      'application/json': { schema: stream === undefined ? schema : {} },
      // OpenAPI has no word for the items of a stream before 3.2, where it is `itemSchema`.
      ...(stream === undefined ? {} : { [media]: { schema: { type: 'string' }, 'x-item-schema': schema } }),
    },
  };
}

function schemaOf(cord: Cord, side: SchemaSide, convert: ToJsonSchema | undefined): JsonSchema | undefined {
  const stated = cord.jsonSchema[side];
  if (stated !== undefined) return stated;
  const schema = cord[side];
  return schema === undefined ? undefined : jsonSchemaOf(schema, side, convert);
}

function pathParameters(route: string): JsonSchema[] {
  return [...route.matchAll(/:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}/g)].map(([, colon, braces]) => {
    return { name: colon ?? braces, in: 'path', required: true, schema: { type: 'string' } };
  });
}

/** The members of an object; a name that comes more than once in the query is a list. */
function queryParameters(input: JsonSchema = {}): JsonSchema[] {
  const { properties = {}, required = [] } = input as { properties?: Record<string, unknown>; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => {
    return { name, in: 'query', required: required.includes(name), schema };
  });
}
