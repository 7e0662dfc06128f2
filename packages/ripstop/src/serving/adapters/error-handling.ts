/** Our error handling in an app that is not a chute: what it does is the same in every framework. */
import { startErrorContext } from '../../call/error-context.js';
import type { Runtime } from '../../call/runtime.js';
import { InvalidInputError } from '../../errors/input-errors.js';
import type { ModelError } from '../../errors/model-error.js';
import { CancelledError } from '../../errors/rejections.js';
import { requestCorrelationId } from '../correlation.js';
import { createErrorHandler, type ErrorHandler, type ErrorScope } from '../error-handler.js';
import type { ExchangeResponse, RequestHeaders } from '../exchange.js';
import { type Dialect, errorFormat } from '../problem.js';

/** Options of the error handling of an app, the same for every framework. */
export interface ErrorHandlingOptions {
  /** Default: one of its own. Share it with your chutes, and an error is reported once, whoever sees it. */
  readonly errorHandler?: ErrorHandler | undefined;
  /** The form of error bodies; where it is `native`, `Accept` may ask for problem+json. Default: `native`. */
  readonly dialect?: Dialect | undefined;
}

/** A request as a framework knows it. */
export interface AppRequest {
  /** The framework's own object, by which every piece of ours finds the same request. */
  readonly key: object;
  readonly method: string;
  readonly headers: RequestHeaders;
  /** The pattern of the route, never the path with the caller's values in it. */
  readonly route?: string | undefined;
  /** Of the peer, which may be a proxy. */
  readonly remoteAddress?: string | undefined;
}

interface Visit {
  readonly correlationId: string;
  /** On the runtime's clock. */
  readonly started: number;
}

/**
 * What we know of a request stands on the framework's own object for it, since a middleware, an error handler and a
 * mounted chute are made apart. A `WeakMap` would say the same, and cost the collector more than all else here.
 */
const mark = Symbol.for('ripstop.visit');

interface Marked {
  [mark]?: Visit;
}

/** The correlation id that a piece of ours gave to a request, by the framework's own object for it. */
export function knownCorrelationId(key: object): string | undefined {
  return (key as Marked)[mark]?.correlationId;
}

/** The error handling of one app. */
export class AppErrors {
  private readonly errors: ErrorHandler;
  private readonly dialect: Dialect;
  private readonly runtime: Runtime;

  constructor({ errorHandler, dialect = 'native' }: ErrorHandlingOptions, runtime: Runtime) {
    this.errors = errorHandler ?? createErrorHandler({}, runtime);
    this.dialect = dialect;
    this.runtime = runtime;
  }

  /** The request's correlation id: the one that came in, or a new one. It stays the same however often it is asked. */
  begin(key: object, headers: RequestHeaders): string {
    return this.visit(key, headers).correlationId;
  }

  /** Runs what the app does for a request in a context of its own. */
  run<T>(key: object, headers: RequestHeaders, work: () => T): T {
    return startErrorContext({ correlationId: this.begin(key, headers) }, work);
  }

  /** The answer to an error, which is logged once. Never throws. */
  answer(error: unknown, request: AppRequest): ExchangeResponse {
    return this.errors.respond(error, this.scope(request));
  }

  /** For an error that nobody can be told of any more: it is only logged. */
  note(error: unknown, request: AppRequest): ModelError {
    return this.errors.handle(error, this.scope(request));
  }

  private scope({ key, method, headers, route, remoteAddress }: AppRequest): ErrorScope {
    const { correlationId, started } = this.visit(key, headers);
    return {
      correlationId,
      method,
      route,
      ms: this.runtime.clock.now() - started,
      // Personal data: hidden in logs and history unless their owner decides otherwise (D65).
      context: { user_agent: headers['user-agent'], remote_addr: remoteAddress },
      language: headers['accept-language'],
      format: errorFormat(this.dialect, headers['accept']),
    };
  }

  private visit(key: object, headers: RequestHeaders): Visit {
    const known = (key as Marked)[mark];
    if (known !== undefined) return known;
    const visit = { correlationId: requestCorrelationId(headers, this.runtime), started: this.runtime.clock.now() };
    (key as Marked)[mark] = visit;
    return visit;
  }
}

/** What a path is answered that the app has nothing at. */
export function nothingHere(): InvalidInputError {
  return new InvalidInputError('There is nothing at this path', { status: 404 });
}

/** Whatever a handler throws once its client has left, the end was the leaving (D64). */
export function unlessGone(error: unknown, client: 'here' | 'gone'): unknown {
  return client === 'gone' ? new CancelledError(undefined, { cause: error }) : error;
}
