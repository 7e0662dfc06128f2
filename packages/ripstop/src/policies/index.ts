/** `ripstop/policies`: what we do about a failing call. */
export type { Call, CallContext, ContextOptions } from '../call/call.js';
export { type CallReport, callReport } from '../call/call-report.js';
export { type Quantiles, quantiles } from './parts/quantiles.js';
export { detectNestedRetries } from './parts/attempt-storage.js';
export { type BackoffOptions, backoffDefaults, type Jitter } from './parts/backoff.js';
export {
  type RetryBudget,
  type RetryBudgetOptions,
  retryBudget,
  retryBudgetDefaults,
} from './parts/retry-budget.js';
export { type CallSafety, type HedgeOptions, hedge, hedgeDefaults } from './hedge.js';
export type { WindowOptions } from './parts/rolling-window.js';
export {
  type AdaptiveLimit,
  type AdaptiveLimitOptions,
  adaptiveLimit,
  adaptiveLimitDefaults,
} from './adaptive-limit.js';
export { type Bulkhead, type BulkheadOptions, bulkhead, bulkheadDefaults } from './bulkhead.js';
export {
  type BreakerCounters,
  type BreakerOutcome,
  type BreakerOverride,
  type BreakerSnapshot,
  type BreakerState,
  type CircuitBreaker,
  type CircuitBreakerOptions,
  circuitBreaker,
  circuitBreakerDefaults,
  type OpenCause,
  type Permit,
} from './circuit-breaker.js';
export { type CoalesceOptions, coalesce, coalesceDefaults } from './coalesce.js';
export { type DeadlineOptions, deadline, deadlineDefaults } from './deadline.js';
export { type FallbackOptions, type FallbackOutcome, fallback, type StandIn } from './fallback.js';
export { type CockatielPolicy, fromCockatiel } from './from-cockatiel.js';
export { type Keyed, type KeyedOptions, keyed, keyedDefaults } from './keyed.js';
export {
  type ExecuteOptions,
  type Next,
  type Policy,
  type PolicyOf,
  type PolicyRun,
  pipeline,
  policy,
} from './policy.js';
export {
  type LimitHeaders,
  type RateLimit,
  type RateLimitOptions,
  type RateLimitSize,
  type RateLimitState,
  rateLimit,
  rateLimitDefaults,
} from './rate-limit.js';
export { type RetryOptions, retry, retryDefaults } from './retry.js';
export { type Throttle, type ThrottleOptions, throttle, throttleDefaults } from './throttle.js';
export { type TimeoutOptions, timeout, timeoutDefaults } from './timeout.js';
