/** Errors of a call that was made and went wrong. */
import { ModelError, type ModelErrorOptions } from './model-error.js';

/** The model is cold, loading, or could not be loaded. Worth a patient retry. */
export class ModelLoadingError extends ModelError {
  static override readonly errorType = 'model_loading_failed';
  override readonly name = 'ModelLoadingError';

  constructor(message: string = 'The model is not loaded yet; try again later', options?: ModelErrorOptions) {
    super('model_loading_failed', message, options);
  }
}

/**
 * The model gave no answer within its limit.
 *
 * Retryable, since a model is often slow only once. Whether it did the work
 * is unknown, so a retry may be billed for the same tokens again.
 */
export class InferenceTimeoutError extends ModelError {
  static override readonly errorType = 'inference_timeout';
  override readonly name = 'InferenceTimeoutError';

  /** `limitMs` is left out where another party's limit ran out and did not say how long it was. */
  constructor(limitMs?: number, options?: ModelErrorOptions) {
    const seconds = limitMs === undefined ? undefined : limitMs / 1000;
    super(
      'inference_timeout',
      seconds === undefined ? 'Model inference timed out' : `Model inference timed out after ${seconds} seconds`,
      {
        ...options,
        details: { ...options?.details, ...(seconds === undefined ? {} : { timeout_seconds: seconds }) },
      },
    );
  }
}

/** How full the memory was, where that is known. */
export interface OutOfMemoryFacts extends ModelErrorOptions {
  /** In MB. */
  readonly memoryUsed?: number;
  /** In MB. */
  readonly memoryAvailable?: number;
}

/** GPU or main memory ran out. The same request would run out again; a smaller one may not. */
export class OutOfMemoryError extends ModelError {
  static override readonly errorType = 'out_of_memory';
  override readonly name = 'OutOfMemoryError';

  constructor({ memoryUsed, memoryAvailable, ...options }: OutOfMemoryFacts = {}) {
    super('out_of_memory', 'Model inference failed due to insufficient memory', {
      ...options,
      details: {
        ...options.details,
        ...(memoryUsed === undefined ? {} : { memory_used_mb: memoryUsed }),
        ...(memoryAvailable === undefined ? {} : { memory_available_mb: memoryAvailable }),
      },
    });
  }
}

/** The model itself failed while generating. */
export class GenerationFailedError extends ModelError {
  static override readonly errorType = 'generation_failed';
  override readonly name = 'GenerationFailedError';

  constructor(message: string = 'The model failed while generating', options?: ModelErrorOptions) {
    super('generation_failed', message, options);
  }
}

/** The service cannot be reached, or answers 5xx without a cause. */
export class UpstreamUnavailableError extends ModelError {
  static override readonly errorType = 'upstream_unavailable';
  override readonly name = 'UpstreamUnavailableError';

  constructor(message: string = 'The model service is unavailable', options?: ModelErrorOptions) {
    super('upstream_unavailable', message, options);
  }
}

/** A success that is none: malformed, empty, or a 200 with an error inside. */
export class InvalidResponseError extends ModelError {
  static override readonly errorType = 'invalid_response';
  override readonly name = 'InvalidResponseError';

  constructor(message: string = 'The model service sent an answer that makes no sense', options?: ModelErrorOptions) {
    super('invalid_response', message, options);
  }
}

/** A stream ended, stalled or failed after its first content. */
export class StreamInterruptedError extends ModelError {
  static override readonly errorType = 'stream_interrupted';
  override readonly name = 'StreamInterruptedError';

  constructor(message: string = 'The answer broke off before its end', options?: ModelErrorOptions) {
    super('stream_interrupted', message, options);
  }
}

/** A fault of our own that nothing else names. The message says nothing about it; `cause` does. */
export class InternalError extends ModelError {
  static override readonly errorType = 'internal_error';
  override readonly name = 'InternalError';

  constructor(message: string = 'An unexpected error occurred', options?: ModelErrorOptions) {
    super('internal_error', message, options);
  }
}
