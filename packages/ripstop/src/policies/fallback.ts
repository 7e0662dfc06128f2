import { settleOrAbort } from '../call/abort.js';
import { abortable } from '../call/attempt.js';
import type { CallContext } from '../call/call.js';
import { callReport, reportCall } from '../call/call-report.js';
import { assertOneOf } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { nextModelAfter } from '../errors/error-table.js';
import { ModelError } from '../errors/model-error.js';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { isRejection, isServiceFailure, passes, typeOf, upstreamStatus } from './parts/verdict.js';
import { type PolicyOf, policy } from './policy.js';

/**
 * Fallback: something else, when everything inside has failed.
 *
 * Once, and last: whatever retries there are have been made. Not for a caller who left, nor for one whose time is up: to
 * give something at a deadline, put it around the deadline. A bug and a request that was never valid are not covered up.
 * If the fallback fails too, both errors are told. What it gave is a degraded answer, which the event `fallback.used`
 * tells, and nothing else can: it is a value like any other. A stream that has begun is not replaced.
 *
 * Another model as a fallback is the fallback chain's business (`modelFallbackChain`), which knows models.
 */
export interface FallbackOptions {
  /**
   * For what it stands in: a list of outcomes, or a function that decides alone, for any error but a caller's leaving.
   * Default: for every rejection, failure and timeout, but for no bug and no fault of the caller's.
   */
  readonly when?: readonly FallbackOutcome[] | ((error: unknown, context: CallContext) => boolean) | undefined;
}

/** How a call ended for which something stands in: refused by one of our policies, failed, or out of time. */
export type FallbackOutcome = 'rejected' | 'failure' | 'timeout';

/** What stands in: a value, or a function that is told the error. */
export type StandIn<F> = F | ((error: unknown, context: CallContext) => F | PromiseLike<F>);

const outcomes: readonly FallbackOutcome[] = ['rejected', 'failure', 'timeout'];
/** Statuses that say that the request was never valid: malformed, too large, refused by validation. */
const callersFaults: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** @throws RangeError when `when` lists what is no outcome. */
export function fallback<F>(
  standIn: StandIn<F>,
  { when = outcomes }: FallbackOptions = {},
  runtime: Runtime = systemRuntime,
): PolicyOf<F> {
  if (typeof when !== 'function') for (const outcome of when) assertOneOf('when', outcome, outcomes);

  function applies(error: unknown, context: CallContext): boolean {
    if (context.aborted) return false;
    // A filter that throws has not asked for the fallback.
    if (typeof when === 'function') return passes(when, error, context) === true;
    const outcome = outcomeOf(error);
    return outcome !== undefined && when.includes(outcome);
  }

  async function replace(error: unknown, context: CallContext): Promise<F> {
    if (!applies(error, context)) throw error;
    const value = isFunction(standIn) ? await ask(standIn, error, context) : standIn;
    context.emit({ type: 'fallback.used', outcome: outcomeOf(error) ?? 'failure', errorType: typeOf(error) });
    return value;
  }

  // What `F` adds to the result is said by the type of the policy.
  return policy(
    'fallback',
    (next, context) => next(context).catch((error: unknown) => replace(error, context) as Promise<never>),
    runtime,
  );
}

/** The fallback ends with its caller, and with his deadline. */
async function ask<F>(
  standIn: (error: unknown, context: CallContext) => F | PromiseLike<F>,
  error: unknown,
  context: CallContext,
): Promise<F> {
  const attempt = abortable(context);
  const answer = async (): Promise<F> => standIn(error, attempt);
  try {
    return await settleOrAbort(answer(), attempt);
  } catch (failure) {
    throw context.aborted ? failure : bothFailed(error, failure);
  }
}

function bothFailed(error: unknown, failure: unknown): AggregateError {
  const both = new AggregateError([error, failure], 'The call failed, and its fallback too', { cause: error });
  const report = callReport(error);
  if (report !== undefined) reportCall(both, report);
  return both;
}

/** `undefined`: a bug, or a request that no service could have answered. */
function outcomeOf(error: unknown): FallbackOutcome | undefined {
  if (isRejection(error)) return 'rejected';
  if (InferenceTimeoutError.isInstance(error) || isSignalTimeout(error)) return 'timeout';
  if (ModelError.isInstance(error)) return nextModelAfter(error.errorType) === 'yes' ? 'failure' : undefined;
  const status = upstreamStatus(error);
  if (status !== undefined) return callersFaults.has(status) ? undefined : 'failure';
  return isServiceFailure(error) ? 'failure' : undefined;
}

/** What `AbortSignal.timeout` aborts with: a DOMException, told from others by its name alone. */
function isSignalTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

function isFunction<F>(standIn: StandIn<F>): standIn is (error: unknown, context: CallContext) => F | PromiseLike<F> {
  return typeof standIn === 'function';
}
