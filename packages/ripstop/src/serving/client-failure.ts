/** What a service answered in place of a value, as the error that it means. */
import { createError } from '../errors/create-error.js';
import { errorTypes } from '../errors/error-table.js';
import type { ErrorType } from '../errors/error-types.js';
import { ValidationError } from '../errors/input-errors.js';
import type { ErrorEnvelope, ModelError, ModelErrorOptions } from '../errors/model-error.js';
import { classify } from '../models/classify/classify.js';

/** The error of a whole answer. The correlation id is the body's, else the header's. */
export async function failureOf(response: Response): Promise<ModelError> {
  const body = await response.text();
  const { status } = response;
  const headers = Object.fromEntries(response.headers);
  const error = ofEnvelope(parsed(body), status) ?? classify({ status, headers, body });
  error.correlationId ??= headers['x-correlation-id'];
  return error;
}

/** The error of a frame in a stream that has begun; `undefined` for a frame that is an item. */
export function failureInFrame(value: unknown): ModelError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ('error' in value && typeof value.error === 'object' && value.error !== null) {
    return classify({ body: JSON.stringify(value) });
  }
  return ofEnvelope(value);
}

/** Our own envelope says everything itself. */
function ofEnvelope(value: unknown, status?: number): ModelError | undefined {
  if (!isEnvelope(value)) return undefined;
  const { error: message, error_type, details, is_retryable: isRetryable, retry_after_ms, correlation_id } = value;
  const options: ModelErrorOptions = {
    message,
    details,
    isRetryable,
    ...(retry_after_ms === undefined ? {} : { retryAfterMs: retry_after_ms }),
    ...(correlation_id === null ? {} : { correlationId: correlation_id }),
    ...(status === undefined ? {} : { status }),
  };
  if (error_type === 'validation_error') return new ValidationError(value.fields ?? [], options);
  return createError(error_type, options);
}

function isEnvelope(value: unknown): value is ErrorEnvelope {
  if (typeof value !== 'object' || value === null) return false;
  const { error, error_type, details, is_retryable, correlation_id } = value as Partial<ErrorEnvelope>;
  return (
    typeof error === 'string' &&
    Object.hasOwn(errorTypes, error_type as ErrorType) &&
    typeof details === 'object' &&
    typeof is_retryable === 'boolean' &&
    (correlation_id === null || typeof correlation_id === 'string')
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's page, say: `classify` reads it as text.
    return undefined;
  }
}
