/** The front door: what most programs need, name by name. Each floor has its own entry besides. */
export { type CallReport, callReport } from './call/call-report.js';
export type { Call, CallContext, ContextOptions } from './call/call.js';
export type { CallerSignal } from './call/caller-signal.js';
export { isCorrelationId, newCorrelationId } from './call/correlation-id.js';
export { type ContextFields, type ErrorContext, errorContext, withErrorContext } from './call/error-context.js';
export type {
  CallEvent,
  EventListener,
  Events,
  HandledError,
  ListenerOptions,
  ReportedEvent,
} from './call/events.js';
export { type Clock, type Random, type Runtime, systemRuntime, type Timer } from './call/runtime.js';
export * from './errors/index.js';
export * from './policies/index.js';
export { type ResilientFetchOptions, resilientFetch } from './models/resilient-fetch.js';
