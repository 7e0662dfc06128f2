import type { ErrorType } from '../../errors/error-types.js';

/** What a piece of evidence says. */
export interface Verdict {
  readonly type: ErrorType;
  /** Only where it differs from what the table of error types says. */
  readonly retryable?: boolean | undefined;
}

/** A verdict. All have one shape, since they are read on the way of every failure. */
export function verdict(type: ErrorType, retryable?: boolean): Verdict {
  return { type, retryable };
}
