/** What is told of a walk through a chain of models: who was tried, who was left out, and what it came to. */
import type { CallContext } from '../call/call.js';
import { nextModelAfter } from '../errors/error-table.js';
import { type AttemptReport, ModelError } from '../errors/model-error.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import type { Policy } from '../policies/policy.js';
import { type Answer, type Member, tryMember, type WalkOptions, type Work } from './fallback-member.js';
import { modelFailure } from './model-failure.js';

interface Skip {
  readonly member: Member;
  readonly reason: string;
  /** Undefined where its window is too small. */
  readonly rejection: ModelError | undefined;
}

/** How a member is asked. */
interface Asking {
  /** Default: the context of the whole walk. */
  readonly line?: CallContext;
  /** Default: its own. */
  readonly under?: Policy;
}

/** Who is being asked in a line of a hedged walk, and since when. */
const asking = new WeakMap<CallContext, { readonly member: Member; readonly startedAt: number }>();

/** What has happened on one walk. */
export class Story {
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
  async call<T>(
    member: Member,
    { ask, half }: Work<T>,
    { line = this.context, under = member.policy }: Asking = {},
  ): Promise<Answer<T> | undefined> {
    const { attempts } = this;
    const { clock } = line.runtime;
    const startedAt = clock.now();
    let asked = false;
    try {
      const value = await under.run(async (attempt) => {
        asked = true;
        if (line !== this.context) asking.set(line, { member, startedAt });
        return await tryMember(member, attempt, ask, attempts);
      }, line);
      return { value, member, attempts, startedAt };
    } catch (error) {
      if (this.context.aborted) throw this.aborted();
      if (line.aborted) throw line.reason;
      asking.delete(line);
      if (!asked && ModelError.isInstance(error)) {
        const { reason } = error.details;
        this.skip({ member, reason: typeof reason === 'string' ? reason : error.errorType, rejection: error });
        return undefined;
      }
      const failure = modelFailure(error);
      if (half !== undefined && failure.errorType === 'out_of_memory') {
        const { maxTokens } = half;
        line.emit({ type: 'generation.reduced', maxTokens });
        const answer = await this.call(member, { ask: half.ask }, { line, under });
        return answer && { ...answer, startedAt, reducedMaxTokens: maxTokens };
      }
      this.fail(member, failure, clock.now() - startedAt);
      return undefined;
    }
  }

  /** This line is given up: who is asked in it has been too slow. */
  lose(line: CallContext): void {
    const slow = asking.get(line);
    if (slow === undefined) return;
    const ms = Math.round(line.runtime.clock.now() - slow.startedAt);
    this.attempts.push({ model: slow.member.name, errorType: 'cancelled', ms });
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

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
