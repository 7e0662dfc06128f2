/** Exchange handlers behind Web `Request` and `Response`: Deno, Bun, workers, and frameworks made of them. */
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { discardStream } from '../../call/stream.js';
import { InvalidInputError } from '../../errors/input-errors.js';
import { ModelError } from '../../errors/model-error.js';
import { CancelledError } from '../../errors/rejections.js';
import { Caller } from '../caller.js';
import { requestCorrelationId } from '../correlation.js';
import { createErrorHandler, type ErrorHandler } from '../error-handler.js';
import {
  assertDeclaredLength,
  bodyTooLarge,
  type ExchangeHandler,
  type ExchangeRequest,
  type ExchangeResponse,
  isBodiless,
  type RequestHeaders,
  type ResponseBody,
  type ResponseHeaders,
  splitTarget,
} from '../exchange.js';
import { type AppAround, belowBase, segmentsOf, withCorrelationId, withinLimit } from './app-around.js';

type Stream = AsyncIterable<string | Uint8Array>;

/** Options of `fetchHandler()`. */
export interface FetchOptions {
  /** Tells what a handler's own errors mean. Default: one of its own. */
  readonly errorHandler?: ErrorHandler;
  /** Where the handler is mounted: `/api/ai` is taken off every path. Default: `/`. */
  readonly basePath?: string;
}

/** Never rejects: what goes wrong is an answer too. Time limits on slow bodies are the platform's. */
export function fetchHandler(
  handler: ExchangeHandler,
  options: FetchOptions = {},
  runtime: Runtime = systemRuntime,
): (request: Request) => Promise<Response> {
  const answer = fetchAnswerer(handler, options, runtime);
  const segments = segmentsOf(options.basePath ?? '/');
  return (request) => answer(request, { segments });
}

/** How a Web request came to us. */
export interface FetchArrival extends AppAround {
  /** Where the framework has them in a form that is cheaper to read. */
  readonly headers?: RequestHeaders | undefined;
  /** Reads the whole body, also after the framework has read it. */
  readonly readAll?: (() => Promise<ArrayBuffer>) | undefined;
  readonly remoteAddress?: string | undefined;
}

/** `fetchHandler` for frameworks that know more of a request than the request tells. */
export function fetchAnswerer(
  handler: ExchangeHandler,
  { errorHandler }: FetchOptions,
  runtime: Runtime,
): (request: Request, arrival: FetchArrival) => Promise<Response> {
  const errors = errorHandler ?? createErrorHandler({}, runtime);
  return async (request, arrival) => {
    const exchange = new FetchExchange(request, arrival);
    try {
      return toResponse(exchange, await handler(exchange));
    } catch (error) {
      const scope = { method: exchange.method, correlationId: requestCorrelationId(exchange.headers, runtime) };
      return toResponse(exchange, errors.respond(error, scope));
    }
  };
}

class FetchExchange implements ExchangeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: RequestHeaders;
  readonly remoteAddress: string | undefined;
  readonly caller: Caller = new Caller();
  private readonly request: Request;
  private readonly readAll: () => Promise<ArrayBuffer>;
  private body: Promise<Uint8Array> | undefined = undefined;

  constructor(request: Request, arrival: FetchArrival) {
    const { path, query } = splitTarget(request.url);
    const headers = arrival.headers ?? Object.fromEntries(request.headers);
    this.request = request;
    this.method = request.method.toUpperCase();
    this.path = belowBase(path, arrival.segments ?? 0);
    this.query = query;
    this.headers = withCorrelationId(headers, arrival.correlationId);
    this.remoteAddress = arrival.remoteAddress;
    this.readAll = arrival.readAll ?? (() => request.arrayBuffer());
    const { signal } = request;
    if (signal.aborted) this.left(signal.reason);
    else signal.addEventListener('abort', () => this.left(signal.reason), { once: true });
  }

  get signal(): AbortSignal {
    return this.caller.signal;
  }

  left(cause: unknown): void {
    this.caller.abort(new CancelledError(undefined, { cause }));
  }

  readBody(limitBytes: number): Promise<Uint8Array> {
    this.body ??= this.read(limitBytes);
    return this.body;
  }

  private async read(limitBytes: number): Promise<Uint8Array> {
    assertDeclaredLength(this.headers, limitBytes);
    // A body of a stated length is no longer than that, so it can be read in one go.
    const whole = this.request.bodyUsed || this.headers['content-length'] !== undefined;
    try {
      const bytes = whole ? new Uint8Array(await this.readAll()) : await this.collect(limitBytes);
      if (this.caller.aborted) throw this.caller.reason;
      return withinLimit(bytes, limitBytes);
    } catch (error) {
      if (this.caller.aborted) throw this.caller.reason;
      throw ModelError.isInstance(error)
        ? error
        : new InvalidInputError('The request body broke off', { cause: error });
    }
  }

  private async collect(limitBytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const reader = this.request.body?.getReader();
    if (reader === undefined) return new Uint8Array();
    const leave = (): void => void reader.cancel(this.caller.reason).catch(() => undefined);
    this.caller.addEventListener('abort', leave);
    try {
      for (let step = await reader.read(); !step.done; step = await reader.read()) {
        const chunk = step.value as Uint8Array;
        length += chunk.length;
        if (length > limitBytes) {
          leave();
          throw bodyTooLarge(limitBytes);
        }
        chunks.push(chunk);
      }
    } finally {
      this.caller.removeEventListener('abort', leave);
    }
    return joined(chunks, length);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function toResponse(exchange: FetchExchange, { status, headers, body }: ExchangeResponse): Response {
  const lines = headerLines(headers);
  const silent = exchange.method === 'HEAD' || isBodiless(status);
  if (!isStreamBody(body)) return new Response(silent ? null : body, { status, headers: lines });
  if (!silent) return new Response(readable(exchange, body), { status, headers: lines });
  discardStream(body);
  return new Response(null, { status, headers: lines });
}

/** A plain object where that is enough: some servers write one out without making a `Headers` of it. */
function headerLines(headers: ResponseHeaders): Record<string, string> | Headers {
  if (Object.values(headers).every((value) => typeof value === 'string')) return headers as Record<string, string>;
  const lines = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const line of typeof value === 'string' ? [value] : value) lines.append(name, line);
  }
  return lines;
}

/** Reads the source only when the client reads, and tells it to stop when the client leaves. */
function readable(exchange: FetchExchange, body: Stream): ReadableStream<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  const utf8 = new TextEncoder();
  const stop = (): void => {
    void Promise.resolve()
      .then(() => iterator.return?.())
      .catch(() => undefined); // Nobody is left to hear that it failed to stop.
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const { caller } = exchange;
        const leave = (): void => {
          stop();
          controller.error(caller.reason);
        };
        if (caller.aborted) leave();
        else caller.addEventListener('abort', leave);
      },
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (exchange.caller.aborted) return;
        if (done === true) controller.close();
        else controller.enqueue(typeof value === 'string' ? utf8.encode(value) : value);
      },
      cancel: (reason) => exchange.left(reason),
    },
    { highWaterMark: 0 },
  );
}

function isStreamBody(body: ResponseBody): body is Stream {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}
