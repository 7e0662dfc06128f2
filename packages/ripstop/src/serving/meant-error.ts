/** What an error means, whoever threw it: the one `ModelError` that is logged and answered. */
import { callReport } from '../call/call-report.js';
import { AuthenticationError, InvalidInputError, PermissionDeniedError } from '../errors/input-errors.js';
import { errorClass } from '../errors/logged-error.js';
import { ModelError } from '../errors/model-error.js';
import { hideSecrets } from '../errors/redact.js';
import { RateLimitError } from '../errors/rejections.js';
import { InternalError } from '../errors/upstream-errors.js';

/** What the caller is told of an unexpected error: nothing, or in development its message and class. */
export type ExposeDetails = 'never' | 'development';

/** What an error of somebody else's means; `undefined` where it means nothing to this translator. */
export type Translate = (error: unknown) => ModelError | undefined;

/** Reads an error's meaning; the same for the same error, so that every layer sees one and the same (D57). */
export function meaningReader(exposeDetails: ExposeDetails, translate: Translate | undefined) {
  const known = new WeakMap<object, ModelError>();

  return (error: unknown): ModelError => {
    if (attempted(() => ModelError.isInstance(error)) === true) return error as ModelError;
    const meant = (isObject(error) ? known.get(error) : undefined) ?? meaning(error);
    if (isObject(error)) known.set(error, meant);
    // What happened to the call that has just ended: an error may be thrown more than once.
    const report = attempted(() => callReport(error));
    if (report !== undefined && !Object.isFrozen(meant)) Object.assign(meant, report);
    return meant;
  };

  function meaning(error: unknown): ModelError {
    return (
      attempted(() => translate?.(error)) ??
      attempted(() => aggregated(error)) ??
      attempted(() => frameworkError(error)) ??
      unexpected(error, exposeDetails)
    );
  }
}

/**
 * Of several errors the one that is answered: what was caught when a stand-in failed too (`fallback` puts it into
 * `cause`), else the first of ours.
 */
function aggregated(error: unknown): ModelError | undefined {
  if (!(error instanceof AggregateError)) return undefined;
  const members: readonly unknown[] = [error.cause, ...(error.errors as readonly unknown[])];
  return members.find((member): member is ModelError => ModelError.isInstance(member));
}

/**
 * The input error that a framework threw, told from the many SDK errors that carry the 4xx of an upstream: http-errors
 * says `expose`, Hono's exceptions have `getResponse`, Fastify's codes begin with `FST_`.
 */
function frameworkError(error: unknown): ModelError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { status, statusCode, expose, getResponse, code } = error as Error & Record<string, unknown>;
  const stated = status ?? statusCode;
  if (typeof stated !== 'number' || !(stated >= 400 && stated < 500)) return undefined;
  const own = expose === true || typeof getResponse === 'function' || String(code).startsWith('FST_');
  if (!own) return undefined;
  const options = { status: stated, cause: error };
  if (stated === 401) return new AuthenticationError(undefined, options);
  if (stated === 403) return new PermissionDeniedError(undefined, options);
  if (stated === 429) return new RateLimitError(undefined, options);
  return new InvalidInputError(undefined, options);
}

function unexpected(cause: unknown, exposeDetails: ExposeDetails): InternalError {
  if (exposeDetails === 'never') return new InternalError(undefined, { cause });
  const text = attempted(() => (cause instanceof Error ? cause.message : String(cause)));
  const details = { original_error: hideSecrets(text ?? ''), error_class: errorClass(cause) };
  return new InternalError(undefined, { cause, details });
}

/** The value, or nothing where an odd error object or a translator throws while it is looked at. */
function attempted<T>(look: () => T | undefined): T | undefined {
  try {
    return look();
  } catch {
    // The error that was being looked at goes on, which says more than this one.
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
