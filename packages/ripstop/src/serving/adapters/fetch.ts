/** Exchange handlers behind Web `Request` and `Response`: Deno, Bun, workers, and frameworks made of them. */
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { discardStream } from '../../call/stream.js';
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
} from '../exchange.js';

type Stream = AsyncIterable<string | Uint8Array>;

/** Options of `fetchHandler()`. */
export interface FetchOptions {
  /** Tells what a handler's own errors mean. Default: one of its own. */
  readonly errorHandler?: ErrorHandler;
}

/** Never rejects: what goes wrong is an answer too. Time limits on slow bodies are the platform's. */
export function fetchHandler(
  handler: ExchangeHandler,
  options: FetchOptions = {},
  runtime: Runtime = systemRuntime,
): (request: Request) => Promise<Response> {
  const errors = options.errorHandler ?? createErrorHandler({}, runtime);
  return async (request) => {
    const exchange = new FetchExchange(request);
    const scope = { method: exchange.method, correlationId: requestCorrelationId(exchange.headers, runtime) };
    try {
      return toResponse(exchange, await handler(exchange));
    } catch (error) {
      return toResponse(exchange, errors.respond(error, scope));
    }
  };
}

class FetchExchange implements ExchangeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: RequestHeaders;
  readonly caller: Caller = new Caller();
  private readonly request: Request;
  private body: Promise<Uint8Array> | undefined = undefined;

  constructor(request: Request) {
    const { pathname, search } = new URL(request.url);
    this.request = request;
    this.method = request.method.toUpperCase();
    this.path = pathname;
    this.query = search.slice(1);
    this.headers = Object.fromEntries(request.headers);
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
    this.body ??= this.collect(limitBytes);
    return this.body;
  }

  private async collect(limitBytes: number): Promise<Uint8Array> {
    assertDeclaredLength(this.headers, limitBytes);
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
    } catch (error) {
      throw this.caller.aborted ? this.caller.reason : error;
    } finally {
      this.caller.removeEventListener('abort', leave);
    }
    if (this.caller.aborted) throw this.caller.reason;
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
  const lines = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const line of typeof value === 'string' ? [value] : value) lines.append(name, line);
  }
  const silent = exchange.method === 'HEAD' || isBodiless(status);
  if (!isStreamBody(body)) return new Response(silent ? null : body, { status, headers: lines });
  if (!silent) return new Response(readable(exchange, body), { status, headers: lines });
  discardStream(body);
  return new Response(null, { status, headers: lines });
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
