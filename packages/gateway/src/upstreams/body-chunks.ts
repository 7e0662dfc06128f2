import type { Readable } from 'node:stream';

type Step = IteratorResult<Uint8Array, undefined>;

const over: Step = { done: true, value: undefined };

/**
 * The chunks of a body, all that has arrived at each step, read one step at a time. Node's own iterator is a generator
 * that makes several promises for each chunk.
 */
export class BodyChunks implements AsyncIterableIterator<Uint8Array, undefined> {
  private readonly body: Readable;
  private state: 'open' | 'over' = 'open';
  private error: unknown = undefined;
  private resolve: ((step: Step) => void) | undefined = undefined;
  private reject: ((error: unknown) => void) | undefined = undefined;

  constructor(body: Readable) {
    this.body = body;
    body
      .on('readable', () => this.look())
      .on('end', () => this.finish())
      .on('error', (error) => this.finish(error))
      .on('close', () => this.finish(new Error('The body was closed before its end')));
  }

  next(): Promise<Step> {
    const value = this.chunk();
    if (value !== null) return Promise.resolve({ done: false, value });
    if (this.error !== undefined) return Promise.reject(this.takenError());
    if (this.state === 'over') return Promise.resolve(over);
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Gives up the rest, and with it the connection. */
  async return(): Promise<Step> {
    const { state } = this;
    this.finish();
    this.error = undefined;
    if (state === 'open') this.body.destroy();
    return over;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private look(): void {
    const { resolve } = this;
    if (resolve === undefined) return;
    const value = this.chunk();
    if (value === null) return;
    this.resolve = undefined;
    this.reject = undefined;
    resolve({ done: false, value });
  }

  private chunk(): Uint8Array | null {
    return this.body.read() as Uint8Array | null;
  }

  private finish(error?: unknown): void {
    if (this.state === 'over') return;
    this.state = 'over';
    const { resolve, reject } = this;
    this.resolve = undefined;
    this.reject = undefined;
    if (error === undefined) return resolve?.(over);
    if (reject === undefined) this.error = error;
    else reject(error);
  }

  /** Told once; what is read after that is over. */
  private takenError(): unknown {
    const { error } = this;
    this.error = undefined;
    return error;
  }
}
