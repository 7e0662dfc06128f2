import { callReport } from '../call/call-report.js';
import { newCorrelationId } from '../call/correlation-id.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import type { StatusProfile } from '../errors/error-types.js';
import { AuthenticationError, InvalidInputError, PermissionDeniedError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { RateLimitError } from '../errors/rejections.js';
import { InternalError } from '../errors/upstream-errors.js';
import type { ExchangeResponse, ResponseHeaders } from './exchange.js';
import { consoleLogger, type Logger, type LogLevel } from './logger.js';
import { type ErrorFormat, errorResponse, lastResort } from './problem.js';

/** Options of `createErrorHandler()`. */
export interface ErrorHandlerOptions {
  /** Default: warnings and errors on the console. */
  readonly logger?: Logger;
  /** Default: `http`. */
  readonly profile?: StatusProfile;
  /**
   * `development` tells the caller the message and class of an unexpected error in `details`. Default: `never`.
   * Refused when `NODE_ENV` is `production` (D49).
   */
  readonly exposeDetails?: 'never' | 'development';
  /** What an error of somebody else's means, asked before the rules of `handle`. Default: nothing. */
  readonly translate?: (error: unknown) => ModelError | undefined;
  /** Called once per error and request, after the log line. */
  readonly onError?: (error: ModelError, scope: ErrorScope) => void;
}

/** Where an error came up. For the log and for the answer; nothing of it is remembered. */
export interface ErrorScope {
  /** Default: the error's own, else a new one. */
  readonly correlationId?: string | undefined;
  /** What was being done (R73). Default: the route, else `unknown`. */
  readonly operation?: string | undefined;
  readonly method?: string | undefined;
  /** The pattern of the route, never the path with the caller's values in it. */
  readonly route?: string | undefined;
  /** Since the request came in. */
  readonly ms?: number | undefined;
  readonly format?: ErrorFormat | undefined;
  /** Headers of the answer beside those of the error. */
  readonly headers?: ResponseHeaders | undefined;
}

/** The one place where errors become log lines and answers. */
export interface ErrorHandler {
  /**
   * The `ModelError` that `error` means, with the correlation id, logged once however many layers hand it in.
   *
   * A `ModelError` stays itself. A framework's 4xx becomes the input error of that status. Everything else becomes an
   * `InternalError` with `error` as its cause, and none of its text is shown. Never throws.
   */
  handle(error: unknown, scope?: ErrorScope): ModelError;
  /** `handle`, then the answer. Never throws: if rendering fails too, a fixed 500 (D66). */
  respond(error: unknown, scope?: ErrorScope): ExchangeResponse;
}

/**
 * One error handler for a whole service: every error becomes a `ModelError`, a log line and an answer in one envelope.
 * It keeps no history.
 *
 * @throws RangeError for `exposeDetails: 'development'` in production.
 */
export function createErrorHandler(options: ErrorHandlerOptions = {}, runtime: Runtime = systemRuntime): ErrorHandler {
  const { logger = consoleLogger, profile = 'http', exposeDetails = 'never', translate, onError } = options;
  if (exposeDetails === 'development' && inProduction()) {
    throw new RangeError("exposeDetails must be 'never' while NODE_ENV is 'production', got 'development'");
  }
  /** Foreign errors and what they became, so that every layer sees one and the same error (D57). */
  const translated = new WeakMap<object, ModelError>();
  /** The last request that an error was logged for: one error may end several requests that shared a call. */
  const reported = new WeakMap<ModelError, string>();

  function normalise(error: unknown): ModelError {
    if (ModelError.isInstance(error)) return error;
    const known = isObject(error) ? translated.get(error) : undefined;
    if (known !== undefined) return known;
    const meant = attempted(() => translate?.(error) ?? frameworkError(error)) ?? unexpected(error, exposeDetails);
    const report = callReport(error);
    if (report !== undefined) Object.assign(meant, report);
    if (isObject(error)) translated.set(error, meant);
    return meant;
  }

  function report(error: ModelError, scope: ErrorScope, correlationId: string): void {
    if (reported.get(error) === correlationId) return;
    reported.set(error, correlationId);
    const level = levelOf(error);
    const where = scope.operation ?? scope.route ?? 'unknown';
    logger[level](logFields(error, scope, level), `Error in ${where}: ${error.message}`);
    onError?.(error, scope);
  }

  function handle(error: unknown, scope: ErrorScope = {}): ModelError {
    const meant = normalise(error);
    const correlationId = scope.correlationId ?? meant.correlationId ?? newCorrelationId(runtime);
    try {
      meant.correlationId = correlationId;
      report(meant, scope, correlationId);
    } catch (failure) {
      // A logger or a listener that throws must not cost the caller the answer.
      runtime.events.emit({ type: 'listener.failed', error: failure, at: runtime.clock.now() });
    }
    return meant;
  }

  return {
    handle,
    respond(error, scope = {}) {
      const meant = handle(error, scope);
      try {
        return errorResponse(meant, { format: scope.format, profile, headers: scope.headers });
      } catch (failure) {
        const { correlationId = newCorrelationId(runtime) } = scope;
        handle(failure, { ...scope, correlationId, operation: 'rendering an error' });
        return lastResort(correlationId, scope.headers);
      }
    },
  };
}

/** Client faults are news, rejections and limits a warning, the rest is ours to mend (D58). */
function levelOf(error: ModelError): LogLevel {
  if (error.errorType === 'cancelled') return 'debug';
  if (error.origin === 'client') return 'info';
  const status = error.statusFor('http');
  return status === 429 || status === 503 ? 'warn' : 'error';
}

function logFields(error: ModelError, scope: ErrorScope, level: LogLevel): object {
  const { method, route, ms } = scope;
  return {
    correlation_id: error.correlationId,
    error_type: error.errorType,
    error_class: error.name,
    status: error.statusFor('http'),
    ...(method === undefined ? {} : { method }),
    ...(route === undefined ? {} : { route }),
    ...(ms === undefined ? {} : { ms: Math.round(ms) }),
    ...(error.stopReason === undefined ? {} : { stop_reason: error.stopReason }),
    ...(level === 'error' ? { err: error } : {}),
  };
}

function unexpected(cause: unknown, exposeDetails: 'never' | 'development'): InternalError {
  const details =
    exposeDetails === 'development'
      ? {
          original_error: cause instanceof Error ? cause.message : String(cause),
          error_class: cause instanceof Error ? cause.name : typeof cause,
        }
      : {};
  return new InternalError(undefined, { cause, details });
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

function inProduction(): boolean {
  const { process } = globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string>> } };
  return process?.env?.['NODE_ENV'] === 'production';
}
