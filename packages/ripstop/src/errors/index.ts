/** `ripstop/errors`: what can go wrong, and how it is told. */
export { createError } from './create-error.js';
export { type ErrorTypeFacts, errorTypes } from './error-table.js';
export type { ErrorFacts, ErrorType, Origin, StatusProfile } from './error-types.js';
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
export { type LoggedError, loggedError, type ToldMessages } from './logged-error.js';
export {
  type AttemptReport,
  type ErrorEnvelope,
  type FieldError,
  ModelError,
  type ModelErrorOptions,
  type PublicDetails,
  type StopReason,
} from './model-error.js';
export { hideSecrets } from './redact.js';
export { type RedactOptions, redactFields } from './redact-fields.js';
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
