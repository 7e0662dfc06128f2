/** Errors of a call that was refused or given up: by a limit, by load, or by the caller. */
import { ModelError, type ModelErrorOptions } from './model-error.js';

/** Too many requests or tokens for now. Comes back after the stated wait. */
export class RateLimitError extends ModelError {
  static override readonly errorType = 'rate_limited';
  override readonly name = 'RateLimitError';

  constructor(message: string = 'Too many requests; try again later', options?: ModelErrorOptions) {
    super('rate_limited', message, options);
  }
}

/** The money, credits or plan are used up. Waiting does not help. */
export class QuotaExceededError extends ModelError {
  static override readonly errorType = 'quota_exceeded';
  override readonly name = 'QuotaExceededError';

  constructor(message: string = 'The quota is used up', options?: ModelErrorOptions) {
    super('quota_exceeded', message, options);
  }
}

/** Why we refused a call ourselves. Such a rejection says nothing about the service behind it. */
export type RejectionReason = 'circuit_open' | 'queue_full' | 'queue_timeout' | 'shed' | 'draining' | 'throttled';

/** No capacity: the upstream says so, or one of our own policies refused the call (`details.reason`). */
export class ModelOverloadedError extends ModelError {
  static override readonly errorType = 'model_overloaded';
  override readonly name = 'ModelOverloadedError';

  constructor(message: string = 'The model is overloaded; try again later', options?: ModelErrorOptions) {
    super('model_overloaded', message, options);
  }
}

/** The caller left. Nobody reads this error but our own log. */
export class CancelledError extends ModelError {
  static override readonly errorType = 'cancelled';
  override readonly name = 'CancelledError';

  constructor(message: string = 'The caller left before the answer was ready', options?: ModelErrorOptions) {
    super('cancelled', message, options);
  }
}
