/** `ripstop/serving`: what we offer over HTTP. Servers: `fetchHandler` here, `node:http` under `ripstop/node`. */
export { RelayedStream } from '../call/relayed-stream.js';
export type { OutputOf, StandardSchema } from '../input/issues.js';
export type { ErrorHandlingOptions } from './adapters/error-handling.js';
export { type FetchOptions, fetchHandler } from './adapters/fetch.js';
export { type WebHandler, withErrors } from './adapters/fetch-errors.js';
export { type BodyLimitOptions, bodyLimitDefaults } from './body-limits.js';
export {
  type ChecklistCategory,
  type ChecklistItem,
  type ChecklistItemId,
  checklist,
  type ServiceItemId,
} from './checklist/checklist.js';
export type { FindingStatus, ImplementationFinding } from './checklist/finding.js';
export {
  type ImplementationReport,
  type ValidateOptions,
  validateImplementation,
} from './checklist/validate-implementation.js';
export { createChute } from './chute.js';
export type { Chute, HookScope } from './chute-interface.js';
export { type ChuteOptions, chuteDefaults } from './chute-options.js';
export type { CordType, CordTypes } from './chute-types.js';
export { type Client, type ClientCallOptions, type ClientOptions, createClient } from './client.js';
export type { CordCall, CordHandler, CordMethod, CordOptions, Guard, GuardCall, Reply } from './cord.js';
export { requestCorrelationId } from './correlation.js';
export { type ClientAddressOptions, clientAddress } from './client-address.js';
export { type CorsOptions, corsDefaults } from './cors.js';
export {
  createErrorHandler,
  type ErrorHandler,
  type ErrorHandlerOptions,
  type ErrorScope,
  errorHandlerDefaults,
} from './error-handler.js';
export type { ErrorRecord, ErrorStatistics } from './error-history.js';
export { eventLine, logEvents } from './event-lines.js';
export {
  type BodyReader,
  type ExchangeHandler,
  type ExchangeRequest,
  type ExchangeResponse,
  type RequestHeaders,
  type ResponseBody,
  type ResponseHeaders,
  respond,
} from './exchange.js';
export type { JsonSchema, SchemaSide, ToJsonSchema } from './json-schema.js';
export type { Hook, HookOptions } from './lifecycle.js';
export type { ListenOptions } from './listen.js';
export { consoleLogger, type Logger, type LogLevel, type LogLine, redactingLogger } from './logger.js';
export type { ExposeDetails, Translate } from './meant-error.js';
export type { Middleware, MiddlewareCall } from './middleware.js';
export type { OpenApiOptions } from './openapi.js';
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
export type { RequestSummary } from './request-summary.js';
export type { TestRequestInit } from './test-request.js';
