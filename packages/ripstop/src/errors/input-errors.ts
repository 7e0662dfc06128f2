/** Errors of a request that could never have worked as it was sent. */
import { type ErrorEnvelope, type FieldError, ModelError, type ModelErrorOptions } from './model-error.js';

/** The request is malformed, too large, of a wrong type, or goes to a path or method that does not exist. */
export class InvalidInputError extends ModelError {
  static override readonly errorType = 'invalid_input';
  override readonly name = 'InvalidInputError';

  constructor(message: string = 'The request is not valid', options?: ModelErrorOptions) {
    super('invalid_input', message, options);
  }
}

/** Fields of the request are missing or wrong. Only ever the caller's input: a bad output of ours is `internal_error`. */
export class ValidationError extends ModelError {
  static override readonly errorType = 'validation_error';
  override readonly name = 'ValidationError';
  readonly fields: readonly FieldError[];

  constructor(fields: readonly FieldError[], options?: ModelErrorOptions) {
    super('validation_error', 'Validation failed', options);
    this.fields = fields;
  }

  override toJSON(): ErrorEnvelope {
    const byPath: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
    for (const { path, message } of this.fields) {
      (byPath[path.length === 0 ? '(root)' : path.join(' -> ')] ??= []).push(message);
    }
    return { ...super.toJSON(), field_errors: byPath, fields: this.fields };
  }
}

/** By how much the window was exceeded, where that is known. */
export interface ContextLengthFacts extends ModelErrorOptions {
  /** Tokens asked for: the input and, where it was counted, the output. */
  readonly inputLength?: number;
  /** Tokens that the model's window holds. */
  readonly maxLength?: number;
}

/** The input, with the output asked for, does not fit the model's window. A model with a larger one may do. */
export class ContextLengthError extends ModelError {
  static override readonly errorType = 'context_length_exceeded';
  override readonly name = 'ContextLengthError';

  constructor({ inputLength, maxLength, ...options }: ContextLengthFacts = {}) {
    super('context_length_exceeded', contextSentence(inputLength, maxLength), {
      ...options,
      details: {
        ...options.details,
        ...(inputLength === undefined ? {} : { input_length: inputLength }),
        ...(maxLength === undefined ? {} : { max_length: maxLength }),
        suggestion: 'Reduce input length or use a model with larger context window',
      },
    });
  }
}

/** The provider's safety filter refused the input or the answer. */
export class ContentFilteredError extends ModelError {
  static override readonly errorType = 'content_filtered';
  override readonly name = 'ContentFilteredError';

  constructor(message: string = 'The content was refused by a safety filter', options?: ModelErrorOptions) {
    super('content_filtered', message, options);
  }
}

/** No credential, or one that is not valid. With origin `upstream` it is ours, and the caller gets a 502. */
export class AuthenticationError extends ModelError {
  static override readonly errorType = 'authentication_failed';
  override readonly name = 'AuthenticationError';

  constructor(message: string = 'The credential is missing or not valid', options?: ModelErrorOptions) {
    super('authentication_failed', message, options);
  }
}

/** A valid credential without the right to do this. With origin `upstream` it is ours, and the caller gets a 502. */
export class PermissionDeniedError extends ModelError {
  static override readonly errorType = 'permission_denied';
  override readonly name = 'PermissionDeniedError';

  constructor(message: string = 'The credential does not permit this request', options?: ModelErrorOptions) {
    super('permission_denied', message, options);
  }
}

/** No model of that name. */
export class ModelNotFoundError extends ModelError {
  static override readonly errorType = 'model_not_found';
  override readonly name = 'ModelNotFoundError';

  constructor(message: string = 'The model does not exist', options?: ModelErrorOptions) {
    super('model_not_found', message, options);
  }
}

function contextSentence(inputLength: number | undefined, maxLength: number | undefined): string {
  const input = inputLength === undefined ? 'Input' : `Input length (${inputLength})`;
  const limit = maxLength === undefined ? '' : ` (${maxLength})`;
  return `${input} exceeds model's maximum context length${limit}`;
}
