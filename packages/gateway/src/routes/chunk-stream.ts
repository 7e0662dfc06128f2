import { type Delta, isContent } from 'ripstop/models';
import { RelayedStream, type Reply } from 'ripstop/serving';
import type { ChainStream } from '../chains/askable.js';
import { brokenOff } from './broken-off.js';
import { note } from './told.js';

type Chunk = Record<string, unknown>;
type Step = IteratorResult<Chunk, undefined>;

const over: Step = { done: true, value: undefined };

/**
 * A chain's deltas as the chunks that OpenAI's clients read. When it ends, the request's log line learns who has
 * spoken last.
 */
export class ChunkStream extends RelayedStream<Delta, Chunk> {
  private readonly answer: ChainStream;
  private readonly make: (delta: Delta) => Chunk[];
  private readonly reply: Reply;
  /** Made already, and not delivered yet. */
  private made: Chunk[] = [];
  private pieces = 0;

  constructor(answer: ChainStream, make: (delta: Delta) => Chunk[], reply: Reply) {
    super(answer.deltas);
    this.answer = answer;
    this.make = make;
    this.reply = reply;
  }

  async return(): Promise<Step> {
    note(this.reply, this.answer.serving);
    await this.source.return?.();
    return over;
  }

  arrived(step: IteratorResult<Delta, unknown>): void {
    if (step.done === true) {
      note(this.reply, this.answer.serving);
      return this.give(over);
    }
    try {
      if (isContent(step.value)) this.pieces += 1;
      this.made = this.make(step.value);
    } catch (error) {
      return this.fail(error);
    }
    const first = this.ready();
    if (first === undefined) this.readOn();
    else this.give(first);
  }

  broke(error: unknown): void {
    note(this.reply, this.answer.serving);
    this.fail(brokenOff(error, this.pieces));
  }

  protected override ready(): Step | undefined {
    const value = this.made.shift();
    return value === undefined ? undefined : { done: false, value };
  }
}
