/**
 * `ripstop/express`: chutes in an Express 5 app, and our error handling for the app's own routes. Express's requests
 * and responses are those of `node:http`, so connect and its kin can use it too.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import type { ExchangeHandler, ExchangeResponse, RequestHeaders } from '../exchange.js';
import {
  AppErrors,
  type AppRequest,
  type ErrorHandlingOptions,
  knownCorrelationId,
  nothingHere,
  unlessGone,
} from './error-handling.js';
import { createAnswerer, type NodeOptions } from './node-listener.js';
import { LiveExchanges } from './node-live.js';

export type { ErrorHandlingOptions } from './error-handling.js';

/** Goes on to the next middleware, or with an error to the next error middleware. */
export type Next = (error?: unknown) => void;

/** What `app.use` takes. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

/** What `app.use` takes for errors. */
export type ErrorMiddleware = (error: unknown, request: IncomingMessage, response: ServerResponse, next: Next) => void;

/**
 * A chute, or any other exchange handler, as a part of the app: `app.use('/ai', mount(chute.handle))`. What stands
 * below the path is the chute's, unknown paths too. A body that a parser has read before is taken from `request.body`.
 *
 * @throws RangeError for a limit that is not above 0.
 */
export function mount(
  handler: ExchangeHandler,
  options: NodeOptions = {},
  runtime: Runtime = systemRuntime,
): Middleware {
  const answer = createAnswerer(handler, new LiveExchanges(), options, runtime);
  return (request, response) => {
    const around = { correlationId: knownCorrelationId(request), body: parsedBody(request) };
    answer(request, response, { continueOnRead: 'no', around });
  };
}

/** Gives every request its correlation id and its error context, and every answer the header. It goes first. */
export function requestContext(options: ErrorHandlingOptions = {}, runtime: Runtime = systemRuntime): Middleware {
  const errors = new AppErrors(options, runtime);
  return (request, response, next) => {
    const headers = request.headers as RequestHeaders;
    response.setHeader('x-correlation-id', errors.begin(request, headers));
    errors.run(request, headers, next);
  };
}

/** A path that the app has nothing at becomes a 404 of ours. It goes after the routes. */
export function notFound(): Middleware {
  return (_request, _response, next) => next(nothingHere());
}

/**
 * Answers every error of the app, those of async handlers too, and never a second time: where the answer has begun, the
 * connection is broken off. It goes last.
 */
export function errorMiddleware(options: ErrorHandlingOptions = {}, runtime: Runtime = systemRuntime): ErrorMiddleware {
  const errors = new AppErrors(options, runtime);
  // Express tells an error middleware by its four parameters.
  return (error, request, response, _next) => {
    const asked = describe(request);
    if (response.destroyed) return void errors.note(unlessGone(error, 'gone'), asked);
    if (response.headersSent) {
      errors.note(error, asked);
      response.destroy();
      return;
    }
    write(request, response, errors.answer(error, asked));
  };
}

/** The correlation id of a request that `requestContext` or the error handling has seen. */
export function correlationIdOf(request: IncomingMessage): string | undefined {
  return knownCorrelationId(request);
}

function describe(request: IncomingMessage): AppRequest {
  const { baseUrl = '', route } = request as {
    readonly baseUrl?: string;
    readonly route?: { readonly path?: unknown };
  };
  const pattern = typeof route?.path === 'string' ? `${baseUrl}${route.path}` : undefined;
  const headers = request.headers as RequestHeaders;
  const { remoteAddress } = request.socket;
  return { key: request, method: request.method ?? 'GET', headers, route: pattern, remoteAddress };
}

/** What a handler had begun to say of its own body is not true of the error's. */
const ofTheBody = [
  'content-encoding',
  'content-language',
  'content-range',
  'etag',
  'last-modified',
  'transfer-encoding',
];

function write(request: IncomingMessage, response: ServerResponse, { status, headers, body }: ExchangeResponse): void {
  for (const name of ofTheBody) response.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const text = body as string;
  response.setHeader('content-length', Buffer.byteLength(text));
  response.statusCode = status;
  response.end(request.method === 'HEAD' ? undefined : text);
  // A body that nobody reads to its end would hold the connection.
  request.unpipe();
  request.resume();
}

/** The bytes of a body that a parser of the app has read, whatever it made of them. */
function parsedBody(request: IncomingMessage): Uint8Array | undefined {
  const { body } = request as { readonly body?: unknown };
  if (!request.readableEnded || body === undefined) return undefined;
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
