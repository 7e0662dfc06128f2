/** What an error means to a policy: worth another try, evidence against the service, or our own doing. */
import type { CallContext } from '../../call/call.js';
import { type ErrorType, errorFacts } from '../../errors/error-types.js';
import { ModelError } from '../../errors/model-error.js';
import type { RejectionReason } from '../../errors/rejections.js';

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

/** OpenAI's codes for a 429 (and those of who imitates it) that no waiting cures: the money is spent. */
const spentCodes: ReadonlySet<unknown> = new Set([
  'billing_hard_limit_reached',
  'billing_not_active',
  'enforced_spend_limit_reached',
  'insufficient_quota',
]);

const rejectionReasons: Readonly<Record<RejectionReason, true>> = {
  circuit_open: true,
  queue_full: true,
  queue_timeout: true,
  shed: true,
  draining: true,
  throttled: true,
};

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
  if (status !== undefined) return status >= 500 || (retryableStatuses.has(status) && !isSpent(error));
  if (isNetworkError(error)) return true;
  return !programmingErrors.has(name) && name !== 'AbortError' && !isAssertion(error);
}

/** Does the error count against the service that was called? A caller's fault, a bug and a rejection do not (D39). */
export function isServiceFailure(error: unknown): boolean {
  if (ModelError.isInstance(error)) {
    return errorFacts[error.errorType].breaker === 'counts' && !isRejection(error) && !isCallersDeadline(error);
  }
  if (typeof error !== 'object' || error === null) return true;
  const status = statusOf(error);
  if (status !== undefined) return status >= 500 || status === 408;
  if (isNetworkError(error)) return true;
  const { name } = error as { name?: unknown };
  return !programmingErrors.has(name) && name !== 'AbortError' && !isAssertion(error);
}

/** A caller in a hurry must not close a healthy service to everybody else (GW §1.1, `phase` `total`). */
function isCallersDeadline({ errorType, details }: ModelError): boolean {
  return errorType === 'inference_timeout' && details['phase'] === 'total';
}

/** Was the call refused by one of our own policies, without reaching the service? They all say why (`details.reason`). */
export function isRejection(error: unknown): error is ModelError {
  return rejectionOf(error) !== undefined;
}

/** Why the call was refused by one of our own policies, if it was. */
export function rejectionOf(error: unknown): RejectionReason | undefined {
  if (!ModelError.isInstance(error) || error.origin !== 'service') return undefined;
  const { reason } = error.details;
  return typeof reason === 'string' && Object.hasOwn(rejectionReasons, reason)
    ? (reason as RejectionReason)
    : undefined;
}

/**
 * What a caller's own filter says of an error; `undefined` where it throws. That is reported, and must not replace the
 * error that it was asked about (G5, G9).
 */
export function passes(
  filter: ((error: unknown, context: CallContext) => boolean) | undefined,
  error: unknown,
  context: CallContext,
): boolean | undefined {
  try {
    return filter?.(error, context) !== false;
  } catch (bug) {
    context.emit({ type: 'listener.failed', error: bug });
    return undefined;
  }
}

/** The wait that the error states, in milliseconds. */
export function statedWaitMs(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { retryAfterMs } = error as { retryAfterMs?: unknown };
  return typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined;
}

/** Is the money spent, or the quota until its period ends? No waiting that a call could do cures it (B13). */
export function isQuotaSpent(error: unknown): boolean {
  if (ModelError.isInstance(error)) return error.errorType === 'quota_exceeded';
  if (typeof error !== 'object' || error === null) return false;
  return statusOf(error) === 402 || isSpent(error);
}

/** Did the service turn the call away for load, 429 or 529, so that a wait it states holds for every caller? (B12) */
export function isPauseRequest(error: unknown): boolean {
  if (ModelError.isInstance(error) && errorFacts[error.errorType].breaker === 'pauses') return true;
  const status = upstreamStatus(error);
  return (status === 429 || status === 529) && !isQuotaSpent(error);
}

/** The type under which an error is reported. */
export function typeOf(error: unknown): ErrorType {
  if (ModelError.isInstance(error)) return error.errorType;
  return isServiceFailure(error) ? 'upstream_unavailable' : 'internal_error';
}

/** The HTTP status that the service answered with, where the error tells it. */
export function upstreamStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  // A ModelError's own status is the one that it gives to our caller.
  return statusOf(ModelError.isInstance(error) ? error.details : error);
}

function statusOf(error: object): number | undefined {
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  const stated = typeof status === 'number' ? status : statusCode;
  return typeof stated === 'number' && stated >= 100 && stated <= 599 ? stated : undefined;
}

/** How many causes are looked through: an SDK's error, fetch's, the connection's, and room for one more wrapper. */
const deepestCause = 4;

/** fetch hides the network's own code in the cause of a `TypeError: fetch failed`, and an SDK wraps that once more. */
function isNetworkError(error: object): boolean {
  let current: unknown = error;
  for (let depth = 0; depth < deepestCause && typeof current === 'object' && current !== null; depth += 1) {
    const { code, cause } = current as { code?: unknown; cause?: unknown };
    if (networkCodes.has(code)) return true;
    current = cause;
  }
  return false;
}

function isSpent(error: object): boolean {
  const { code, type, error: body } = error as { code?: unknown; type?: unknown; error?: unknown };
  if (spentCodes.has(code) || spentCodes.has(type)) return true;
  return typeof body === 'object' && body !== null && spentCodes.has((body as { code?: unknown }).code);
}

function isAssertion(error: object): boolean {
  return (error as { code?: unknown }).code === 'ERR_ASSERTION';
}
