import { RelayedStream } from 'ripstop/serving';

type Chunk = string | Uint8Array;

/**
 * A stream that tells when it is over: complete, broken, or given up by its reader. No generator, because one that was
 * never started would not notice that it is thrown away.
 */
export class HeldStream extends RelayedStream<Chunk, Chunk> {
  private readonly over: () => void;

  constructor(stream: AsyncIterable<Chunk>, over: () => void) {
    super(stream);
    this.over = over;
  }

  async return(): Promise<IteratorResult<Chunk, undefined>> {
    this.over();
    await this.source.return?.();
    return { done: true, value: undefined };
  }

  arrived(step: IteratorResult<Chunk, unknown>): void {
    if (step.done === true) this.over();
    this.give(step);
  }

  broke(error: unknown): void {
    this.over();
    this.fail(error);
  }
}
