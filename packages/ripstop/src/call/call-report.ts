import { type AttemptReport, ModelError, type StopReason } from '../errors/model-error.js';

/** What happened to a call before it failed. */
export interface CallReport {
  readonly attempts: readonly AttemptReport[];
  readonly stopReason: StopReason;
}

const foreign = new WeakMap<object, CallReport>();

/**
 * What happened to the call that ended in this error, if one of our policies handled it.
 * A `ModelError` carries it itself; an error of somebody else's is never changed, so it is kept beside it (G9).
 */
export function callReport(error: unknown): CallReport | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if (ModelError.isInstance(error) && error.attempts !== undefined && error.stopReason !== undefined) {
    return { attempts: error.attempts, stopReason: error.stopReason };
  }
  return foreign.get(error);
}

/** Notes a report on its error. A thrown value that is no object cannot carry one. */
export function reportCall(error: unknown, report: CallReport): void {
  if (typeof error !== 'object' || error === null) return;
  if (ModelError.isInstance(error) && !Object.isFrozen(error)) Object.assign(error, report);
  else foreign.set(error, report);
}
