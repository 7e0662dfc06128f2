/** `ripstop/hono`: chutes in a Hono app, and our error handling for the app's own routes. */
import type { Context, ErrorHandler as HonoErrorHandler, MiddlewareHandler, NotFoundHandler } from 'hono';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import type { ExchangeHandler, RequestHeaders } from '../exchange.js';
import { segmentsOf } from './app-around.js';
import {
  AppErrors,
  type AppRequest,
  type ErrorHandlingOptions,
  knownCorrelationId,
  nothingHere,
  unlessGone,
} from './error-handling.js';
import { type FetchOptions, fetchAnswerer } from './fetch.js';
import { errorAsResponse } from './fetch-response.js';

export type { ErrorHandlingOptions } from './error-handling.js';

/**
 * A chute, or any other exchange handler, as a part of the app: `app.all('/ai/*', mount(chute.handle))`. What stands
 * below the path is the chute's, unknown paths too. A body that a validator has read before is read again.
 */
export function mount(
  handler: ExchangeHandler,
  options: Omit<FetchOptions, 'basePath'> = {},
  runtime: Runtime = systemRuntime,
): (c: Context) => Promise<Response> {
  const answer = fetchAnswerer(handler, options, runtime);
  return (c) => {
    return answer(c.req.raw, {
      segments: segmentsOf(c.req.matchedRoutes[c.req.routeIndex]?.path ?? '/'),
      correlationId: knownCorrelationId(c),
      headers: headersOf(c),
      readAll: () => c.req.arrayBuffer(),
      remoteAddress: incoming(c)?.socket?.remoteAddress,
    });
  };
}

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
    try {
      await errors.run(c, headers, next);
    } catch (error) {
      // What is thrown and is no `Error` goes past Hono's own error handling.
      c.res = errorAsResponse(errors.answer(error, describe(c)));
    }
    c.header('x-correlation-id', errors.begin(c, headers));
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
  const remoteAddress = incoming(c)?.socket?.remoteAddress;
  return { key: c, method, headers: headersOf(c), route: matchedRoutes.at(-1)?.path, remoteAddress };
}

interface Incoming {
  readonly headers: RequestHeaders;
  readonly socket?: { readonly remoteAddress?: string };
}

/** The request of `node:http` behind it, on `@hono/node-server`. */
function incoming(c: Context): Incoming | undefined {
  return (c.env as { readonly incoming?: Incoming } | undefined)?.incoming;
}

function headersOf(c: Context): RequestHeaders {
  return incoming(c)?.headers ?? Object.fromEntries(c.req.raw.headers);
}
