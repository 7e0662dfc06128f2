/** Reporting an error: counted, remembered, told as an event, logged. */
import { isThenable } from '../call/thenable.js';
import { type ContextFields, contextOf, errorContext } from '../call/error-context.js';
import type { HandledError } from '../call/events.js';
import type { Runtime } from '../call/runtime.js';
import type { StatusProfile } from '../errors/error-types.js';
import { errorClass, loggedError, type ToldMessages } from '../errors/logged-error.js';
import type { ModelError } from '../errors/model-error.js';
import { redactFields } from '../errors/redact-fields.js';
import { hideSecrets } from '../errors/redact.js';
import type { ErrorHistory, ErrorRecord } from './error-history.js';
import { eventLine } from './event-lines.js';
import type { ResponseHeaders } from './exchange.js';
import { type Logger, write } from './logger.js';
import type { ErrorFormat } from './problem.js';

/** Where an error came up. For the log, the history and the answer. */
export interface ErrorScope {
  /** Default: that of the error context, the error's own, or a new one. */
  readonly correlationId?: string | undefined;
  /** What was being done (R73). Default: that of the error context, else the route, else `unknown`. */
  readonly operation?: string | undefined;
  readonly method?: string | undefined;
  /** The pattern of the route, never the path with the caller's values in it. */
  readonly route?: string | undefined;
  /** Since the request came in, in milliseconds. */
  readonly ms?: number | undefined;
  /** What else is known. The facts of the error context join it, and win. */
  readonly context?: ContextFields | undefined;
  /** Shown instead of the error's message, whatever its type. */
  readonly userMessage?: string | undefined;
  /** The request's `Accept-Language`, for `publicMessage`. */
  readonly language?: string | undefined;
  readonly format?: ErrorFormat | undefined;
  /** Headers of the answer beside those of the error. */
  readonly headers?: ResponseHeaders | undefined;
}

/** What a reporter works with. */
export interface ReporterSettings {
  readonly logger: Logger;
  readonly history: ErrorHistory;
  /** Whose messages the history tells, and whether it keeps stacks: `all` is for development. */
  readonly messages: ToldMessages;
  readonly onError: ((error: ModelError, scope: ErrorScope) => unknown) | undefined;
  readonly profile: StatusProfile;
}

/** One error, as it was thrown and as it is meant, with the request that it ended. */
export interface Incident {
  readonly thrown: unknown;
  readonly error: ModelError;
  readonly scope: ErrorScope;
  readonly correlationId: string;
}

/** An error that ends more requests than this at once may be reported twice for one of them. */
const mostRequests = 64;

/** Reports errors, each once for every request that it ended (D57). Never throws. */
export class ErrorReporter {
  private readonly settings: ReporterSettings;
  private readonly runtime: Runtime;
  /** The requests that an error was reported for: one error may end several that shared a call. */
  private readonly reported = new WeakMap<object, Set<string>>();

  constructor(settings: ReporterSettings, runtime: Runtime) {
    this.settings = settings;
    this.runtime = runtime;
  }

  /** `identity`: what makes the error the same one to every layer. */
  report(incident: Incident, identity: object): void {
    this.tell(() => {
      if (this.isNews(identity, incident.correlationId)) this.reportNews(incident);
    });
  }

  reportCritical(incident: Incident): void {
    const { thrown, correlationId } = incident;
    const { logger, profile, messages } = this.settings;
    this.tell(() => {
      const facts = factsOf(incident, profile);
      const event = { type: 'error.critical', ...facts, at: this.runtime.clock.now(), correlationId } as const;
      this.runtime.events.emit(event);
      const fields = { ...logFields(incident, facts, messages), err: loggedError(thrown, messages) };
      return write(logger, { ...eventLine(event), fields });
    });
  }

  private reportNews(incident: Incident): void {
    const { error, scope, correlationId } = incident;
    const { history, logger, onError, profile, messages } = this.settings;
    // Made of an error that may be thrown again and again: this time is now.
    if (error.errorType === 'internal_error' && error.cause === incident.thrown) {
      Object.assign(error, { timestamp: this.runtime.clock.date() });
    }
    const facts = factsOf(incident, profile);
    // A caller who left is no error (D64).
    if (error.errorType !== 'cancelled') history.add(this.recordOf(incident, facts));
    const at = this.runtime.clock.now();
    const event = { type: 'error.handled', ...facts, severity: severityOf(error), at, correlationId } as const;
    this.runtime.events.emit(event);
    this.tell(() => write(logger, { ...eventLine(event), fields: logFields(incident, facts, messages) }));
    this.tell(() => onError?.(error, scope));
  }

  private recordOf({ thrown, error, correlationId }: Incident, facts: HandledError): ErrorRecord {
    const { messages } = this.settings;
    const logged = messages === 'all' ? loggedError(thrown, messages) : undefined;
    return {
      error_type: facts.errorType,
      error_class: facts.errorClass,
      message: logged?.message ?? facts.message,
      correlation_id: correlationId,
      status: facts.status,
      context: facts.context,
      timestamp: error.timestamp.toISOString(),
      traceback: logged?.stack ?? null,
    };
  }

  private isNews(identity: object, correlationId: string): boolean {
    const requests = this.reported.get(identity) ?? new Set<string>();
    if (requests.has(correlationId)) return false;
    if (requests.size === mostRequests) requests.clear();
    this.reported.set(identity, requests.add(correlationId));
    return true;
  }

  /** What is told must not cost the caller the answer, be it that a logger throws or that a listener rejects. */
  private tell(action: () => unknown): void {
    const failed = (error: unknown): void => {
      this.runtime.events.emit({ type: 'listener.failed', error, at: this.runtime.clock.now() });
    };
    try {
      const telling = action();
      if (isThenable(telling)) telling.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }
}

/** Everything that is known of the request: what is around the error, over what the handler was given. */
export function knownOf({ thrown, scope, correlationId }: Omit<Incident, 'error'>): ContextFields {
  const { operation, route, context } = scope;
  const around = { operation: route, ...context, ...errorContext.current(), correlationId };
  const known = contextOf(thrown, around);
  return { ...known, operation: operation ?? known.operation ?? 'unknown' };
}

function factsOf(incident: Incident, profile: StatusProfile): HandledError {
  const { thrown, error, scope } = incident;
  const { correlationId: _, route: path, operation = 'unknown', ...facts } = knownOf(incident);
  const { method, route = path, ms } = scope;
  const request = {
    ...(route === undefined ? {} : { request_path: route }),
    ...(method === undefined ? {} : { request_method: method }),
    ...(ms === undefined ? {} : { processing_time_ms: Math.round(ms) }),
  };
  return {
    errorType: error.errorType,
    errorClass: errorClass(thrown),
    status: error.statusFor(profile),
    origin: error.origin,
    message: hideSecrets(error.message),
    operation: hideSecrets(operation),
    context: redactFields({ operation, ...request, ...facts }),
  };
}

/** Client faults are news, rejections and limits a warning, the rest is ours to mend (D58). */
function severityOf(error: ModelError): 'debug' | 'info' | 'warn' | 'error' {
  if (error.errorType === 'cancelled') return 'debug';
  if (error.origin === 'client') return 'info';
  const status = error.statusFor('http');
  return status === 429 || status === 503 ? 'warn' : 'error';
}

/** What a line has beside its context, under shorter names. */
const requestFacts: ReadonlySet<string> = new Set(['request_path', 'request_method', 'processing_time_ms', 'route']);

function logFields(incident: Incident, facts: HandledError, messages: ToldMessages): object {
  const { thrown, error, scope, correlationId } = incident;
  const { method, route, ms } = scope;
  return {
    correlation_id: correlationId,
    error_type: facts.errorType,
    error_class: facts.errorClass,
    status: facts.status,
    ...(method === undefined ? {} : { method }),
    ...(route === undefined ? {} : { route }),
    ...(ms === undefined ? {} : { ms: Math.round(ms) }),
    ...(error.stopReason === undefined ? {} : { stop_reason: error.stopReason }),
    context: Object.fromEntries(Object.entries(facts.context).filter(([name]) => !requestFacts.has(name))),
    ...(severityOf(error) === 'error' ? { err: loggedError(thrown, messages) } : {}),
  };
}
