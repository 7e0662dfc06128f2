/** Walking a chain of models: who is asked next, who is left out, and what is told when nobody answers. */
import { settleOrAbort, sleep } from '../call/abort.js';
import { abortable } from '../call/attempt.js';
import type { CallContext } from '../call/call.js';
import { nextModelAfter } from '../errors/error-table.js';
import { type AttemptReport, ModelError } from '../errors/model-error.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import type { CircuitBreaker } from '../policies/circuit-breaker.js';
import { type Policy, policy } from '../policies/policy.js';
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
  /** How it is asked to go on from a text, where it can. */
  readonly prefill: Prefill | undefined;
}

export interface WalkOptions {
  readonly whenFiltered: 'stop' | 'next';
  readonly whenAllUnhealthy: 'try_least_bad' | 'fail';
  /** How long a call waits for another one's forced trial, in milliseconds. */
  readonly trialWaitMs: number;
}

/** One call of one model: the work of the walk. */
export type Ask<T> = (model: TextModel, attempt: CallContext) => Promise<T>;

export interface Answer<T> {
  readonly value: T;
  readonly member: Member;
  /** The attempts that failed before. */
  readonly attempts: readonly AttemptReport[];
  /** When this member was asked, on the runtime's clock. */
  readonly startedAt: number;
}

interface Skip {
  readonly member: Member;
  readonly reason: string;
  /** Undefined where its window is too small. */
  readonly rejection: ModelError | undefined;
}

const directly = policy('directly', (next, context) => next(context));
/** What is being tried although it is unhealthy, by its breaker where that is known: one call at a time. */
const trials = new WeakMap<object, Promise<'good' | 'bad'>>();

/**
 * Asks one member after the other, each once, until one answers.
 *
 * @throws ModelError: a verdict on the request itself, which ends the walk; else ModelOverloadedError with
 * `details.tried_models` and `details.skipped_models`, and all causes, the first one first, in an AggregateError.
 * The reason of an abort as it is.
 */
export async function walk<T>(
  members: readonly Member[],
  ask: Ask<T>,
  context: CallContext,
  options: WalkOptions,
): Promise<Answer<T>> {
  const story = new Story(context, options);
  for (const member of members) {
    if (story.leavesOut(member)) continue;
    const answer = await story.call(member, member.policy, ask);
    if (answer !== undefined) return answer;
  }
  const leastBad = options.whenAllUnhealthy === 'fail' ? undefined : story.leastBad();
  if (leastBad !== undefined) {
    const trial = trials.get(leastBad.breaker ?? leastBad);
    const answer = await (trial === undefined
      ? forcedTrial(leastBad, () => story.call(leastBad, directly, ask))
      : afterTrial(trial, story, () => story.call(leastBad, leastBad.policy, ask)));
    if (answer !== undefined) return answer;
  }
  throw story.failure();
}

/** A call of a member whose breaker is open; where it goes well, the breaker closes. */
async function forcedTrial<A>(member: Member, call: () => Promise<A | undefined>): Promise<A | undefined> {
  const place = member.breaker ?? member;
  let tell = (_outcome: 'good' | 'bad'): void => undefined;
  trials.set(place, new Promise((resolve) => (tell = resolve)));
  let answer: A | undefined;
  try {
    answer = await call();
    if (answer !== undefined) member.breaker?.reset();
    return answer;
  } finally {
    trials.delete(place);
    tell(answer === undefined ? 'bad' : 'good');
  }
}

/** The others wait for it for a while, and are asked where it went well. */
async function afterTrial<A>(
  trial: Promise<'good' | 'bad'>,
  { context, options }: Pick<Story, 'context' | 'options'>,
  call: () => Promise<A | undefined>,
): Promise<A | undefined> {
  if (options.trialWaitMs === 0) return undefined;
  const wait = abortable(context);
  const tooLong = sleep(context.runtime.clock, options.trialWaitMs, wait).then(() => 'bad' as const);
  try {
    return (await Promise.race([trial, tooLong])) === 'good' ? await call() : undefined;
  } finally {
    wait.abort(undefined);
  }
}

/** What has happened on one walk. */
class Story {
  readonly context: CallContext;
  readonly options: WalkOptions;
  private readonly attempts: AttemptReport[] = [];
  private readonly failures: { readonly member: Member; readonly error: ModelError }[] = [];
  private readonly skips: Skip[] = [];
  /** The window that was too small, and what was asked for, where they are known. */
  private overflow: { readonly window: number; readonly requested: number } | undefined = undefined;

  constructor(context: CallContext, options: WalkOptions) {
    this.context = context;
    this.options = options;
  }

  /** After an overflow only a model that declares a larger window is worth asking. */
  leavesOut(member: Member): boolean {
    if (this.overflow === undefined) return false;
    const { contextLength = 0 } = member.model;
    if (contextLength > this.overflow.window && contextLength >= this.overflow.requested) return false;
    this.skip({ member, reason: 'window_too_small', rejection: undefined });
    return true;
  }

  /** Undefined where the next member may be asked. @throws where it may not. */
  async call<T>(member: Member, under: Policy, ask: Ask<T>): Promise<Answer<T> | undefined> {
    const { context, attempts } = this;
    const { clock } = context.runtime;
    const startedAt = clock.now();
    let asked = false;
    try {
      const value = await under.run(async (attempt) => {
        asked = true;
        return await tryMember(member, attempt, ask, attempts);
      }, context);
      return { value, member, attempts, startedAt };
    } catch (error) {
      if (context.aborted) throw this.aborted();
      if (!asked && ModelError.isInstance(error)) {
        const { reason } = error.details;
        this.skip({ member, reason: typeof reason === 'string' ? reason : error.errorType, rejection: error });
        return undefined;
      }
      this.fail(member, modelFailure(error), clock.now() - startedAt);
      return undefined;
    }
  }

  /** The member with the shortest wait, if health was all that kept everybody from being asked. */
  leastBad(): Member | undefined {
    if (this.failures.length > 0) return undefined;
    const wait = ({ rejection }: Skip): number => rejection?.retryAfterMs ?? Number.POSITIVE_INFINITY;
    const closed = this.skips.filter(({ reason }) => reason === 'circuit_open');
    return closed.toSorted((a, b) => wait(a) - wait(b))[0]?.member;
  }

  failure(): ModelError {
    const last = this.failures.at(-1)?.error;
    // A verdict on the request itself outranks whatever failed before it.
    if (last !== undefined && nextModelAfter(last.errorType) === 'larger_window') return this.told(last);
    const skips = this.skips.filter(({ member }) => !this.failures.some((failure) => failure.member === member));
    const errors = [...this.failures.map(({ error }) => error), ...skips.flatMap(({ rejection }) => rejection ?? [])];
    const waits = errors.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
    const message = 'All models in fallback chain failed';
    return this.told(
      new ModelOverloadedError(message, {
        details: {
          tried_models: this.failures.map(({ member }) => member.name),
          skipped_models: skips.map(({ member, reason }) => ({ model: member.name, reason })),
          // Nobody was asked: a rejection, and no failure, to the policies around this chain.
          ...(this.failures.length === 0 ? { reason: skips[0]?.reason } : {}),
        },
        ...(waits.length === 0 ? {} : { retryAfterMs: Math.min(...waits) }),
        origin: this.failures.length === 0 ? 'service' : 'upstream',
        cause: new AggregateError(errors, message),
      }),
    );
  }

  private skip(skip: Skip): void {
    this.skips.push(skip);
    this.context.emit({ type: 'model.skipped', model: skip.member.name, reason: skip.reason });
  }

  private fail(member: Member, error: ModelError, ms: number): void {
    this.failures.push({ member, error });
    this.context.emit({ type: 'model.failed', model: member.name, errorType: error.errorType, ms });
    switch (nextModelAfter(error.errorType)) {
      case 'yes':
        return;
      case 'no':
        throw this.told(error);
      case 'opt_in':
        if (this.options.whenFiltered === 'stop') throw this.told(error);
        return;
      case 'larger_window':
        this.overflow = {
          window: Math.max(
            this.overflow?.window ?? 0,
            member.model.contextLength ?? numberOf(error.details['max_length']),
          ),
          requested: Math.max(this.overflow?.requested ?? 0, numberOf(error.details['input_length'])),
        };
    }
  }

  /** The caller's reason is his own; to a limit of ours the story is added. */
  private aborted(): unknown {
    const { reason, cancelled } = this.context;
    return !cancelled && ModelError.isInstance(reason) ? this.told(reason) : reason;
  }

  private told(error: ModelError): ModelError {
    error.attempts = this.attempts;
    return error;
  }
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
    if (!attempt.cancelled) attempts.push(report(member, modelFailure(error), clock.now() - startedAt));
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

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
