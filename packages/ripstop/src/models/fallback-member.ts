/** The models of a chain, and one attempt at one of them. */
import { settleOrAbort } from '../call/abort.js';
import { abortable } from '../call/attempt.js';
import type { CallContext } from '../call/call.js';
import type { AttemptReport, ModelError } from '../errors/model-error.js';
import type { CircuitBreaker } from '../policies/circuit-breaker.js';
import type { Policy } from '../policies/policy.js';
import { type ChainHedge, hasLost } from './hedged-walk.js';
import { modelFailure } from './model-failure.js';
import type { Prefill } from './resume-request.js';
import type { TextModel } from './text-model.js';

/** A model in its place in the chain. */
export interface Member {
  readonly name: string;
  readonly model: TextModel;
  readonly isFallback: boolean;
  readonly priority: number;
  /** Every call goes through it. */
  readonly policy: Policy;
  /** The one inside the policy, where it is known: a good forced trial closes it. */
  readonly breaker: CircuitBreaker | undefined;
  /** What a forced trial goes through. */
  readonly forced: Policy | undefined;
  /** How it is asked to go on from a text, where it can. */
  readonly prefill: Prefill | undefined;
}

export interface WalkOptions {
  readonly whenFiltered: 'stop' | 'next';
  readonly whenAllUnhealthy: 'try_least_bad' | 'fail';
  /** How long a call waits for another one's forced trial, in milliseconds. */
  readonly trialWaitMs: number;
}

/** One call of one model. */
export type Ask<T> = (model: TextModel, attempt: CallContext) => Promise<T>;

/** The work of a walk. */
export interface Work<T> {
  readonly ask: Ask<T>;
  /** The same for half of the tokens: asked of a model whose memory ran out, once. */
  readonly half?: { readonly maxTokens: number; readonly ask: Ask<T> } | undefined;
  readonly hedge?: ChainHedge | undefined;
}

export interface Answer<T> {
  readonly value: T;
  readonly member: Member;
  /** The attempts that failed before. */
  readonly attempts: readonly AttemptReport[];
  /** When this member was asked, on the runtime's clock. */
  readonly startedAt: number;
  /** How many tokens were asked for, where memory had run out for more. */
  readonly reducedMaxTokens?: number | undefined;
}

/** One attempt at one member; its failure goes into `attempts`. */
export async function tryMember<T>(
  member: Member,
  context: CallContext,
  ask: Ask<T>,
  attempts: AttemptReport[],
): Promise<T> {
  const { clock } = context.runtime;
  const attempt = abortable(context);
  const startedAt = clock.now();
  try {
    return await settleOrAbort(ask(member.model, attempt), attempt);
  } catch (error) {
    if (!attempt.cancelled && !hasLost(attempt))
      attempts.push(report(member, modelFailure(error), clock.now() - startedAt));
    throw error;
  }
}

/** What is told of a failed attempt. */
export function report({ name }: Member, { errorType, details }: ModelError, ms: number): AttemptReport {
  const { status, phase } = details;
  return {
    model: name,
    errorType,
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof phase === 'string' ? { phase } : {}),
    ms: Math.round(ms),
  };
}
