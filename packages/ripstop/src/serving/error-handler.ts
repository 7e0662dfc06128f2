import { newCorrelationId } from '../call/correlation-id.js';
import { errorContext } from '../call/error-context.js';
import { assertCount } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import type { StatusProfile } from '../errors/error-types.js';
import type { ModelError } from '../errors/model-error.js';
import { redactFields } from '../errors/redact-fields.js';
import { createErrorHistory, type ErrorHistory, type ErrorRecord, type ErrorStatistics } from './error-history.js';
import { ErrorReporter, type ErrorScope, type Incident, knownOf } from './error-report.js';
import type { ExchangeResponse } from './exchange.js';
import { consoleLogger, type Logger, redactingLogger } from './logger.js';
import { type ExposeDetails, meaningReader, type Translate } from './meant-error.js';
import { errorResponse, lastResort } from './problem.js';

export type { ErrorScope } from './error-report.js';

/** Options of `createErrorHandler()`. */
export interface ErrorHandlerOptions {
  /** Gets its lines through `redactingLogger`. Default: warnings and errors on the console. */
  readonly logger?: Logger;
  /** Default: `http`. */
  readonly profile?: StatusProfile;
  /**
   * `development` tells the caller the message and class of an unexpected error in `details`, and the log and the history
   * the messages of all errors. Default: `never`. Refused when `NODE_ENV` is `production` (D49).
   */
  readonly exposeDetails?: ExposeDetails;
  /** What an error of somebody else's means, asked before the rules of `handle`. Default: nothing. */
  readonly translate?: Translate;
  /** Called once per error and request, after the log line. What it throws, or rejects with, is reported and no more. */
  readonly onError?: (error: ModelError, scope: ErrorScope) => unknown;
  /** How many errors are remembered. Default: 1 000. */
  readonly historySize?: number;
  /** Facts of the error context that answers may show, by name, under `details.context` (D46). Default: none. */
  readonly publicContext?: readonly string[];
  /** The message for this caller, in his language for example (D55). Default, and where it throws: the error's own. */
  readonly publicMessage?: (error: ModelError, scope: ErrorScope) => string | undefined;
}

/** The one place where errors become log lines, records and answers. */
export interface ErrorHandler {
  /** What callers are told of unexpected errors. */
  readonly exposeDetails: ExposeDetails;
  /**
   * The `ModelError` that `error` means, with the correlation id; reported once however many layers hand it in.
   *
   * A `ModelError` stays itself. Several errors in one are answered by the first of ours. A framework's 4xx becomes the
   * input error of that status. Everything else becomes an `InternalError` with `error` as its cause, and none of its
   * text is shown. Never throws.
   */
  readonly handle: (error: unknown, scope?: ErrorScope) => ModelError;
  /** `handle`, then the answer. Never throws: if rendering fails too, a fixed 500 (D66). */
  readonly respond: (error: unknown, scope?: ErrorScope) => ExchangeResponse;
  /** Says that somebody must look at once: a line at `fatal` and the event `error.critical` (R78). Never throws. */
  readonly handleCriticalError: (error: unknown, scope?: ErrorScope) => ModelError;
  /** How many errors there were. */
  readonly statistics: () => ErrorStatistics;
  /** The same under the guide's name. */
  readonly getErrorStatistics: () => ErrorStatistics;
  /** The latest errors, the newest last. */
  readonly history: () => readonly ErrorRecord[];
}

/** What an error handler does unless told otherwise. */
export const errorHandlerDefaults = { profile: 'http', exposeDetails: 'never', historySize: 1_000 } as const;

/**
 * One error handler for a whole service: every error becomes a `ModelError`, is counted, remembered, logged at the level
 * that it deserves, told as an event, and answered in one envelope.
 *
 * @throws RangeError for `exposeDetails: 'development'` in production, or a `historySize` below 1.
 */
export function createErrorHandler(options: ErrorHandlerOptions = {}, runtime: Runtime = systemRuntime): ErrorHandler {
  const { exposeDetails, historySize } = { ...errorHandlerDefaults, ...options };
  if (exposeDetails === 'development' && inProduction()) {
    throw new RangeError("exposeDetails must be 'never' while NODE_ENV is 'production', got 'development'");
  }
  assertCount('historySize', historySize);
  return new CentralErrorHandler(options, runtime);
}

class CentralErrorHandler implements ErrorHandler {
  readonly exposeDetails: ExposeDetails;
  private readonly options: ErrorHandlerOptions;
  private readonly runtime: Runtime;
  private readonly meaningOf: (error: unknown) => ModelError;
  private readonly remembered: ErrorHistory;
  private readonly reporter: ErrorReporter;

  constructor(options: ErrorHandlerOptions, runtime: Runtime) {
    this.options = options;
    this.runtime = runtime;
    const { profile, exposeDetails, historySize } = { ...errorHandlerDefaults, ...options };
    this.exposeDetails = exposeDetails;
    const messages = exposeDetails === 'development' ? 'all' : 'own';
    this.meaningOf = meaningReader(exposeDetails, options.translate);
    this.remembered = createErrorHistory(historySize, runtime.clock);
    this.reporter = new ErrorReporter(
      {
        logger: redactingLogger(options.logger ?? consoleLogger, { messages }),
        history: this.remembered,
        messages,
        onError: options.onError,
        profile,
      },
      runtime,
    );
  }

  readonly handle = (thrown: unknown, scope: ErrorScope = {}): ModelError => {
    const meant = this.meaningOf(thrown);
    const incident = this.incident(thrown, meant, scope);
    this.reporter.report(incident, meant);
    return incident.error;
  };

  readonly respond = (thrown: unknown, scope: ErrorScope = {}): ExchangeResponse => {
    const { profile } = { ...errorHandlerDefaults, ...this.options };
    const error = this.handle(thrown, scope);
    try {
      return errorResponse(this.asShown(thrown, error, scope), {
        format: scope.format,
        profile,
        headers: scope.headers,
      });
    } catch (failure) {
      return this.staticAnswer(failure, { ...scope, correlationId: error.correlationId });
    }
  };

  readonly handleCriticalError = (thrown: unknown, scope: ErrorScope = {}): ModelError => {
    const incident = this.incident(thrown, this.meaningOf(thrown), scope);
    this.reporter.reportCritical(incident);
    return incident.error;
  };

  readonly statistics = (): ErrorStatistics => this.remembered.statistics();

  readonly getErrorStatistics = (): ErrorStatistics => this.remembered.statistics();

  readonly history = (): readonly ErrorRecord[] => this.remembered.records();

  private incident(thrown: unknown, meant: ModelError, scope: ErrorScope): Incident {
    const correlationId = idFor(thrown, meant, scope) ?? newCorrelationId(this.runtime);
    return { thrown, error: withId(meant, correlationId), scope, correlationId };
  }

  /** The error as this caller may see it; the error itself may belong to others too. */
  private asShown(thrown: unknown, error: ModelError, scope: ErrorScope): ModelError {
    const { publicContext = [] } = this.options;
    const message = scope.userMessage ?? this.publicMessage(error, scope);
    const own: PropertyDescriptorMap = {};
    if (message !== undefined) own['message'] = { value: message };
    if (publicContext.length > 0) {
      const known = knownOf({ thrown, scope, correlationId: error.correlationId ?? '' });
      const shown = publicContext.filter((name) => known[name] !== undefined).map((name) => [name, known[name]]);
      if (shown.length > 0) {
        own['details'] = { value: { ...error.details, context: redactFields(Object.fromEntries(shown)) } };
      }
    }
    return Object.keys(own).length === 0 ? error : (Object.create(error, own) as ModelError);
  }

  private publicMessage(error: ModelError, scope: ErrorScope): string | undefined {
    try {
      return this.options.publicMessage?.(error, scope);
    } catch (failure) {
      // The error's own message will do.
      this.runtime.events.emit({ type: 'listener.failed', error: failure, at: this.runtime.clock.now() });
      return undefined;
    }
  }

  private staticAnswer(failure: unknown, scope: ErrorScope): ExchangeResponse {
    const { correlationId = newCorrelationId(this.runtime), headers } = scope;
    this.handle(failure, { ...scope, operation: 'rendering an error' });
    try {
      return lastResort(correlationId, headers);
    } catch {
      // The headers were at fault, and their failure has just been reported.
      return lastResort(correlationId);
    }
  }
}

/** The request's own id before one that the error brought along: several requests may share the error. */
function idFor(thrown: unknown, meant: ModelError, { correlationId }: ErrorScope): string | undefined {
  const own = correlationId ?? errorContext.current().correlationId;
  return own ?? meant.correlationId ?? errorContext.of(thrown).correlationId;
}

/** The error itself with the id; where it is frozen, a stand-in that differs in nothing else. */
function withId(error: ModelError, correlationId: string): ModelError {
  if (Object.isFrozen(error)) {
    return Object.create(error, { correlationId: { value: correlationId, writable: true } }) as ModelError;
  }
  error.correlationId = correlationId;
  return error;
}

function inProduction(): boolean {
  const { process } = globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string>> } };
  return process?.env?.['NODE_ENV'] === 'production';
}
