/** Everything that can go wrong between a caller and a model. These strings go on the wire as `error_type`. */
export type ErrorType =
  | 'invalid_input'
  | 'validation_error'
  | 'context_length_exceeded'
  | 'content_filtered'
  | 'authentication_failed'
  | 'permission_denied'
  | 'model_not_found'
  | 'rate_limited'
  | 'quota_exceeded'
  | 'model_overloaded'
  | 'model_loading_failed'
  | 'inference_timeout'
  | 'out_of_memory'
  | 'generation_failed'
  | 'upstream_unavailable'
  | 'invalid_response'
  | 'stream_interrupted'
  | 'cancelled'
  | 'internal_error';

/** Whose fault it is: the caller's, ours, or that of the service we called. */
export type Origin = 'client' | 'service' | 'upstream';

/** How statuses are chosen: plain HTTP, or what the Chutes platform passes on (only 400, 429 and 5xx; see D122). */
export type StatusProfile = 'http' | 'chutes';

/** What errors and policies read of one type. */
export interface ErrorFacts {
  /** HTTP status by default. */
  readonly http: number;
  /** Status under the `chutes` profile. */
  readonly chutes: number;
  /** Status per profile where the fault is our own credential at the upstream, and never the caller's key. */
  readonly ours?: { readonly http: number; readonly chutes: number } | undefined;
  /** May the same request be sent again? */
  readonly retryable: boolean;
  /** What a circuit breaker makes of it. */
  readonly breaker: 'counts' | 'benches_credential' | 'pauses' | 'ignores';
  readonly origin: Origin;
}

function facts(
  http: number,
  chutes: number,
  repeatable: 'retryable' | 'final',
  breaker: ErrorFacts['breaker'],
  origin: Origin,
  ours?: ErrorFacts['ours'],
): ErrorFacts {
  return { http, chutes, ours, retryable: repeatable === 'retryable', breaker, origin };
}

/** The one table of error types: statuses, retries and breakers all read it. `error-table` adds what guests read. */
export const errorFacts: Readonly<Record<ErrorType, ErrorFacts>> = {
  invalid_input: facts(400, 400, 'final', 'ignores', 'client'),
  validation_error: facts(422, 400, 'final', 'ignores', 'client'),
  context_length_exceeded: facts(400, 400, 'final', 'ignores', 'client'),
  content_filtered: facts(400, 400, 'final', 'ignores', 'client'),
  authentication_failed: facts(401, 400, 'final', 'benches_credential', 'client', { http: 502, chutes: 500 }),
  permission_denied: facts(403, 400, 'final', 'benches_credential', 'client', { http: 502, chutes: 500 }),
  model_not_found: facts(404, 400, 'final', 'ignores', 'client'),
  rate_limited: facts(429, 429, 'retryable', 'pauses', 'service'),
  quota_exceeded: facts(429, 429, 'final', 'benches_credential', 'service'),
  model_overloaded: facts(503, 429, 'retryable', 'counts', 'service'),
  model_loading_failed: facts(503, 429, 'retryable', 'ignores', 'service'),
  inference_timeout: facts(504, 500, 'retryable', 'counts', 'service'),
  out_of_memory: facts(507, 500, 'final', 'counts', 'service'),
  generation_failed: facts(500, 500, 'retryable', 'counts', 'service'),
  upstream_unavailable: facts(502, 500, 'retryable', 'counts', 'upstream'),
  invalid_response: facts(502, 500, 'retryable', 'counts', 'upstream'),
  stream_interrupted: facts(502, 500, 'retryable', 'counts', 'upstream'),
  cancelled: facts(499, 499, 'final', 'ignores', 'client'),
  internal_error: facts(500, 500, 'final', 'ignores', 'service'),
};
