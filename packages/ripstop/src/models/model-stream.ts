import type { CallScope } from '../call/call.js';
import { byCall, promisedStep, type ReadByCall, readStep, type StepReader, tell } from '../call/steps.js';
import { CancelledError } from '../errors/rejections.js';
import { type ContentLimits, readToContent } from './content-limits.js';
import { LimitedContent } from './limited-content.js';
import type { Delta } from './text-model.js';

export interface ModelStreamOptions {
  /** Sends the request. Called with the first read. */
  readonly open: () => Promise<AsyncIterable<Delta>>;
  readonly limits: ContentLimits;
  /** What an error of the stream means to its reader. */
  readonly failure: (error: unknown, call: CallScope) => unknown;
}

type Step = IteratorResult<Delta, void>;

const over: Step = { done: true, value: undefined };

/**
 * One streamed answer of a model service, from the request to its end: a call of its own under the limits on content.
 * It begins with its first content, so that whatever fails before it fails before the first delta; a reader that leaves
 * early aborts the request. Read one step at a time.
 */
export class ModelStream
  implements AsyncIterableIterator<Delta, void, undefined>, ReadByCall<Delta>, StepReader<Delta>
{
  private readonly call: CallScope;
  private readonly failure: ModelStreamOptions['failure'];
  private readonly content: LimitedContent;
  private state: 'new' | 'open' | 'over' = 'new';
  private head: Delta[] = [];
  private reader: StepReader<Delta> | undefined = undefined;

  constructor({ open, limits, failure }: ModelStreamOptions, call: CallScope) {
    this.call = call;
    this.failure = failure;
    this.content = new LimitedContent(new Opening(open), limits, call);
  }

  next(): Promise<Step> {
    if (this.state === 'over') return Promise.resolve(over);
    if (this.state === 'new') return this.begin();
    const value = this.head.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return promisedStep(this);
  }

  [byCall](reader: StepReader<Delta>): void {
    if (this.state !== 'open' || this.head.length > 0) return tell(this.next(), reader);
    this.reader = reader;
    this.content[byCall](this);
  }

  async return(): Promise<Step> {
    const { state } = this;
    this.state = 'over';
    if (state === 'open') await this.content.return();
    if (state === 'open') this.leave();
    return over;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async begin(): Promise<Step> {
    const { call } = this;
    this.state = 'open';
    try {
      if (call.aborted) throw call.reason;
      this.head = await readToContent(this.content);
    } catch (error) {
      throw this.failed(error);
    }
    return this.next();
  }

  arrived(step: IteratorResult<Delta, unknown>): void {
    if (step.done) {
      this.state = 'over';
      this.call.release();
    }
    this.reader?.arrived(step);
  }

  broke(error: unknown): void {
    this.reader?.broke(this.failed(error));
  }

  private failed(error: unknown): unknown {
    const meant = this.failure(error, this.call);
    this.state = 'over';
    this.leave();
    return meant;
  }

  private leave(): void {
    this.call.abort(new CancelledError());
    this.call.release();
  }
}

/** A stream that is opened with its first step, so that a limit on that step holds the request as well. */
class Opening implements AsyncIterableIterator<Delta>, ReadByCall<Delta> {
  private readonly open: ModelStreamOptions['open'];
  private source: AsyncIterator<Delta> | undefined = undefined;
  private closed = false;

  constructor(open: ModelStreamOptions['open']) {
    this.open = open;
  }

  next(): Promise<IteratorResult<Delta>> {
    return this.source?.next() ?? this.begin();
  }

  [byCall](reader: StepReader<Delta>): void {
    if (this.source === undefined) tell(this.begin(), reader);
    else readStep(this.source, reader);
  }

  async return(): Promise<Step> {
    this.closed = true;
    await this.source?.return?.();
    return over;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async begin(): Promise<IteratorResult<Delta>> {
    const source = (await this.open())[Symbol.asyncIterator]();
    this.source = source;
    if (!this.closed) return source.next();
    await source.return?.();
    return over;
  }
}
