/**
 * Resuming a broken stream: another model, or the same one once more, says the rest (GW7, GW8).
 *
 * A model that can be given the beginning of its answer goes on from there. Any other starts anew, and as much of its
 * answer as the reader has is cut off, as long as it is the same to the letter. At the first difference the stream ends
 * in its error: an answer is never put together from two that do not agree.
 */
import type { CallScope } from '../call/call.js';
import { byCall, promisedStep, type ReadByCall, readStep, type StepReader, tell } from '../call/steps.js';
import { nextModelAfter } from '../errors/error-table.js';
import type { ErrorType } from '../errors/error-types.js';
import { type AttemptReport, ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import { StreamInterruptedError } from '../errors/upstream-errors.js';
import { type Answer, type Ask, type Member, report, tryMember } from './fallback-member.js';
import { modelFailure } from './model-failure.js';
import { AnswerPart, type BilledAttempt, type Fresh, type Resumption, sum } from './resume-part.js';
import { asChatRequest, tokensLeft } from './resume-request.js';
import { prefillOverlap, restartOverlap, SentText } from './resume-text.js';
import type { ChatRequest, Delta } from './text-model.js';

/** Attempts in one call, and at one model in it, those before the first content included (GW1). */
const maxTries = { call: 6, model: 3 };
/** Streams of one model in one call: its first, and one more. */
const maxStreams = 2;
/** The text that is kept, in UTF-16 units. An answer that outgrows it is not resumed. */
const maxKept = 2 ** 20;

/** What the stream needs of the call that it belongs to. */
export interface ResumeWork {
  readonly members: readonly Member[];
  readonly input: string | ChatRequest;
  readonly maxTokens: number | undefined;
  /** The context in which the first model was asked. Aborted when the reader leaves, and with it all that is begun here. */
  readonly scope: CallScope;
  /** Opens a stream of a model's. */
  readonly open: (input: string | ChatRequest, maxTokens: number | undefined) => Ask<AsyncIterable<Delta>>;
}

type Way = Resumption['way'];

type Step = IteratorResult<Delta, void>;

const doneStep: Step = { done: true, value: undefined };

/** Why an answer that broke off stays so. */
type Hindrance = 'not_plain_text' | 'too_long' | 'finished' | 'not_resumable' | 'diverged' | 'exhausted';

/** Whoever answers with one of these to a text to go on from may still answer without it. */
const refusals: ReadonlySet<ErrorType> = new Set([
  'invalid_input',
  'validation_error',
  'context_length_exceeded',
  // Nothing to add, says the model: the text broke off at its very end.
  'invalid_response',
]);

/** An answer that may outlive the model that began it. It is read once. */
export class ResumingStream implements AsyncIterableIterator<Delta>, ReadByCall<Delta>, StepReader<Delta> {
  /** What has failed, over all parts. */
  readonly attempts: AttemptReport[];
  private readonly work: ResumeWork;
  private readonly sent = new SentText(maxKept);
  /** Who is asked next. */
  private readonly queue: Member[];
  private readonly before: AnswerPart[] = [];
  private part: AnswerPart;
  /** Who has been asked, once for each attempt. */
  private readonly tries: string[];
  private piecesSent = 0;
  private plain = true;
  private finished = false;
  /** Nothing more will be read. */
  private ended = false;
  private firstCause: ModelError | undefined = undefined;
  private reader: StepReader<Delta> | undefined = undefined;

  constructor(first: Answer<AsyncIterable<Delta>>, work: ResumeWork) {
    this.work = work;
    this.attempts = [...first.attempts];
    this.tries = [...first.attempts.flatMap(({ model }) => model ?? []), first.member.name];
    this.queue = work.members.slice(work.members.indexOf(first.member) + 1);
    this.part = new AnswerPart(first);
  }

  /** Who is speaking, and since when. */
  get current(): Pick<Answer<unknown>, 'member' | 'startedAt'> {
    return this.part;
  }

  /** What every model's part has cost, once there is more than one; complete when the stream has ended. */
  get billed(): readonly BilledAttempt[] {
    return this.before.length === 0 ? [] : this.parts.map((part) => part.billed(this.work.input));
  }

  next(): Promise<Step> {
    return this.ended ? Promise.resolve(doneStep) : promisedStep(this);
  }

  [byCall](reader: StepReader<Delta>): void {
    if (this.ended) return tell(this.next(), reader);
    this.reader = reader;
    readStep(this.part.source, this);
  }

  async return(): Promise<Step> {
    this.ended = true;
    await this.part.source.return?.();
    this.work.scope.abort(new CancelledError());
    return doneStep;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  arrived(step: IteratorResult<Delta, unknown>): void {
    const { part, reader } = this;
    let fresh: Fresh;
    try {
      fresh = step.done ? part.ended() : part.fresh(step.value);
      if (typeof fresh === 'object') this.note(fresh);
    } catch (error) {
      return reader?.broke(error); // It is no delta.
    }
    if (fresh === 'clash') return this.goOn(() => this.goOnAfterClash(part));
    if (step.done) this.ended = true;
    if (fresh !== 'nothing') reader?.arrived(fresh === step.value ? step : { done: false, value: fresh });
    else if (step.done) reader?.arrived(doneStep);
    else readStep(part.source, this);
  }

  broke(error: unknown): void {
    const { part } = this;
    this.goOn(() => this.goOnAfter(part, error));
  }

  /** The first step of the next part. A stream that could not be gone on with is over. */
  private goOn(begin: () => Promise<void>): void {
    begin().then(
      () => this.reader && this[byCall](this.reader),
      (error: unknown) => {
        this.ended = true;
        this.reader?.broke(error);
      },
    );
  }

  private note({ text = '', toolCalls, finishReason }: Delta): void {
    if (text !== '') this.piecesSent += 1;
    if (toolCalls !== undefined) this.plain = false;
    if (finishReason !== undefined) this.finished = true;
    this.sent.add(text);
  }

  /** Begins the next part, after this one broke off. @throws where there is none. */
  private async goOnAfter(part: AnswerPart, error: unknown): Promise<void> {
    if (this.work.scope.aborted) throw error;
    const failure = modelFailure(error);
    const ms = this.now - part.startedAt;
    this.attempts.push(report(part.member, failure, ms));
    this.work.scope.emit({ type: 'model.failed', model: part.member.name, errorType: failure.errorType, ms });
    this.firstCause ??= failure;
    const hindrance = this.hindrance(failure);
    if (hindrance !== undefined) throw this.over(hindrance, failure);
    const streams = this.parts.filter(({ member }) => member === part.member).length;
    // What the same model would only do again (run out of memory, say) is asked of others alone.
    if (failure.isRetryable && streams < maxStreams) this.queue.push(part.member);
    return this.another();
  }

  /** The same, after this one turned out not to go with what has been sent. */
  private async goOnAfterClash(part: AnswerPart): Promise<void> {
    part.leave();
    if (part.resumption?.way === 'restart') throw this.over('diverged');
    // It overlooked the text and began anew; so that is what it is asked for, and nothing has to be guessed.
    this.refused(part.member, 'invalid_response');
    if ((await this.ask(part.member, 'restart')) !== 'begun') await this.another();
  }

  private async another(): Promise<void> {
    for (let member = this.queue.shift(); member !== undefined; member = this.queue.shift()) {
      const canGoOn = member.prefill !== undefined && this.sent.length > 0;
      let outcome = canGoOn ? await this.ask(member, 'prefill') : 'refused';
      if (outcome === 'refused') outcome = await this.ask(member, 'restart');
      if (outcome === 'begun') return;
    }
    throw this.over('exhausted');
  }

  private async ask(member: Member, way: Way): Promise<'begun' | 'refused' | 'failed'> {
    if (this.spent(member)) return 'failed';
    const { scope } = this.work;
    const startedAt = this.now;
    const failures: AttemptReport[] = [];
    try {
      const open = this.opening(member, way);
      const value = await member.policy.run((attempt) => {
        if (this.spent(member)) throw new CancelledError('The attempts of this call are used up');
        this.tries.push(member.name);
        return tryMember(member, attempt, open, failures);
      }, scope);
      this.begin({ value, member, startedAt, attempts: [] }, way);
      return 'begun';
    } catch (error) {
      if (scope.aborted) throw error;
      const { errorType, details } = modelFailure(error);
      const reason = typeof details['reason'] === 'string' ? details['reason'] : errorType;
      if (way === 'prefill' && refusals.has(errorType)) return this.refused(member, errorType);
      this.attempts.push(...failures);
      if (failures.length === 0) scope.emit({ type: 'model.skipped', model: member.name, reason });
      else scope.emit({ type: 'model.failed', model: member.name, errorType, ms: this.now - startedAt });
      return 'failed';
    }
  }

  private spent({ name }: Member): boolean {
    return this.tries.length >= maxTries.call || this.tries.filter((model) => model === name).length >= maxTries.model;
  }

  private opening({ prefill }: Member, way: Way): Ask<AsyncIterable<Delta>> {
    const { input, maxTokens, open } = this.work;
    if (way === 'restart' || prefill === undefined) return open(input, maxTokens);
    const rest = prefill(asChatRequest(input), this.sent.toString());
    return open(rest, tokensLeft(input, maxTokens, this.piecesSent));
  }

  private begin(answer: Answer<AsyncIterable<Delta>>, way: Way): void {
    const sent = this.sent.toString();
    const [model, previous] = [answer.member.name, this.part.member.name];
    this.work.scope.emit({ type: 'stream.resumed', model, previous, way, sentLength: sent.length });
    const before = this.parts.map((part) => part.billed(this.work.input).usage).reduce(sum);
    const overlap = way === 'prefill' ? prefillOverlap(sent) : restartOverlap(sent);
    this.before.push(this.part);
    this.part = new AnswerPart(answer, { way, overlap, before });
  }

  private get parts(): readonly AnswerPart[] {
    return [...this.before, this.part];
  }

  /** A refusal of the text to go on from is between us and the model: it is no failed attempt. */
  private refused(member: Member, errorType: ErrorType): 'refused' {
    this.work.scope.emit({ type: 'stream.prefill_refused', model: member.name, errorType });
    return 'refused';
  }

  private hindrance({ errorType, cause }: ModelError): Hindrance | undefined {
    if (!this.plain) return 'not_plain_text';
    if (this.finished) return 'finished';
    if (this.sent.forgotten) return 'too_long';
    const meant = errorType === 'stream_interrupted' && ModelError.isInstance(cause) ? cause.errorType : errorType;
    return nextModelAfter(meant) === 'yes' ? undefined : 'not_resumable';
  }

  /** The error that ends the answer: what broke it, or what it came to where others have tried since. */
  private over(hindrance: Hindrance, failure?: ModelError): ModelError {
    const cause = failure ?? this.firstCause;
    const { isRetryable = true, retryAfterMs, details } = cause ?? {};
    const told =
      failure ??
      new StreamInterruptedError(undefined, {
        cause,
        isRetryable,
        details: { ...details, resume: hindrance },
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    told.attempts = this.attempts;
    this.work.scope.emit({ type: 'stream.not_resumed', model: this.part.member.name, reason: hindrance });
    return told;
  }

  private get now(): number {
    return this.work.scope.runtime.clock.now();
  }
}
