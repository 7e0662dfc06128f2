/** The table of error types as OpenAPI responses: one per status, naming the types that it stands for. */
import { errorTypes } from '../errors/error-table.js';
import type { StatusProfile } from '../errors/error-types.js';
import type { Cord } from './cord.js';
import type { JsonSchema } from './json-schema.js';
import type { Dialect } from './problem.js';

/** Nobody is there to be told of the one, and the other is only ever a frame in a stream. */
const neverAnswered: ReadonlySet<string> = new Set(['cancelled', 'stream_interrupted']);

/** What a body can be refused with under the `http` profile, beside 400. */
const bodyStatuses: Readonly<Record<number, string>> = {
  408: 'The request body did not arrive in time',
  413: 'The request body is too large',
  415: 'The request body is of a wrong type',
};

const prefixes: Readonly<Record<Dialect, string>> = { native: 'Error', openai: 'OpenAiError' };

/** What `errorResponses` refers to. */
export function errorComponents(profile: StatusProfile): {
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  readonly responses: Readonly<Record<string, JsonSchema>>;
} {
  const responses: Record<string, JsonSchema> = {};
  for (const dialect of ['native', 'openai'] as const) {
    for (const [status, description] of statuses(profile)) {
      responses[`${prefixes[dialect]}${status}`] = response(status, description, dialect);
    }
  }
  return { schemas: { ErrorType: errorType, Error: nativeError, OpenAiError: openAiError }, responses };
}

/** References to the responses that a cord may give, by status. */
export function errorResponses(profile: StatusProfile, { dialect, method }: Cord): Record<string, JsonSchema> {
  const told = [...statuses(profile).keys()].filter((status) => !(method === 'GET' && status in bodyStatuses));
  return Object.fromEntries(
    told.map((status) => [String(status), { $ref: `#/components/responses/${prefixes[dialect]}${status}` }]),
  );
}

function statuses(profile: StatusProfile): Map<number, string> {
  const found = new Map<number, string>(
    profile === 'http' ? Object.entries(bodyStatuses).map(([status, text]) => [Number(status), text]) : [],
  );
  for (const [type, facts] of Object.entries(errorTypes)) {
    if (neverAnswered.has(type)) continue;
    for (const status of [facts[profile], ...(facts.ours === undefined ? [] : [facts.ours[profile]])]) {
      const line = `\`${type}\`: ${facts.sentence}`;
      const known = found.get(status);
      if (known?.includes(line) !== true) found.set(status, known === undefined ? line : `${known}\n\n${line}`);
    }
  }
  return new Map([...found].sort(([one], [other]) => one - other));
}

function response(status: number, description: string, dialect: Dialect): JsonSchema {
  const schema = { $ref: `#/components/schemas/${dialect === 'native' ? 'Error' : 'OpenAiError'}` };
  const waits = status === 429 || status === 503;
  return {
    description,
    headers: {
      'X-Correlation-ID': { schema: { type: 'string' } },
      ...(waits ? { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } } : {}),
    },
    content: {
      'application/json': { schema },
      ...(dialect === 'native' ? { 'application/problem+json': { schema } } : {}),
    },
  };
}

const errorType: JsonSchema = { type: 'string', enum: Object.keys(errorTypes) };

const typeReference = { $ref: '#/components/schemas/ErrorType' };

const nativeError: JsonSchema = {
  type: 'object',
  description: 'What every error is answered with.',
  required: ['error', 'error_type', 'details', 'is_retryable', 'timestamp', 'correlation_id'],
  properties: {
    error: { type: 'string', description: 'One sentence for people.' },
    error_type: typeReference,
    details: { type: 'object', additionalProperties: true },
    is_retryable: { type: 'boolean' },
    timestamp: { type: 'string', format: 'date-time' },
    correlation_id: { type: ['string', 'null'], description: 'What to quote in a question.' },
    retry_after_ms: { type: 'number' },
    field_errors: { type: 'object', additionalProperties: { type: 'array', items: { type: 'string' } } },
    fields: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: {
          path: { type: 'array', items: { type: ['string', 'integer'] } },
          message: { type: 'string' },
        },
      },
    },
  },
};

const openAiError: JsonSchema = {
  type: 'object',
  description: "What every error is answered with, in OpenAI's form.",
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'code', 'param'],
      properties: {
        message: { type: 'string' },
        type: typeReference,
        code: typeReference,
        param: { type: ['string', 'null'] },
        is_retryable: { type: 'boolean' },
        retry_after_ms: { type: 'number' },
        correlation_id: { type: ['string', 'null'] },
        details: { type: 'object', additionalProperties: true },
      },
      additionalProperties: true,
    },
  },
};
