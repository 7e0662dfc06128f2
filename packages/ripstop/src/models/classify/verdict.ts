import type { ErrorType } from '../../errors/error-types.js';

/** What a piece of evidence says. */
export interface Verdict {
  readonly type: ErrorType;
  /** Only where it differs from what the table of error types says. */
  readonly retryable?: boolean;
}

/** One verdict per type, so that tables can share them. */
export function verdict(type: ErrorType, retryable?: boolean): Verdict {
  return retryable === undefined ? { type } : { type, retryable };
}
