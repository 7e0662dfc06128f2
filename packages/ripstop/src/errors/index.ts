/** `ripstop/errors`: what can go wrong, and how it is told. */
export { createError } from './create-error.js';
export { type ErrorType, type ErrorTypeFacts, errorTypes, type Origin, type StatusProfile } from './error-types.js';
export {
  AuthenticationError,
  ContentFilteredError,
  ContextLengthError,
  type ContextLengthFacts,
  InvalidInputError,
  ModelNotFoundError,
  PermissionDeniedError,
  ValidationError,
} from './input-errors.js';
export {
  type AttemptReport,
  type ErrorEnvelope,
  type FieldError,
  ModelError,
  type ModelErrorOptions,
  type PublicDetails,
  type StopReason,
} from './model-error.js';
export {
  CancelledError,
  ModelOverloadedError,
  QuotaExceededError,
  RateLimitError,
  type RejectionReason,
} from './rejections.js';
export {
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
