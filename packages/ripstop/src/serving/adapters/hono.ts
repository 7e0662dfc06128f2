/** `ripstop/hono`: chutes in a Hono app, and our error handling for the app's own routes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, ErrorHandler as HonoErrorHandler, MiddlewareHandler, NotFoundHandler } from 'hono';
import { type Clock, type Runtime, systemRuntime } from '../../call/runtime.js';
import { createErrorHandler } from '../error-handler.js';
import type { ExchangeHandler, RequestHeaders } from '../exchange.js';
import { type AppAround, segmentsOf } from './app-around.js';
import {
  AppErrors,
  type AppRequest,
  type ErrorHandlingOptions,
  knownCorrelationId,
  nothingHere,
  unlessGone,
} from './error-handling.js';
import { type FetchOptions, fetchAnswerer } from './fetch.js';
import { FetchExchange, type WebExchange } from './fetch-exchange.js';
import { errorAsResponse } from './fetch-response.js';
import { NodeExchange } from './node-exchange.js';
import { createAnswerer } from './node-listener.js';
import { LiveExchanges } from './node-live.js';

export type { ErrorHandlingOptions } from './error-handling.js';

/**
 * A chute, or any other exchange handler, as a part of the app: `app.all('/ai/*', mount(chute.handle))`. What stands
 * below the path is the chute's, unknown paths too. A body that a validator has read before is read again.
 *
 * On `@hono/node-server`, and where no middleware of the app stands around it, the answer is written to `node:http` at
 * once, and what wraps `app.fetch` itself sees only that server's mark for it. Where a middleware does, it sees the answer.
 */
export function mount(
  handler: ExchangeHandler,
  options: Omit<FetchOptions, 'basePath'> = {},
  runtime: Runtime = systemRuntime,
): (c: Context) => Response | Promise<Response> {
  const errorHandler = options.errorHandler ?? createErrorHandler({}, runtime);
  const answer = fetchAnswerer(handler, { errorHandler }, runtime);
  // Bodies have the handler's limits of time.
  const limits = { errorHandler, bodyTimeoutMs: Number.POSITIVE_INFINITY };
  const answerDirectly = createAnswerer(handler, new LiveExchanges(), limits, runtime);
  const segments = new Map<string, number>();
  return (c) => {
    const { incoming, outgoing } = serverOf(c);
    const { matchedRoutes } = c.req;
    const around = { segments: segmentsAround(c, matchedRoutes, segments), correlationId: knownCorrelationId(c) };
    // A body that anybody has laid hands on is read as Hono reads it.
    if (incoming?.readableFlowing !== null || outgoing === undefined) {
      return answer(new FetchExchange(c.req.raw, { ...around, readAll: () => c.req.arrayBuffer() }));
    }
    // Hono makes an answer of its own of what is answered to a HEAD.
    if (matchedRoutes.length === 1 && incoming.httpVersionMajor === 1 && incoming.method !== 'HEAD') {
      answerDirectly(incoming, outgoing, { continueOnRead: 'no', around });
      return alreadySent;
    }
    return answer(exchangeOf(incoming, outgoing, around, runtime.clock));
  };
}

/**
 * Tells `@hono/node-server` (1.10 and later) that the answer is written without it.
 * Source: https://github.com/honojs/node-server, "Direct response from Node.js API".
 */
const alreadySent = new Response(null, { headers: { 'x-hono-already-sent': 'true' } });
// That server's own `Response` in the place of the platform's would be sent as it is, until something of it is read.
void alreadySent.body;

const header = 'x-correlation-id';

/**
 * Gives every request its correlation id and its error context, and every answer the header: `app.use(requestContext())`,
 * before the rest.
 */
export function requestContext(
  options: ErrorHandlingOptions = {},
  runtime: Runtime = systemRuntime,
): MiddlewareHandler {
  const errors = new AppErrors(options, runtime);
  return async (c, next) => {
    const headers = headersOf(c);
    const correlationId = errors.begin(c, headers);
    c.header(header, correlationId);
    try {
      await errors.run(c, headers, next);
    } catch (error) {
      // What is thrown and is no `Error` goes past Hono's own error handling.
      c.res = errorAsResponse(errors.answer(error, describe(c)));
    }
    // A `Response` that the handler made itself has not got it. To set it anew on any other costs a copy of the answer.
    if (c.res.headers.get(header) !== correlationId) c.header(header, correlationId);
  };
}

/** Answers every error of the app: `app.onError(errorHandler())`. */
export function errorHandler(options: ErrorHandlingOptions = {}, runtime: Runtime = systemRuntime): HonoErrorHandler {
  const errors = new AppErrors(options, runtime);
  return (error, c) => {
    const meant = unlessGone(error, c.req.raw.signal.aborted ? 'gone' : 'here');
    return errorAsResponse(errors.answer(meant, describe(c)));
  };
}

/** A path that the app has nothing at is a 404 of ours: `app.notFound(notFound())`. */
export function notFound(options: ErrorHandlingOptions = {}, runtime: Runtime = systemRuntime): NotFoundHandler {
  const errors = new AppErrors(options, runtime);
  return (c) => errorAsResponse(errors.answer(nothingHere(), describe(c)));
}

/** The correlation id of a request that `requestContext` or the error handling has seen. */
export function correlationIdOf(c: Context): string | undefined {
  return knownCorrelationId(c);
}

function describe(c: Context): AppRequest {
  const { method, matchedRoutes } = c.req;
  const remoteAddress = serverOf(c).incoming?.socket?.remoteAddress;
  return { key: c, method, headers: headersOf(c), route: matchedRoutes.at(-1)?.path, remoteAddress };
}

/** The request and the answer of `node:http` behind them, on `@hono/node-server`: the same facts at a lower price. */
interface Server {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
}

function serverOf(c: Context): Server {
  return (c.env as Server | undefined) ?? {};
}

function headersOf(c: Context): RequestHeaders {
  return (serverOf(c).incoming?.headers as RequestHeaders | undefined) ?? Object.fromEntries(c.req.raw.headers);
}

/** `known` are the segments of the routes that it is mounted at, which are counted once. */
function segmentsAround(c: Context, routes: Context['req']['matchedRoutes'], known: Map<string, number>): number {
  const route = routes[c.req.routeIndex]?.path ?? '/';
  const segments = known.get(route) ?? segmentsOf(route);
  known.set(route, segments);
  return segments;
}

function exchangeOf(incoming: IncomingMessage, outgoing: ServerResponse, around: AppAround, clock: Clock): WebExchange {
  const bodyTimeoutMs = Number.POSITIVE_INFINITY;
  const exchange = new NodeExchange(incoming, outgoing, { clock, bodyTimeoutMs, continueOnRead: 'no', around });
  outgoing.once('close', () => exchange.close());
  return exchange;
}
