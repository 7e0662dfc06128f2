/** Exchange handlers behind Web `Request` and `Response`: Deno, Bun, workers, and frameworks made of them. */
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { createError } from '../../errors/create-error.js';
import type { ModelError } from '../../errors/model-error.js';
import { requestCorrelationId } from '../correlation.js';
import { createErrorHandler, type ErrorHandler, type ErrorScope } from '../error-handler.js';
import type { ExchangeHandler, ExchangeResponse } from '../exchange.js';
import { handle } from '../outcome.js';
import { segmentsOf } from './app-around.js';
import { FetchExchange, type WebExchange } from './fetch-exchange.js';
import { toResponse } from './fetch-response.js';

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
  return (request) => answer(new FetchExchange(request, { segments }));
}

/** The same for frameworks, which know more of a request than the request tells. */
export function fetchAnswerer(
  handler: ExchangeHandler,
  { errorHandler }: FetchOptions,
  runtime: Runtime,
): (exchange: WebExchange) => Promise<Response> {
  const errors = errorHandler ?? createErrorHandler({}, runtime);
  return (exchange) => {
    const scope = (): ErrorScope => {
      return { method: exchange.method, correlationId: requestCorrelationId(exchange.headers, runtime) };
    };
    // Servers log the error of a stream, and some send its message, so it has nothing of the one that was thrown.
    const broken = (error: unknown): ModelError => {
      const { errorType, message, correlationId } = errors.handle(error, scope());
      return createError(errorType, { message, ...(correlationId === undefined ? {} : { correlationId }) });
    };
    const failed = (error: unknown): Response => toResponse(exchange, errors.respond(error, scope()), broken);
    const answered = (answer: ExchangeResponse): Response => {
      try {
        return toResponse(exchange, answer, broken);
      } catch (error) {
        return failed(error);
      }
    };
    return new Promise((resolve) => {
      handle(handler, exchange, {
        answered: (answer) => resolve(answered(answer)),
        failed: (error) => resolve(failed(error)),
      });
    });
  };
}
