/** One request through a chute: route, guard, read, validate, handle, answer. */
import { settleOrAbort } from '../call/abort.js';
import { createContext, type RootScope } from '../call/root-scope.js';
import type { Runtime } from '../call/runtime.js';
import { isStream, watchStream } from '../call/stream.js';
import type { ErrorType } from '../errors/error-types.js';
import { InvalidInputError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import type { Cord, CordCall, Guard, Reply } from './cord.js';
import { requestCorrelationId } from './correlation.js';
import type { ErrorHandler, ErrorScope } from './error-handler.js';
import { type ExchangeRequest, type ExchangeResponse, isResponse, respond } from './exchange.js';
import { Frames, type FramesEnd, streamHeaders } from './frames.js';
import { type Logger, withFields } from './logger.js';
import { type Dialect, errorFormat } from './problem.js';
import { readInput } from './read-input.js';
import type { Router } from './router.js';

/** One request, for its log line. */
export interface RequestSummary {
  readonly correlationId: string;
  readonly method: string;
  /** The cord's path as it was declared; `undefined` where no cord has that path. */
  readonly route: string | undefined;
  /** 499 where the client left; of a stream that broke, the status that its head had. */
  readonly status: number;
  /** Milliseconds since the request came in. */
  readonly ms: number;
  readonly streamed: boolean;
  /** What went wrong, if anything. */
  readonly errorType: ErrorType | undefined;
  /** What the guard and the handler noted (`reply.notes`). */
  readonly notes: Readonly<Record<string, unknown>>;
}

export interface RequestSettings {
  readonly name: string;
  readonly state: object;
  readonly logger: Logger;
  readonly router: Router<Cord>;
  readonly errors: ErrorHandler;
  readonly heartbeatMs: number;
  readonly deadlineMs: number;
  /** Asked before everything that has no guard of its own, paths that do not exist included. */
  readonly guard?: Guard | undefined;
  /** Throws while no request may come in. */
  readonly assertReady: () => void;
  /** What a path that no cord has is answered in. */
  readonly dialectNear: (path: string) => Dialect;
  readonly onRequest?: ((summary: RequestSummary) => void) | undefined;
}

export function createRequestHandler(
  settings: RequestSettings,
  runtime: Runtime,
): (request: ExchangeRequest) => Promise<ExchangeResponse> {
  return (request) => new RequestRun(settings, runtime, request).answer();
}

const clientLeft = 499;
const json = { 'content-type': 'application/json; charset=utf-8' };

class RequestRun {
  private readonly settings: RequestSettings;
  private readonly runtime: Runtime;
  private readonly request: ExchangeRequest;
  private readonly correlationId: string;
  private readonly started: number;
  private readonly reply: Reply = { status: 200, headers: {}, notes: {} };
  private route: string | undefined = undefined;
  private dialect: Dialect = 'native';
  /** What `respond()` made, if the handler used it. */
  private inFull: ExchangeResponse | undefined = undefined;
  private scope: RootScope | undefined = undefined;

  constructor(settings: RequestSettings, runtime: Runtime, request: ExchangeRequest) {
    this.settings = settings;
    this.runtime = runtime;
    this.request = request;
    this.started = runtime.clock.now();
    this.correlationId = requestCorrelationId(request.headers, runtime);
  }

  async answer(): Promise<ExchangeResponse> {
    let response: ExchangeResponse;
    try {
      response = await this.routed();
    } catch (error) {
      response = this.failure(error);
    }
    const { status, headers, body } = response;
    return { status, headers: { ...headers, 'x-correlation-id': this.correlationId }, body };
  }

  private async routed(): Promise<ExchangeResponse> {
    const { method, path } = this.request;
    this.dialect = this.settings.dialectNear(path);
    const match = this.settings.router.match(method, path);
    switch (match.kind) {
      case 'found':
        this.route = match.pattern;
        this.dialect = match.target.dialect;
        return this.called(match.target, match.params);
      case 'wrong_method':
        this.route = match.pattern;
        this.dialect = match.target.dialect;
        await this.guarded(this.settings.guard);
        return this.wrongMethod(match.allowed);
      case 'unknown':
        // Which paths there are is told to those who may come in.
        await this.guarded(this.settings.guard);
        throw new InvalidInputError('There is nothing at this path', { status: 404 });
    }
  }

  private wrongMethod(allowed: readonly string[]): ExchangeResponse {
    this.reply.headers['allow'] = allowed.join(', ');
    if (this.request.method !== 'OPTIONS') {
      throw new InvalidInputError(`The method is not allowed; this path answers ${allowed.join(', ')}`, {
        status: 405,
      });
    }
    return this.finished(respond(204, this.reply.headers));
  }

  private async called(cord: Cord, params: CordCall<never, never>['params']): Promise<ExchangeResponse> {
    const scope = createContext(
      {
        signal: this.request.caller ?? this.request.signal,
        deadlineMs: this.deadlineMs(),
        correlationId: this.correlationId,
      },
      this.runtime,
    );
    this.scope = scope;
    if (scope.aborted) throw scope.reason;
    // Whatever the guard, the body, the schema and the handler do, an abort answers at once; a stream stays under it.
    const value = await settleOrAbort(this.work(cord, params, scope), scope);
    if (this.inFull !== undefined) return this.answeredInFull(this.inFull, value);
    if (isStream(value)) return this.streamed(cord, value[Symbol.asyncIterator]());
    const { status, headers } = this.reply;
    if (value === undefined) return this.finished(respond(status === 200 ? 204 : status, headers));
    return this.finished(respond(status, { ...json, ...headers }, JSON.stringify(value)));
  }

  private async work(cord: Cord, params: CordCall<never, never>['params'], context: RootScope): Promise<unknown> {
    const { request, correlationId, reply, settings } = this;
    settings.assertReady();
    await this.guarded(cord.guard ?? settings.guard);
    const input = (await readInput(request, cord)) as never;
    const call: CordCall<never, never> = {
      input,
      state: settings.state as never,
      context,
      request,
      params,
      reply,
      get signal() {
        return context.signal;
      },
      get log() {
        return withFields(settings.logger, { chute: settings.name, correlation_id: correlationId });
      },
    };
    const result = await cord.handler(call);
    if (!isResponse(result)) return result;
    this.inFull = result;
    return isStream(result.body) ? result.body : undefined;
  }

  private async guarded(guard: Guard | undefined): Promise<void> {
    const { request, route, correlationId, reply } = this;
    await guard?.({ request, route, correlationId, notes: reply.notes });
  }

  /** Milliseconds that the whole request may take: the chute's limit, or the caller's if that is less. */
  private deadlineMs(): number | undefined {
    const own = this.settings.deadlineMs;
    const text = this.request.headers['x-request-timeout-ms'];
    if (text === undefined) return own === Number.POSITIVE_INFINITY ? undefined : own;
    const asked = /^\d{1,12}$/.test(text) ? Number(text) : 0;
    if (asked === 0) throw new InvalidInputError('X-Request-Timeout-Ms must be a whole number of milliseconds above 0');
    return Math.min(own, asked);
  }

  private answeredInFull(response: ExchangeResponse, stream: unknown): ExchangeResponse {
    if (!isStream(stream)) return this.finished(response);
    const { status } = response;
    const body = watchStream(stream as AsyncIterable<string | Uint8Array>, {
      ended: (end) => {
        if (end.kind === 'failed') this.brokenOff(status, this.told(end.error));
        else this.streamOver(status, end.kind);
      },
    });
    return { ...response, body };
  }

  private async streamed(cord: Cord, source: AsyncIterator<unknown>): Promise<ExchangeResponse> {
    const { status } = this.reply;
    const head = { ...streamHeaders(cord.framing), ...this.reply.headers };
    if (this.request.method === 'HEAD') {
      await source.return?.();
      return this.finished(respond(status, head));
    }
    const first = await source.next();
    const frames = new Frames(source, first, {
      framing: cord.framing,
      dialect: cord.dialect,
      heartbeatMs: this.settings.heartbeatMs,
      clock: this.runtime.clock,
      failed: (error) => this.told(error),
      ended: (end) => this.streamEnded(status, end),
    });
    // The handler may have written headers until its first item.
    return respond(this.reply.status, { ...head, ...this.reply.headers }, frames);
  }

  private streamEnded(status: number, end: FramesEnd): void {
    if (end.kind === 'failed') this.brokenOff(status, end.error);
    else this.streamOver(status, end.kind);
  }

  private streamOver(status: number, kind: 'completed' | 'returned'): void {
    if (kind === 'completed') this.summarise(status, 'stream');
    else this.summarise(clientLeft, 'stream', 'cancelled');
  }

  private brokenOff(status: number, { errorType }: ModelError): void {
    this.summarise(errorType === 'cancelled' ? clientLeft : status, 'stream', errorType);
  }

  private finished(response: ExchangeResponse): ExchangeResponse {
    this.summarise(response.status, 'whole');
    return response;
  }

  private failure(error: unknown): ExchangeResponse {
    this.scope?.release();
    const meant = this.meaning(error);
    const response = this.settings.errors.respond(meant, this.errorScope());
    const errorType = ModelError.isInstance(meant) ? meant.errorType : 'internal_error';
    this.summarise(response.status, 'whole', errorType);
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
    const { method, headers } = this.request;
    return {
      correlationId: this.correlationId,
      method,
      route: this.route,
      ms: this.elapsed(),
      format: errorFormat(this.dialect, headers['accept']),
      headers: this.reply.headers,
    };
  }

  private elapsed(): number {
    return this.runtime.clock.now() - this.started;
  }

  private summarise(status: number, kind: 'whole' | 'stream', errorType?: ErrorType): void {
    const { onRequest } = this.settings;
    if (onRequest === undefined) return;
    const { correlationId, route, reply, runtime } = this;
    const { method } = this.request;
    const { notes } = reply;
    try {
      onRequest({
        correlationId,
        method,
        route,
        status,
        ms: this.elapsed(),
        streamed: kind === 'stream',
        errorType,
        notes,
      });
    } catch (error) {
      runtime.events.emit({ type: 'listener.failed', error, at: runtime.clock.now() });
    }
  }
}
