import type { Delta } from 'ripstop/models';

/** Does the work: calls `push` for each step, and settles at the end. */
export type StreamWork = (push: (delta: Delta) => void, signal: AbortSignal) => Promise<void>;

/**
 * An answer as it comes. The work begins with the first `next()`, and is aborted as soon as the reader leaves, even
 * while a `next()` is waiting (an async generator would only hear of it after the next delta).
 */
export class DeltaStream implements AsyncIterableIterator<Delta> {
  private readonly work: StreamWork;
  private readonly callerSignal: AbortSignal | undefined;
  private readonly leaving = new AbortController();
  private readonly ready: Delta[] = [];
  private readonly readers: Reader[] = [];
  private state: 'new' | 'running' | 'over' = 'new';
  private failure: { readonly error: unknown } | undefined = undefined;

  constructor(work: StreamWork, signal?: AbortSignal) {
    this.work = work;
    this.callerSignal = signal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Delta>> {
    if (this.state === 'new') void this.run();
    const value = this.ready.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.state === 'over') return this.settled();
    return new Promise((resolve, reject) => this.readers.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<Delta>> {
    this.ready.length = 0;
    this.end();
    this.failure = undefined;
    this.leaving.abort();
    return Promise.resolve({ done: true, value: undefined });
  }

  private async run(): Promise<void> {
    this.state = 'running';
    const callerLeft = (): void => this.leaving.abort(this.callerSignal?.reason);
    if (this.callerSignal?.aborted) callerLeft();
    this.callerSignal?.addEventListener('abort', callerLeft, { once: true });
    try {
      await this.work((delta) => this.push(delta), this.leaving.signal);
      this.end();
    } catch (error) {
      this.end({ error });
    } finally {
      this.callerSignal?.removeEventListener('abort', callerLeft);
    }
  }

  private push(value: Delta): void {
    if (this.state === 'over') return;
    const reader = this.readers.shift();
    if (reader === undefined) this.ready.push(value);
    else reader.resolve({ done: false, value });
  }

  private end(failure?: { readonly error: unknown }): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.failure = failure;
    for (const { resolve, reject } of this.readers.splice(0)) this.settled().then(resolve, reject);
  }

  /** The failure once, to the first who asks; the end to all others. */
  private settled(): Promise<IteratorResult<Delta>> {
    const { failure } = this;
    this.failure = undefined;
    return failure === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(failure.error);
  }
}

interface Reader {
  readonly resolve: (result: IteratorResult<Delta>) => void;
  readonly reject: (error: unknown) => void;
}
