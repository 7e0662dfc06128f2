import type { CallScope } from '../call/call.js';
import { Alarm, type Timer } from '../call/runtime.js';
import { byCall, promisedStep, type ReadByCall, readStep, type StepReader, tell } from '../call/steps.js';
import { CancelledError } from '../errors/rejections.js';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { type ContentLimits, isContent } from './content-limits.js';
import type { Delta } from './text-model.js';

/** Over how long a rate is taken. */
const rateWindowMs = 5_000;
/** A stream that has finished may still send its usage, for so long. */
const afterFinishMs = 1_000;

/**
 * The same deltas, each in time. The first wait begins when the stream is first read, so it holds the request as well,
 * where `deltas` sends one; time that the reader takes for itself is not counted. After the finish reason, what still
 * comes within a second is delivered, and nothing that goes wrong there matters any more. Read one step at a time.
 *
 * By hand, since a generator and a race make a dozen promises for each delta. A step rejects with an
 * InferenceTimeoutError whose `details.phase` is `first_content`, `gap` or `rate`; `attempt` is aborted with it.
 */
export class LimitedContent
  implements AsyncIterableIterator<Delta, void, undefined>, ReadByCall<Delta>, StepReader<Delta>
{
  private readonly source: AsyncIterator<Delta>;
  private readonly gapMs: number;
  private readonly attempt: CallScope;
  private phase: 'first_content' | 'gap' = 'first_content';
  /** The limit on the present silence. */
  private limitMs: number;
  private readonly silence: Alarm;
  private readonly rate: Rate;
  private state: 'open' | 'finished' | 'over' = 'open';
  /** What is left of the limit on this silence, and when the wait that counts against it began. */
  private leftMs: number;
  private waitingSince = 0;
  private reader: StepReader<Delta> | undefined = undefined;
  private stopListening: (() => void) | undefined = undefined;
  /** How long a finished stream is read on. */
  private expired: Promise<undefined> | undefined = undefined;
  private expiry: Timer | undefined = undefined;

  constructor(deltas: AsyncIterable<Delta>, { firstContentMs, gapMs, minRate }: ContentLimits, attempt: CallScope) {
    this.source = deltas[Symbol.asyncIterator]();
    this.gapMs = gapMs;
    this.attempt = attempt;
    this.limitMs = firstContentMs;
    this.silence = new Alarm(() => {
      attempt.abort(new InferenceTimeoutError(this.limitMs, { details: { phase: this.phase } }));
    }, attempt.runtime.clock);
    this.rate = new Rate(minRate);
    this.leftMs = firstContentMs;
  }

  next(): Promise<Step> {
    return promisedStep(this);
  }

  [byCall](reader: StepReader<Delta>): void {
    if (this.state !== 'open') return tell(this.atEnd(), reader);
    const { attempt } = this;
    if (attempt.aborted) {
      this.end();
      return reader.broke(attempt.reason);
    }
    this.reader = reader;
    this.waitingSince = attempt.runtime.clock.now();
    this.silence.set(Math.max(this.leftMs, 0));
    this.stopListening ??= attempt.onAbort((reason) => this.fail(reason));
    readStep(this.source, this);
  }

  return(): Promise<Step> {
    this.end();
    return Promise.resolve(over);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  arrived(step: IteratorResult<Delta, unknown>): void {
    const { reader, attempt, silence } = this;
    if (reader === undefined) return; // An abort came first.
    silence.stop();
    const waitedMs = attempt.runtime.clock.now() - this.waitingSince;
    const tooSlow = this.phase === 'gap' && !step.done ? this.rate.tooSlow(waitedMs) : undefined;
    if (tooSlow !== undefined) return attempt.abort(tooSlow);
    this.reader = undefined;
    if (step.done) {
      this.end();
      return reader.arrived(over);
    }
    this.leftMs -= waitedMs;
    if (isContent(step.value)) {
      this.rate.count += 1;
      this.phase = 'gap';
      this.limitMs = this.gapMs;
      this.leftMs = this.gapMs;
    }
    if (step.value.finishReason !== undefined) this.state = 'finished';
    reader.arrived(step);
  }

  broke(error: unknown): void {
    const { attempt } = this;
    this.fail(attempt.aborted ? attempt.reason : error);
  }

  private fail(reason: unknown): void {
    const { reader } = this;
    if (reader === undefined) return; // Between two steps: the next one finds the abort.
    this.end();
    reader.broke(reason);
  }

  /** What comes after the finish reason, and after the end. */
  private async atEnd(): Promise<Step> {
    const { attempt, source } = this;
    if (this.state === 'over') return over;
    this.expired ??= new Promise<undefined>((resolve) => {
      this.expiry = attempt.runtime.clock.after(afterFinishMs, () => resolve(undefined));
    });
    try {
      const step = await Promise.race([source.next(), this.expired]);
      if (step === undefined) attempt.abort(new CancelledError('The answer was complete'));
      else if (!step.done) return step;
    } catch {
      // The answer is complete: only its usage is lost.
    }
    this.end();
    return over;
  }

  private end(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.reader = undefined;
    this.silence.stop();
    this.expiry?.cancel();
    this.stopListening?.();
    // Never waited for: a source that hangs ends by its signal.
    void this.source.return?.().catch(() => undefined);
  }
}

type Step = IteratorResult<Delta, void>;

const over: Step = { done: true, value: undefined };

/** How much has come in the current window. What a reader takes for himself is not counted. */
class Rate {
  count = 0;
  private readonly min: number | undefined;
  private waitedMs = 0;

  constructor(min: number | undefined) {
    this.min = min;
  }

  /** The error that says so, at the end of a window in which less has come than there should. */
  tooSlow(waitedMs: number): InferenceTimeoutError | undefined {
    if (this.min === undefined) return undefined;
    this.waitedMs += waitedMs;
    if (this.waitedMs < rateWindowMs) return undefined;
    const isSlow = this.count / (this.waitedMs / 1_000) < this.min;
    const error = isSlow
      ? new InferenceTimeoutError(this.waitedMs, { details: { phase: 'rate', min_rate: this.min } })
      : undefined;
    this.count = 0;
    this.waitedMs = 0;
    return error;
  }
}
