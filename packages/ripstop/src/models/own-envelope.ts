/** Our own envelopes, read back: an error that a Ripstop service sent is the same error on this side. */
import { createError } from '../errors/create-error.js';
import { type ErrorType, errorFacts, type Origin } from '../errors/error-types.js';
import { ValidationError } from '../errors/input-errors.js';
import type { AttemptReport, FieldError, ModelError, ModelErrorOptions } from '../errors/model-error.js';
import { isCorrelationId } from '../call/correlation-id.js';
import { isObject, type JsonObject, member } from './classify/json.js';

const origins: readonly Origin[] = ['client', 'service', 'upstream'];
const longestMessage = 2_000;
const maxFields = 50;
const maxAttempts = 32;

/**
 * The error in a body or frame of a Ripstop service: native, problem+json, or in OpenAI's dialect. `undefined` for
 * anything else. `status` is the answer's, where there is one.
 */
export function readEnvelope(body: unknown, status?: number): ModelError | undefined {
  const inner = member(body, 'error');
  const envelope = isObject(inner) ? inner : body;
  if (!isEnvelope(envelope)) return undefined;
  const message = envelope['message'] ?? envelope['error'] ?? envelope['detail'];
  const type = envelope['error_type'] as ErrorType;
  const options: ModelErrorOptions = {
    ...(typeof message === 'string' ? { message: message.slice(0, longestMessage) } : {}),
    details: isObject(envelope['details']) ? envelope['details'] : {},
    isRetryable: envelope['is_retryable'] === true,
    ...known(envelope, type, status),
  };
  const error =
    type === 'validation_error' ? new ValidationError(fieldsOf(envelope), options) : createError(type, options);
  const made = new Date(String(envelope['timestamp']));
  if (!Number.isNaN(made.getTime())) Object.assign(error, { timestamp: made });
  const attempts = attemptsOf(envelope);
  return attempts.length === 0 ? error : Object.assign(error, { attempts });
}

/** Others say `error_type` too, but not what may be repeated. */
function isEnvelope(value: unknown): value is JsonObject {
  return isObject(value) && isErrorType(value['error_type']) && typeof value['is_retryable'] === 'boolean';
}

function isErrorType(value: unknown): value is ErrorType {
  return typeof value === 'string' && Object.hasOwn(errorFacts, value);
}

function known(envelope: JsonObject, type: ErrorType, status: number | undefined): ModelErrorOptions {
  const { retry_after_ms: wait, correlation_id: id, origin: stated } = envelope;
  const origin = origins.find((one) => one === stated) ?? impliedOrigin(type, status);
  return {
    ...(typeof wait === 'number' ? { retryAfterMs: wait } : {}),
    ...(isCorrelationId(id) ? { correlationId: id } : {}),
    ...(origin === undefined ? {} : { origin }),
    ...(status !== undefined && status >= 400 ? { status } : {}),
  };
}

/** The native envelope has no origin: a credential that was refused with a 5xx was not the caller's. */
function impliedOrigin(type: ErrorType, status: number | undefined): Origin | undefined {
  return errorFacts[type].ours !== undefined && status !== undefined && status >= 500 ? 'upstream' : undefined;
}

function fieldsOf({ fields }: JsonObject): readonly FieldError[] {
  if (!Array.isArray(fields)) return [];
  return fields.slice(0, maxFields).flatMap((field: unknown) => {
    const [path, message] = [member(field, 'path'), member(field, 'message')];
    const isPath = Array.isArray(path) && path.every((part) => typeof part === 'string' || typeof part === 'number');
    return isPath && typeof message === 'string' ? [{ path, message }] : [];
  });
}

function attemptsOf({ attempts }: JsonObject): readonly AttemptReport[] {
  if (!Array.isArray(attempts)) return [];
  return attempts.slice(0, maxAttempts).flatMap((attempt: unknown) => {
    const [errorType, ms] = [member(attempt, 'error_type'), member(attempt, 'ms')];
    if (!isErrorType(errorType) || typeof ms !== 'number') return [];
    const [model, status, phase] = [member(attempt, 'model'), member(attempt, 'status'), member(attempt, 'phase')];
    return [
      {
        ...(typeof model === 'string' ? { model } : {}),
        errorType,
        ...(typeof status === 'number' ? { status } : {}),
        ...(typeof phase === 'string' ? { phase } : {}),
        ms,
      },
    ];
  });
}
