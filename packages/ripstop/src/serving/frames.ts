/** A handler's stream as text on the wire: framed, kept alive, and ended in a way that its client understands. */
import { Alarm, type Clock } from '../call/runtime.js';
import { byCall, promisedStep, type ReadByCall, readStep, type StepReader, tell } from '../call/steps.js';
import type { ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import { type Dialect, errorFrame, type Framing } from './problem.js';

/** How a stream ended: it was complete, it broke, or its reader returned before its end. */
export type FramesEnd =
  | { readonly kind: 'completed' | 'returned' }
  | { readonly kind: 'failed'; readonly error: ModelError };

export interface FramesOptions {
  readonly framing: Framing;
  readonly dialect: Dialect;
  /** Silence after which an SSE comment is sent, in milliseconds. */
  readonly heartbeatMs: number;
  /** What comes after the frame with an error: the end, or another error, which breaks the connection. */
  readonly streamErrors: 'frame' | 'frame_and_break';
  readonly clock: Clock;
  /** What an error of the source means. */
  readonly failed: (error: unknown) => ModelError;
  /** Called once, when nothing more will be sent. */
  readonly ended: (end: FramesEnd) => void;
}

const heartbeat = ': ping\n\n';
/** Long enough for the frame with the error to leave the process. */
const breakAfterMs = 10;
const headers: Readonly<Record<Framing, Readonly<Record<string, string>>>> = {
  sse: {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    // nginx holds a stream back until it ends unless told not to.
    'x-accel-buffering': 'no',
  },
  ndjson: {
    'content-type': 'application/x-ndjson; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  },
};

export function streamHeaders(framing: Framing): Readonly<Record<string, string>> {
  return headers[framing];
}

type Advance = IteratorResult<unknown>;
type Frame = IteratorResult<string | Uint8Array, undefined>;
type State = 'first' | 'open' | 'ending' | 'breaking' | 'over';

const over: Frame = { done: true, value: undefined };

/**
 * The frames of a stream whose first step has already been taken. It is driven by its reader, so a slow one slows the
 * source down. An iterator by hand, because a generator that was never started would not notice that it is thrown away.
 */
export class Frames
  implements AsyncIterableIterator<string | Uint8Array, undefined>, ReadByCall<string | Uint8Array>, StepReader<unknown>
{
  private readonly source: AsyncIterator<unknown>;
  private readonly options: FramesOptions;
  private readonly first: Advance;
  private state: State = 'first';
  /** Is there a step of the source that has not come yet? Heartbeats are sent meanwhile. */
  private asking = false;
  private readonly heartbeat: Alarm;
  /** Who waits for a frame. */
  private reader: StepReader<string | Uint8Array> | undefined = undefined;
  private held: Frame | undefined = undefined;
  private last: unknown = undefined;

  constructor(source: AsyncIterator<unknown>, first: Advance, options: FramesOptions) {
    this.source = source;
    this.first = first;
    this.options = options;
    this.heartbeat = new Alarm(() => this.beat(), options.clock);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Frame> {
    const { held } = this;
    this.held = undefined;
    if (held !== undefined) return Promise.resolve(held);
    switch (this.state) {
      case 'first':
        this.state = 'open';
        return Promise.resolve(this.frameOf(this.first));
      case 'open':
        return promisedStep(this);
      case 'ending':
        this.end({ kind: 'completed' });
        return Promise.resolve(over);
      case 'breaking':
        return this.broken();
      case 'over':
        return Promise.resolve(over);
    }
  }

  /** The reader has had enough: the client left, or the server gave up. */
  async return(): Promise<Frame> {
    if (this.state === 'breaking') this.state = 'over';
    if (this.state !== 'over') {
      this.end({ kind: 'returned' });
      this.stopSource();
    }
    return over;
  }

  [byCall](reader: StepReader<string | Uint8Array>): void {
    if (this.state !== 'open' || this.held !== undefined) return tell(this.next(), reader);
    this.reader = reader;
    if (this.options.framing === 'sse') this.heartbeat.set(this.options.heartbeatMs);
    if (this.asking) return;
    this.asking = true;
    readStep(this.source, this);
  }

  arrived(advance: Advance): void {
    this.deliver(this.frameOf(advance));
  }

  broke(error: unknown): void {
    this.deliver(this.failure(error));
  }

  /** To the reader, or to his next call where he has had a heartbeat meanwhile. */
  private deliver(frame: Frame): void {
    const { reader } = this;
    this.asking = false;
    this.heartbeat.stop();
    this.reader = undefined;
    if (reader === undefined) this.held = frame;
    else reader.arrived(frame);
  }

  private frameOf(advance: Advance): Frame {
    try {
      return this.frame(advance);
    } catch (error) {
      return this.failure(error);
    }
  }

  private frame(advance: Advance): Frame {
    if (this.state === 'over') return over;
    const { framing, dialect } = this.options;
    if (advance.done === true) {
      if (dialect === 'openai' && framing === 'sse') {
        this.state = 'ending';
        return { done: false, value: 'data: [DONE]\n\n' };
      }
      this.end({ kind: 'completed' });
      return over;
    }
    const { value } = advance;
    if (value instanceof Uint8Array) return { done: false, value };
    const data = JSON.stringify(value) ?? 'null';
    this.last = value;
    return { done: false, value: framing === 'sse' ? `data: ${data}\n\n` : `${data}\n` };
  }

  private failure(error: unknown): Frame {
    if (this.state === 'over') return over;
    const { framing, dialect, failed, streamErrors } = this.options;
    const meant = failed(error);
    this.end({ kind: 'failed', error: meant });
    this.stopSource();
    // Nobody is there to read that they have left.
    if (meant.errorType === 'cancelled') return over;
    if (streamErrors === 'frame_and_break') this.state = 'breaking';
    return { done: false, value: errorFrame(meant, dialect, framing, { last: this.last }) };
  }

  private beat(): void {
    const { reader } = this;
    this.reader = undefined;
    reader?.arrived({ done: false, value: heartbeat });
  }

  private end(end: FramesEnd): void {
    this.state = 'over';
    this.heartbeat.stop();
    this.options.ended(end);
  }

  /** Rejects, which breaks the connection: in a later turn, so that the frame before it is on its way. */
  private async broken(): Promise<never> {
    this.state = 'over';
    await new Promise<void>((resolve) => this.options.clock.after(breakAfterMs, resolve));
    throw new CancelledError('The stream has ended in an error', { origin: 'service' });
  }

  /** Tells the source to stop and does not wait for it: it may hang in the very step that is given up. */
  private stopSource(): void {
    void Promise.resolve()
      .then(() => this.source.return?.())
      .then(undefined, this.options.failed);
  }
}
