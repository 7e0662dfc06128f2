/** One request through a chute: route, middlewares, guard, read, validate, handle, answer. */
import { settleOrAbort } from '../call/abort.js';
import { abortable } from '../call/attempt.js';
import { createContext, type RootScope, wholeAttempt } from '../call/root-scope.js';
import type { Runtime } from '../call/runtime.js';
import { discardStream, isStream, type StreamEnd, watchStream } from '../call/stream.js';
import type { ErrorType } from '../errors/error-types.js';
import { InvalidInputError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import type { Cord, Reply } from './cord.js';
import { type CordRequest, CordRun, type CordRunSettings, guarded } from './cord-run.js';
import { requestCorrelationId } from './correlation.js';
import { type Cors, withCors } from './cors.js';
import { requestDeadline } from './deadline-header.js';
import type { ErrorHandler } from './error-handler.js';
import type { ErrorScope } from './error-report.js';
import {
  type ExchangeHandler,
  type ExchangeRequest,
  type ExchangeResponse,
  type ResponseBody,
  respond,
} from './exchange.js';
import { Frames, type FramesEnd, streamHeaders } from './frames.js';
import { type Logger, withFields } from './logger.js';
import { handlerByCall, type Outcome, tell } from './outcome.js';
import { type Middleware, PassingCall, throughMiddlewares } from './middleware.js';
import { type Dialect, errorFormat } from './problem.js';
import { type RequestSummary, tellFinished } from './request-summary.js';
import type { Match, Router } from './router.js';

export interface RequestSettings extends CordRunSettings {
  readonly name: string;
  readonly logger: Logger;
  readonly router: Pick<Router<Cord>, 'match'>;
  readonly middlewares: readonly Middleware<never>[];
  readonly errors: ErrorHandler;
  readonly cors: Cors | undefined;
  readonly heartbeatMs: number;
  readonly streamErrors: 'frame' | 'frame_and_break';
  readonly deadlineMs: number;
  /** What a path that no cord has is answered in. */
  readonly dialectNear: (path: string) => Dialect;
  readonly onRequest?: ((summary: RequestSummary) => void) | undefined;
}

export function createRequestHandler(settings: RequestSettings, runtime: Runtime): ExchangeHandler {
  return handlerByCall((request, outcome) => new RequestRun(settings, runtime, request, outcome).start());
}

const clientLeft = 499;
const json = 'application/json; charset=utf-8';
/** What a page may ask of a path that does not exist, so that it gets to read the 404. */
const anyMethod = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

type FoundCord = Extract<Match<Cord>, { readonly kind: 'found' }>;

/** Is told itself what comes of the request; what it makes of that it tells on. */
class RequestRun implements Outcome {
  private readonly settings: RequestSettings;
  private readonly runtime: Runtime;
  private readonly request: ExchangeRequest;
  private readonly outcome: Outcome;
  private readonly correlationId: string;
  private readonly started: number;
  private readonly reply: Reply = { status: 200, headers: {}, notes: {} };
  private route: string | undefined = undefined;
  /** That of the cord, once it is known. */
  private dialect: Dialect | undefined = undefined;
  private scope: RootScope | undefined = undefined;
  /** The handler's stream, framed. A middleware may stand around it, or answer something else. */
  private frames: Frames | undefined = undefined;
  private status = 200;
  private summarised = false;
  private cors: Record<string, string> | undefined = undefined;

  constructor(settings: RequestSettings, runtime: Runtime, request: ExchangeRequest, outcome: Outcome) {
    this.settings = settings;
    this.runtime = runtime;
    this.request = request;
    this.outcome = outcome;
    this.started = runtime.clock.now();
    this.correlationId = requestCorrelationId(request.headers, runtime);
  }

  start(): void {
    try {
      this.pass();
    } catch (error) {
      this.failed(error);
    }
  }

  answered(response: ExchangeResponse): void {
    tell(this.outcome, () => this.finished(response));
  }

  failed(error: unknown): void {
    tell(this.outcome, () => this.finished(this.failure(error)));
  }

  private finished({ status, headers, body }: ExchangeResponse): ExchangeResponse {
    this.status = status;
    const sent = this.sent(body);
    const { correlationId, cors } = this;
    if (cors === undefined && headers['x-correlation-id'] === correlationId) return { status, headers, body: sent };
    // Ours, whatever the handler says; it stands first, since members after a spread cost a hidden class each time.
    const all: Record<string, string | readonly string[]> = { 'x-correlation-id': '', ...headers };
    all['x-correlation-id'] = correlationId;
    if (cors !== undefined) Object.assign(all, withCors(headers, cors));
    return { status, headers: all, body: sent };
  }

  private pass(): void {
    const { request, settings } = this;
    this.cors = settings.cors?.headers(request);
    const match = this.matched();
    const preflight = settings.cors?.preflight(request, match.kind === 'wrong_method' ? match.allowed : anyMethod);
    if (preflight !== undefined) return this.answered(preflight);
    const scope = createContext(
      {
        signal: request.caller ?? request.signal,
        deadlineMs: requestDeadline(request.headers, settings.deadlineMs),
        correlationId: this.correlationId,
      },
      this.runtime,
    );
    this.scope = scope;
    if (scope.aborted) throw scope.reason;
    if (settings.middlewares.length === 0) return this.routed(match, scope, this);
    tell(this, () => settleOrAbort(this.aroundRouted(match, scope), abortable(scope)));
  }

  private matched(): Match<Cord> {
    const { method, path } = this.request;
    const match = this.settings.router.match(method, path);
    if (match.kind !== 'unknown') {
      this.route = match.pattern;
      this.dialect = match.target.dialect;
    }
    return match;
  }

  private aroundRouted(match: Match<Cord>, context: RootScope): Promise<ExchangeResponse> {
    const { request, route, correlationId, reply, settings } = this;
    const state = settings.state as never;
    const call = new PassingCall({ request, route, correlationId, state, context, reply }, () => this.log());
    return settings.inContext({ correlationId, route }, () => {
      return throughMiddlewares(settings.middlewares, call, () => {
        return new Promise((answered, failed) => this.routed(match, context, { answered, failed }));
      });
    });
  }

  private routed(match: Match<Cord>, scope: RootScope, outcome: Outcome): void {
    if (match.kind === 'found') this.called(match, scope, outcome);
    else tell(outcome, () => this.refused(match));
  }

  private async refused(match: Exclude<Match<Cord>, { readonly kind: 'found' }>): Promise<ExchangeResponse> {
    // Which paths there are is told to those who may come in.
    const { request, route, correlationId, reply } = this;
    const { guard } = this.settings;
    if (guard !== undefined) await guarded(guard, { request, route, correlationId, notes: reply.notes }, this.settings);
    if (match.kind === 'unknown') throw new InvalidInputError('There is nothing at this path', { status: 404 });
    const allow = match.allowed.join(', ');
    reply.headers['allow'] = allow;
    if (request.method === 'OPTIONS') return respond(204, reply.headers);
    throw new InvalidInputError(`The method is not allowed; this path answers ${allow}`, { status: 405 });
  }

  private called({ target: cord, params }: FoundCord, context: RootScope, outcome: Outcome): void {
    const { request, reply, correlationId } = this;
    const log = (): Logger => this.log();
    const about: CordRequest = { request, params, reply, correlationId, context, log, inFull: undefined };
    // Whatever the guard, the body, the schema and the handler do, an abort answers at once; a stream stays under it.
    const attempt = wholeAttempt(context);
    let settled = false;
    attempt.settleBy(
      (value) => {
        if (settled) return;
        settled = true;
        tell(outcome, () => this.answer(cord, about, value));
      },
      (error) => {
        if (settled) return;
        settled = true;
        outcome.failed(error);
      },
    );
    new CordRun(cord, about, this.settings, attempt).go(undefined);
  }

  private answer(cord: Cord, { inFull }: CordRequest, value: unknown): ExchangeResponse | Promise<ExchangeResponse> {
    if (inFull !== undefined) return isStream(value) ? { ...inFull, body: value as ResponseBody } : inFull;
    if (isStream(value)) return this.streamed(cord, value[Symbol.asyncIterator]());
    const { status, headers } = this.reply;
    if (value === undefined) return respond(status === 200 ? 204 : status, headers);
    const all = { 'content-type': json, 'x-correlation-id': this.correlationId, ...headers };
    return respond(status, all, JSON.stringify(value));
  }

  private async streamed(cord: Cord, source: AsyncIterator<unknown>): Promise<ExchangeResponse> {
    const { status, headers } = this.reply;
    const { stream: framing = 'sse' } = cord;
    if (this.request.method === 'HEAD') {
      await source.return?.();
      return respond(status, { ...streamHeaders(framing), ...headers });
    }
    const first = await source.next();
    this.frames = new Frames(source, first, {
      framing,
      dialect: cord.dialect,
      heartbeatMs: this.settings.heartbeatMs,
      streamErrors: this.settings.streamErrors,
      clock: this.runtime.clock,
      failed: (error) => this.told(error),
      ended: (end) => this.streamEnded(end),
    });
    // The handler may have written headers until its first item.
    return respond(this.reply.status, { ...streamHeaders(framing), ...headers }, this.frames);
  }

  /** The body as it goes out: a stream is summarised at its end, whoever made it, and what nobody will read is ended. */
  private sent(body: ResponseBody): ResponseBody {
    const streams = isStream(body);
    if (streams && this.request.method !== 'HEAD') return this.frames === undefined ? this.watched(body) : body;
    this.scope?.release();
    this.summarise(this.status, 'whole');
    if (this.frames !== undefined) discardStream(this.frames);
    if (!streams) return body;
    discardStream(body);
    return undefined;
  }

  private watched(body: AsyncIterable<unknown> & object): AsyncIterable<string | Uint8Array> {
    const ended = (end: StreamEnd): void => {
      this.streamEnded(end.kind === 'failed' ? { kind: 'failed', error: this.told(end.error) } : end);
    };
    return watchStream(body as AsyncIterable<string | Uint8Array>, { ended });
  }

  private streamEnded(end: FramesEnd): void {
    const errorType = end.kind === 'failed' ? end.error.errorType : end.kind === 'returned' ? 'cancelled' : undefined;
    this.summarise(errorType === 'cancelled' ? clientLeft : this.status, 'stream', errorType);
  }

  private failure(error: unknown): ExchangeResponse {
    const meant = this.meaning(error);
    const response = this.settings.errors.respond(meant, this.errorScope());
    this.summarise(response.status, 'whole', ModelError.isInstance(meant) ? meant.errorType : 'internal_error');
    return response;
  }

  /** The error of a stream that has begun: logged, and turned into what its client may know. */
  private told(error: unknown): ModelError {
    return this.settings.errors.handle(this.meaning(error), this.errorScope());
  }

  /** Whatever the work throws once its client has left, the end was the leaving (G3, D64). */
  private meaning(error: unknown): unknown {
    const { scope } = this;
    if (scope?.aborted !== true) return error;
    const { reason } = scope;
    if (ModelError.isInstance(reason)) return reason;
    return scope.cancelled ? new CancelledError(undefined, { cause: reason }) : error;
  }

  private errorScope(): ErrorScope {
    const { method, path, headers } = this.request;
    return {
      correlationId: this.correlationId,
      method,
      route: this.route,
      ms: this.runtime.clock.now() - this.started,
      format: errorFormat(this.dialect ?? this.settings.dialectNear(path), headers['accept']),
      headers: this.reply.headers,
    };
  }

  private log(): Logger {
    const { logger, name } = this.settings;
    return withFields(logger, { chute: name, correlation_id: this.correlationId });
  }

  private summarise(status: number, kind: 'whole' | 'stream', errorType?: ErrorType): void {
    const { runtime, settings, correlationId, route } = this;
    if (this.summarised || (settings.onRequest === undefined && !runtime.events.observed)) return;
    this.summarised = true;
    const { method } = this.request;
    const { notes } = this.reply;
    const streamed = kind === 'stream';
    const at = runtime.clock.now();
    const ms = at - this.started;
    const type = 'request.finished';
    const event = { type, at, correlationId, method, route, status, ms, streamed, errorType, notes } as const;
    tellFinished(event, runtime, settings.onRequest);
  }
}
