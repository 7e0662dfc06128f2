import type { CallScope } from '../call/call.js';
import { byCall, promisedStep, type ReadByCall, type StepReader, tell } from '../call/steps.js';
import { ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import { InvalidResponseError, StreamInterruptedError } from '../errors/upstream-errors.js';
import { classify } from './classify/classify.js';
import { isContent } from './content-limits.js';
import { EventParser, type ServerSentEvent } from './event-stream.js';
import type { HttpAnswer } from './http-transport.js';
import { finishReasons, isErrorFrame, parseJson, readChunk } from './openai-wire.js';
import type { Delta } from './text-model.js';

/** More frames in a row that nobody can read are no accident. */
const maxBadFrames = 3;
/** How long the rest of a finished body is read, so that its connection can be used again. */
const drainMs = 1_000;

/**
 * The deltas of a streamed chat completion. It is a success when every one of its `choices` has finished, and
 * something was said. By hand, since a generator makes several promises for each delta.
 *
 * @throws ModelError before the first content: what the error frame, the empty answer or the network's failure means.
 * After it: StreamInterruptedError, with that as its cause. InvalidResponseError at any time: frames in a row that
 * cannot be read, or one that is too large.
 */
export class ChatStream implements AsyncIterableIterator<Delta, void, undefined>, ReadByCall<Delta> {
  private readonly source: AsyncIterator<Uint8Array>;
  private readonly call: CallScope;
  private readonly parser = new EventParser();
  private readonly progress: Progress;
  /** What the last chunk brought, from the place that has not been looked at. */
  private events: readonly ServerSentEvent[] = [];
  private place = 0;
  private reader: StepReader<Delta> | undefined = undefined;
  /** `read`: the body has ended. */
  private state: 'open' | 'read' | 'over' = 'open';

  constructor(answer: HttpAnswer, choices: number, call: CallScope) {
    this.source = answer.body[Symbol.asyncIterator]();
    this.progress = new Progress(answer, choices);
    this.call = call;
  }

  async return(): Promise<Step> {
    const { state } = this;
    this.state = 'over';
    if (state === 'open') await this.source.return?.();
    return over;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    return promisedStep(this);
  }

  [byCall](reader: StepReader<Delta>): void {
    try {
      const ready = this.ready();
      if (ready !== undefined) return tell(Promise.resolve(ready), reader);
    } catch (error) {
      return reader.broke(this.ended(error));
    }
    this.reader = reader;
    this.readOn();
  }

  private readOn(): void {
    this.source.next().then(this.arrived, this.broke);
  }

  private readonly arrived = (step: IteratorResult<Uint8Array>): void => {
    const { reader } = this;
    let ready: Step | undefined;
    try {
      ready = this.taken(step);
    } catch (error) {
      return reader?.broke(error);
    }
    if (ready === undefined) this.readOn();
    else reader?.arrived(ready);
  };

  private readonly broke = (error: unknown): void => {
    this.state = 'over';
    this.reader?.broke(this.progress.broken(error));
  };

  private taken(step: IteratorResult<Uint8Array>): Step | undefined {
    try {
      this.events = step.done ? this.parser.end() : this.parser.push(step.value);
      this.place = 0;
      if (step.done) this.state = 'read';
      return this.ready();
    } catch (error) {
      throw this.ended(error);
    }
  }

  /** The next delta of those events that are here; undefined where more must be read. */
  private ready(): Step | undefined {
    if (this.state === 'over') return over;
    while (this.place < this.events.length) {
      const event = this.events[this.place] as ServerSentEvent;
      this.place += 1;
      if (event.data === '[DONE]') return this.done();
      const value = this.progress.delta(event);
      if (value !== undefined) return { done: false, value };
    }
    if (this.state === 'open') return undefined;
    this.progress.ended();
    this.state = 'over';
    return over;
  }

  private done(): Step {
    this.progress.ended();
    if (this.state === 'open') void drain(this.source, this.call);
    this.state = 'over';
    return over;
  }

  /** Tells the source of an end of ours. Never waited for: one that hangs ends by its signal. */
  private ended(error: unknown): unknown {
    if (this.state === 'open') void this.source.return?.().catch(() => undefined);
    this.state = 'over';
    return error;
  }
}

type Step = IteratorResult<Delta, void>;

const over: Step = { done: true, value: undefined };

/** What has been read of a stream so far. */
class Progress {
  private readonly answer: HttpAnswer;
  private readonly unfinished: Set<number>;
  private content = false;
  private badFrames = 0;
  /** The latest frame with a finish reason. */
  private lastFinish = '';

  constructor(answer: HttpAnswer, choices: number) {
    this.answer = answer;
    this.unfinished = new Set(Array.from({ length: choices }, (_, index) => index));
  }

  /** Undefined where the frame cannot be read, and for the frames of somebody else's dialect. */
  delta({ event, data }: ServerSentEvent): Delta | undefined {
    const frame = parseJson(data);
    if (frame === undefined) return this.unreadable();
    this.badFrames = 0;
    if (isErrorFrame(event, frame)) throw this.failed(this.meaning(data));
    if (!Array.isArray(frame['choices'])) return undefined;
    const delta = readChunk(frame);
    this.content ||= isContent(delta);
    const reasons = finishReasons(frame);
    if (reasons.size === 0) return delta;
    this.lastFinish = data;
    for (const index of reasons.keys()) this.unfinished.delete(index);
    if (this.unfinished.size > 0) return delta;
    if (!this.content) throw this.meaning(data);
    return { ...delta, finishReason: reasons.get(0) ?? [...reasons.values()][0] };
  }

  /** The server has nothing more to say. @throws ModelError if that is too early. */
  ended(): void {
    if (this.unfinished.size === 0) return;
    if (!this.content) throw new InvalidResponseError('The model service ended its answer before it had said anything');
    throw new StreamInterruptedError();
  }

  /** Reading failed. */
  broken(error: unknown): ModelError {
    if (ModelError.isInstance(error)) return error;
    return this.failed(classify({ error }));
  }

  private unreadable(): undefined {
    this.badFrames += 1;
    if (this.badFrames < maxBadFrames) return undefined;
    throw new InvalidResponseError(`The model service sent ${maxBadFrames} frames in a row that cannot be read`);
  }

  private failed(cause: ModelError): ModelError {
    if (!this.content) return cause;
    const { isRetryable, retryAfterMs } = cause;
    return new StreamInterruptedError(undefined, {
      cause,
      isRetryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  private meaning(frame: string): ModelError {
    const { status, headers } = this.answer;
    return classify({ status, headers, body: frame });
  }
}

/** Reads what is left, for a while and for nobody, so that the connection stays usable. */
async function drain(source: AsyncIterator<Uint8Array>, call: CallScope): Promise<void> {
  const timer = call.runtime.clock.after(drainMs, () => call.abort(new CancelledError('The answer was complete')));
  try {
    while (!(await source.next()).done);
  } catch {
    // Nobody waits for it: the answer is complete.
  } finally {
    timer.cancel();
  }
}
