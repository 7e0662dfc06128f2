import type { ErrorType } from './error-types.js';
import {
  AuthenticationError,
  ContentFilteredError,
  ContextLengthError,
  type ContextLengthFacts,
  InvalidInputError,
  ModelNotFoundError,
  PermissionDeniedError,
  ValidationError,
} from './input-errors.js';
import type { ModelError } from './model-error.js';
import { CancelledError, ModelOverloadedError, QuotaExceededError, RateLimitError } from './rejections.js';
import {
  GenerationFailedError,
  InferenceTimeoutError,
  InternalError,
  InvalidResponseError,
  ModelLoadingError,
  OutOfMemoryError,
  type OutOfMemoryFacts,
  StreamInterruptedError,
  UpstreamUnavailableError,
} from './upstream-errors.js';

/** The leaf class of a type that is only known at run time: read off the wire, or out of a table. */
export function createError(errorType: ErrorType, options: ContextLengthFacts & OutOfMemoryFacts = {}): ModelError {
  switch (errorType) {
    case 'invalid_input':
      return new InvalidInputError(undefined, options);
    case 'validation_error':
      return new ValidationError([], options);
    case 'context_length_exceeded':
      return new ContextLengthError(options);
    case 'content_filtered':
      return new ContentFilteredError(undefined, options);
    case 'authentication_failed':
      return new AuthenticationError(undefined, options);
    case 'permission_denied':
      return new PermissionDeniedError(undefined, options);
    case 'model_not_found':
      return new ModelNotFoundError(undefined, options);
    case 'rate_limited':
      return new RateLimitError(undefined, options);
    case 'quota_exceeded':
      return new QuotaExceededError(undefined, options);
    case 'model_overloaded':
      return new ModelOverloadedError(undefined, options);
    case 'model_loading_failed':
      return new ModelLoadingError(undefined, options);
    case 'inference_timeout':
      return new InferenceTimeoutError(undefined, options);
    case 'out_of_memory':
      return new OutOfMemoryError(options);
    case 'generation_failed':
      return new GenerationFailedError(undefined, options);
    case 'upstream_unavailable':
      return new UpstreamUnavailableError(undefined, options);
    case 'invalid_response':
      return new InvalidResponseError(undefined, options);
    case 'stream_interrupted':
      return new StreamInterruptedError(undefined, options);
    case 'cancelled':
      return new CancelledError(undefined, options);
    case 'internal_error':
      return new InternalError(undefined, options);
  }
}
