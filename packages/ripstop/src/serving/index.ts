/** `ripstop/serving`: what we offer over HTTP. Servers: `fetchHandler` here, `node:http` under `ripstop/node`. */
export type { OutputOf, StandardSchema } from '../input/issues.js';
export { type FetchOptions, fetchHandler } from './adapters/fetch.js';
export { type Chute, type ChuteOptions, chuteDefaults, createChute, type HookScope } from './chute.js';
export type { CordCall, CordOptions, Guard, GuardCall, Reply } from './cord.js';
export { requestCorrelationId } from './correlation.js';
export {
  createErrorHandler,
  type ErrorHandler,
  type ErrorHandlerOptions,
  type ErrorScope,
} from './error-handler.js';
export {
  type ExchangeHandler,
  type ExchangeRequest,
  type ExchangeResponse,
  type RequestHeaders,
  type ResponseBody,
  type ResponseHeaders,
  respond,
} from './exchange.js';
export type { Hook } from './lifecycle.js';
export type { Logger } from './logger.js';
export {
  type Dialect,
  type ErrorFormat,
  type ErrorResponseOptions,
  errorBody,
  errorFormat,
  errorFrame,
  errorResponse,
  type Framing,
  type StreamFacts,
} from './problem.js';
export type { RequestSummary } from './request.js';
