/** From a request to the one validated input object of its cord (D121). */
import type { Clock } from '../call/runtime.js';
import { InvalidInputError, ValidationError } from '../errors/input-errors.js';
import { fieldErrors, maxIssues, type SchemaResult } from '../input/issues.js';
import { assertJsonValue, type JsonLimits } from '../input/json-limits.js';
import { parseJson } from '../input/json-text.js';
import { readLimited } from './body-limits.js';
import type { Cord } from './cord.js';
import type { BodyReader, ExchangeRequest, RequestHeaders } from './exchange.js';

/**
 * Has the body read, for cords that have one, and its reader told. Not for the others: what they are sent stands in the
 * query.
 *
 * @throws InvalidInputError 415 for a body that nobody here can read.
 */
export function readBody(request: ExchangeRequest, cord: Cord, clock: Clock, reader: BodyReader): 'coming' | 'none' {
  if (cord.method === 'GET') return 'none';
  assertJson(request.headers);
  readLimited(request, cord.limits, clock, reader);
  return 'coming';
}

/**
 * What the cord's schema makes of what was sent: at once, unless the schema takes its time.
 *
 * @throws InvalidInputError 400 or 413 for what cannot be read.
 * @throws ValidationError for what can, and does not fit.
 */
export function readInput(request: ExchangeRequest, cord: Cord, bytes: Uint8Array | undefined): unknown {
  const { input: schema } = cord;
  const raw = bytes === undefined ? readQuery(request.query, cord) : parsedBody(bytes, cord);
  if (schema === undefined) return raw;
  const result = schema['~standard'].validate(raw);
  return result instanceof Promise ? result.then((late) => fitting(late, raw)) : fitting(result, raw);
}

function fitting(result: SchemaResult<unknown>, raw: unknown): unknown {
  if (result.issues === undefined) return result.value;
  const count = result.issues.length;
  throw new ValidationError(fieldErrors(result.issues, raw), count > maxIssues ? { details: { issues: count } } : {});
}

function parsedBody(bytes: Uint8Array, cord: Cord): unknown {
  if (!isBlank(bytes)) return parseJson(bytes, jsonLimits(cord));
  if (cord.input !== undefined) throw new InvalidInputError('The request body is empty; send a JSON object');
  return undefined;
}

function jsonLimits({ limits: { maxJsonDepth, maxJsonFields } }: Cord): JsonLimits {
  return { maxDepth: maxJsonDepth, maxFields: maxJsonFields };
}

function assertJson({ 'content-type': type, 'content-encoding': encoding }: RequestHeaders): void {
  if (encoding !== undefined && encoding !== '' && encoding.toLowerCase() !== 'identity') {
    throw new InvalidInputError('The request body must not be compressed', { status: 415 });
  }
  if (type === undefined || type === '' || /^\s*(?:application|text)\/(?:[\w.!#$&^-]+\+)?json\s*(?:;|$)/i.test(type)) {
    return;
  }
  throw new InvalidInputError('The request body must be JSON; send content-type: application/json', { status: 415 });
}

/** A name that comes more than once becomes a list. */
function readQuery(query: string, cord: Cord): unknown {
  const values = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of new URLSearchParams(query)) {
    const earlier = values[name];
    if (earlier === undefined) values[name] = value;
    else if (Array.isArray(earlier)) earlier.push(value);
    else values[name] = [earlier, value];
  }
  assertJsonValue(values, jsonLimits(cord));
  return values;
}

const blankBytes: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => blankBytes.has(byte));
}
