/** What comes of asking a chain: who answered, its stream, and what is told of it at its end. */
import type { CallContext } from '../call/call.js';
import type { RootScope } from '../call/root-scope.js';
import { watchStream } from '../call/stream.js';
import type { AttemptReport, ModelError } from '../errors/model-error.js';
import type { Answer } from './fallback-member.js';
import { modelFailure } from './model-failure.js';
import { type ResumeWork, ResumingStream } from './resume.js';
import type { BilledAttempt } from './resume-part.js';
import type { Delta, Usage } from './text-model.js';

/** A stream whose first content has arrived. It must be read to its end, left, or aborted. */
export interface FallbackStream {
  /** Who speaks now: a stream that is resumed changes models. */
  readonly model_used: string;
  readonly was_fallback: boolean;
  /** What has failed so far. */
  readonly attempts: readonly AttemptReport[];
  /** Of a resumed stream, what each model's part has cost; complete at its end. The last delta's usage is the sum. */
  readonly billed: readonly BilledAttempt[];
  /** How many tokens were asked for, where memory had run out for more. */
  readonly reduced_max_tokens?: number;
  readonly stream: AsyncIterable<Delta>;
}

/** A stream whose failure is its reader's. */
export function unresumed(answer: Answer<AsyncIterable<Delta>>, scope: RootScope): FallbackStream {
  const facts = streamFacts(answer, scope);
  const stream = watchStream(answer.value, {
    item: (delta) => noteUsage(facts, delta),
    ended(end) {
      scope.release();
      if (end.kind === 'completed') answered(answer, scope, facts);
      else if (end.kind === 'failed' && !scope.aborted) failedLate(answer, modelFailure(end.error), scope);
    },
  });
  return { billed: [], stream, ...usedBy(answer) };
}

/** A stream that tells of its failures itself. */
export function resumed(answer: Answer<AsyncIterable<Delta>>, work: ResumeWork, scope: RootScope): FallbackStream {
  const facts = streamFacts(answer, scope);
  const resuming = new ResumingStream(answer, work);
  const stream = watchStream(resuming, {
    item: (delta) => noteUsage(facts, delta),
    ended(end) {
      scope.release();
      if (end.kind !== 'completed') return;
      const { usage } = facts;
      // How soon the first content came is another model's fact by then.
      const own = resuming.current.member === answer.member ? facts : { streamed: true, usage };
      answered(resuming.current, scope, own);
    },
  });
  return new ResumedAnswer(resuming, stream, answer.reducedMaxTokens);
}

/** A class, since getters of its own would cost every answer a hidden class, which outlives it (V8 11). */
class ResumedAnswer implements FallbackStream {
  readonly attempts: readonly AttemptReport[];
  readonly stream: AsyncIterable<Delta>;
  declare readonly reduced_max_tokens?: number;
  private readonly resuming: ResumingStream;

  constructor(resuming: ResumingStream, stream: AsyncIterable<Delta>, reducedMaxTokens: number | undefined) {
    this.attempts = resuming.attempts;
    this.stream = stream;
    this.resuming = resuming;
    if (reducedMaxTokens !== undefined) this.reduced_max_tokens = reducedMaxTokens;
  }

  get model_used(): string {
    return this.resuming.current.member.name;
  }

  get was_fallback(): boolean {
    return this.resuming.current.member.isFallback;
  }

  get billed(): readonly BilledAttempt[] {
    return this.resuming.billed;
  }
}

/** What is told of an answer at its end. */
interface AnswerFacts {
  readonly streamed: boolean;
  readonly firstContentMs?: number;
  usage: Usage | undefined;
}

/** Of a stream whose first content has just come. */
function streamFacts({ startedAt }: Pick<Answer<unknown>, 'startedAt'>, { runtime }: CallContext): AnswerFacts {
  return { streamed: true, firstContentMs: runtime.clock.now() - startedAt, usage: undefined };
}

function noteUsage(facts: AnswerFacts, item: unknown): void {
  const { usage } = item as Delta;
  if (usage !== undefined) facts.usage = usage;
}

export function usedBy({
  member,
  attempts,
  reducedMaxTokens,
}: Answer<unknown>): Pick<FallbackStream, 'model_used' | 'was_fallback' | 'attempts' | 'reduced_max_tokens'> {
  return {
    model_used: member.name,
    was_fallback: member.isFallback,
    attempts,
    ...(reducedMaxTokens === undefined ? {} : { reduced_max_tokens: reducedMaxTokens }),
  };
}

export function answered(
  { member, startedAt }: Pick<Answer<unknown>, 'member' | 'startedAt'>,
  scope: CallContext,
  { usage, ...facts }: AnswerFacts,
): void {
  scope.emit({
    type: 'model.answered',
    model: member.name,
    ms: scope.runtime.clock.now() - startedAt,
    wasFallback: member.isFallback,
    inputTokens: usage?.inputTokens,
    outputTokens: usage?.outputTokens,
    ...facts,
  });
}

function failedLate({ member, startedAt }: Answer<unknown>, { errorType }: ModelError, scope: CallContext): void {
  const ms = scope.runtime.clock.now() - startedAt;
  scope.emit({ type: 'model.failed', model: member.name, errorType, ms });
}
