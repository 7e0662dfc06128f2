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

/** What the table says about one type. */
export interface ErrorTypeFacts {
  /** HTTP status by default. */
  readonly http: number;
  /** Status under the `chutes` profile. */
  readonly chutes: number;
  /** Status per profile where the fault is our own credential at the upstream, and never the caller's key. */
  readonly ours?: { readonly http: number; readonly chutes: number };
  /** May the same request be sent again? */
  readonly retryable: boolean;
  /** May another model be asked instead? */
  readonly nextModel: 'yes' | 'no' | 'larger_window' | 'opt_in';
  /** What a circuit breaker makes of it. */
  readonly breaker: 'counts' | 'benches_credential' | 'pauses' | 'ignores';
  readonly origin: Origin;
  /** The message where nothing more is known: one plain sentence, safe to show. */
  readonly sentence: string;
}

/** The one table of error types. Statuses, retries, fallbacks, breakers and the documentation all read it. */
export const errorTypes: Readonly<Record<ErrorType, ErrorTypeFacts>> = {
  invalid_input: {
    http: 400,
    chutes: 400,
    retryable: false,
    nextModel: 'no',
    breaker: 'ignores',
    origin: 'client',
    sentence: 'The request is not valid',
  },
  validation_error: {
    http: 422,
    chutes: 400,
    retryable: false,
    nextModel: 'no',
    breaker: 'ignores',
    origin: 'client',
    sentence: 'Validation failed',
  },
  context_length_exceeded: {
    http: 400,
    chutes: 400,
    retryable: false,
    nextModel: 'larger_window',
    breaker: 'ignores',
    origin: 'client',
    sentence: "The input exceeds the model's maximum context length",
  },
  content_filtered: {
    http: 400,
    chutes: 400,
    retryable: false,
    nextModel: 'opt_in',
    breaker: 'ignores',
    origin: 'client',
    sentence: 'The content was refused by a safety filter',
  },
  authentication_failed: {
    http: 401,
    chutes: 400,
    ours: { http: 502, chutes: 500 },
    retryable: false,
    nextModel: 'yes',
    breaker: 'benches_credential',
    origin: 'client',
    sentence: 'The credential is missing or not valid',
  },
  permission_denied: {
    http: 403,
    chutes: 400,
    ours: { http: 502, chutes: 500 },
    retryable: false,
    nextModel: 'yes',
    breaker: 'benches_credential',
    origin: 'client',
    sentence: 'The credential does not permit this request',
  },
  model_not_found: {
    http: 404,
    chutes: 400,
    retryable: false,
    nextModel: 'yes',
    breaker: 'ignores',
    origin: 'client',
    sentence: 'The model does not exist',
  },
  rate_limited: {
    http: 429,
    chutes: 429,
    retryable: true,
    nextModel: 'yes',
    breaker: 'pauses',
    origin: 'service',
    sentence: 'Too many requests; try again later',
  },
  quota_exceeded: {
    http: 429,
    chutes: 429,
    retryable: false,
    nextModel: 'yes',
    breaker: 'benches_credential',
    origin: 'service',
    sentence: 'The quota is used up',
  },
  model_overloaded: {
    http: 503,
    chutes: 429,
    retryable: true,
    nextModel: 'yes',
    breaker: 'counts',
    origin: 'service',
    sentence: 'The model is overloaded; try again later',
  },
  model_loading_failed: {
    http: 503,
    chutes: 429,
    retryable: true,
    nextModel: 'yes',
    breaker: 'ignores',
    origin: 'service',
    sentence: 'The model is not loaded yet; try again later',
  },
  inference_timeout: {
    http: 504,
    chutes: 500,
    retryable: true,
    nextModel: 'yes',
    breaker: 'counts',
    origin: 'service',
    sentence: 'Model inference timed out',
  },
  out_of_memory: {
    http: 507,
    chutes: 500,
    retryable: false,
    nextModel: 'yes',
    breaker: 'counts',
    origin: 'service',
    sentence: 'Model inference failed due to insufficient memory',
  },
  generation_failed: {
    http: 500,
    chutes: 500,
    retryable: true,
    nextModel: 'yes',
    breaker: 'counts',
    origin: 'service',
    sentence: 'The model failed while generating',
  },
  upstream_unavailable: {
    http: 502,
    chutes: 500,
    retryable: true,
    nextModel: 'yes',
    breaker: 'counts',
    origin: 'upstream',
    sentence: 'The model service is unavailable',
  },
  invalid_response: {
    http: 502,
    chutes: 500,
    retryable: true,
    nextModel: 'yes',
    breaker: 'counts',
    origin: 'upstream',
    sentence: 'The model service sent an answer that makes no sense',
  },
  stream_interrupted: {
    http: 502,
    chutes: 500,
    retryable: true,
    nextModel: 'yes',
    breaker: 'counts',
    origin: 'upstream',
    sentence: 'The answer broke off before its end',
  },
  cancelled: {
    http: 499,
    chutes: 499,
    retryable: false,
    nextModel: 'no',
    breaker: 'ignores',
    origin: 'client',
    sentence: 'The caller left before the answer was ready',
  },
  internal_error: {
    http: 500,
    chutes: 500,
    retryable: false,
    nextModel: 'no',
    breaker: 'ignores',
    origin: 'service',
    sentence: 'An unexpected error occurred',
  },
};
