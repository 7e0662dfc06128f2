import type { CallScope } from '../call/call.js';
import { ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import { InvalidResponseError, StreamInterruptedError } from '../errors/upstream-errors.js';
import { classify } from './classify/classify.js';
import { isContent } from './content-limits.js';
import { readEvents, type ServerSentEvent } from './event-stream.js';
import type { HttpAnswer } from './http-transport.js';
import { finishReasons, isErrorFrame, parseJson, readChunk } from './openai-wire.js';
import type { Delta } from './text-model.js';

/** More frames in a row that nobody can read are no accident. */
const maxBadFrames = 3;
/** How long the rest of a finished body is read, so that its connection can be used again. */
const drainMs = 1_000;

/**
 * The deltas of a streamed chat completion. It is a success when every one of its `choices` has finished, and
 * something was said.
 *
 * @throws ModelError before the first content: what the error frame, the empty answer or the network's failure means.
 * After it: StreamInterruptedError, with that as its cause. InvalidResponseError at any time: frames in a row that
 * cannot be read, or one that is too large.
 */
export async function* readChatStream(
  answer: HttpAnswer,
  choices: number,
  call: CallScope,
): AsyncGenerator<Delta, void, undefined> {
  const events = readEvents(answer.body);
  const progress = new Progress(answer, choices);
  let open = true;
  try {
    for (;;) {
      const step = await events.next().catch((error: unknown) => {
        throw progress.broken(error);
      });
      if (step.done) {
        open = false;
        return progress.ended();
      }
      if (step.value.data === '[DONE]') {
        progress.ended();
        open = false;
        return void drain(events, call);
      }
      const delta = progress.delta(step.value);
      if (delta !== undefined) yield delta;
    }
  } finally {
    if (open) await events.return();
  }
}

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
async function drain(events: AsyncGenerator<ServerSentEvent>, call: CallScope): Promise<void> {
  const timer = call.runtime.clock.after(drainMs, () => call.abort(new CancelledError('The answer was complete')));
  try {
    while (!(await events.next()).done);
  } catch {
    // Nobody waits for it: the answer is complete.
  } finally {
    timer.cancel();
  }
}
