/** What an error means to a policy: worth another try, evidence against the service, or our own doing. */
import { type ErrorType, errorTypes } from '../../errors/error-types.js';
import { ModelError } from '../../errors/model-error.js';

/** Node's and undici's codes for a connection that was refused, lost or never made. */
const networkCodes: ReadonlySet<unknown> = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** Errors that say that a program is wrong. Trying again changes nothing, and no service is to blame. */
const programmingErrors: ReadonlySet<unknown> = new Set([
  'AssertionError',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
]);

const retryableStatuses: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/**
 * May the call be tried again? Our own errors and those of SDKs that know (`isRetryable`) say so themselves; for the
 * rest, programming errors, refused requests and aborts are final, and anything unknown is taken as transient (RT8).
 */
export function isRetryable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return true;
  const { isRetryable: stated, name } = error as { isRetryable?: unknown; name?: unknown };
  if (typeof stated === 'boolean') return stated;
  const status = statusOf(error);
  if (status !== undefined) return status >= 500 || retryableStatuses.has(status);
  if (isNetworkError(error)) return true;
  return !programmingErrors.has(name) && name !== 'AbortError' && !isAssertion(error);
}

/** Does the error count against the service that was called? A caller's fault, a bug and a rejection do not (D39). */
export function isServiceFailure(error: unknown): boolean {
  if (ModelError.isInstance(error)) return errorTypes[error.errorType].breaker === 'counts' && !isRejection(error);
  if (typeof error !== 'object' || error === null) return true;
  const status = statusOf(error);
  if (status !== undefined) return status >= 500 || status === 408;
  if (isNetworkError(error)) return true;
  const { name } = error as { name?: unknown };
  return !programmingErrors.has(name) && name !== 'AbortError' && !isAssertion(error);
}

/** Was the call refused by one of our own policies, without reaching the service? They all say why (`details.reason`). */
export function isRejection(error: unknown): error is ModelError {
  return ModelError.isInstance(error) && error.origin === 'service' && typeof error.details['reason'] === 'string';
}

/** The wait that the error states, in milliseconds. */
export function statedWaitMs(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { retryAfterMs } = error as { retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined;
}

/** The type under which an error is reported. */
export function typeOf(error: unknown): ErrorType {
  if (ModelError.isInstance(error)) return error.errorType;
  return isServiceFailure(error) ? 'upstream_unavailable' : 'internal_error';
}

export function statusOf(error: object): number | undefined {
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  const stated = typeof status === 'number' ? status : statusCode;
  return typeof stated === 'number' && stated >= 100 && stated <= 599 ? stated : undefined;
}

/** fetch hides the network's own code in the cause of a `TypeError: fetch failed`. */
function isNetworkError(error: object): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (networkCodes.has(code)) return true;
  return typeof cause === 'object' && cause !== null && networkCodes.has((cause as { code?: unknown }).code);
}

function isAssertion(error: object): boolean {
  return (error as { code?: unknown }).code === 'ERR_ASSERTION';
}
