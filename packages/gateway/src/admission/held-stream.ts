type Chunk = string | Uint8Array;

/**
 * A stream that tells when it is over: complete, broken, or given up by its reader. An iterator by hand, because a
 * generator that was never started would not notice that it is thrown away.
 */
export class HeldStream implements AsyncIterableIterator<Chunk> {
  private readonly source: AsyncIterator<Chunk>;
  private readonly over: () => void;

  constructor(stream: AsyncIterable<Chunk>, over: () => void) {
    this.source = stream[Symbol.asyncIterator]();
    this.over = over;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Chunk>> {
    const step = this.source.next();
    step.then(({ done }) => {
      if (done === true) this.over();
    }, this.over);
    return step;
  }

  async return(): Promise<IteratorResult<Chunk>> {
    this.over();
    await this.source.return?.();
    return { done: true, value: undefined };
  }
}
