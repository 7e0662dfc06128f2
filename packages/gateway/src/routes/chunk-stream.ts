import { type Delta, isContent } from 'ripstop/models';
import type { Reply } from 'ripstop/serving';
import type { ChainStream } from '../chains/askable.js';
import { brokenOff } from './broken-off.js';
import { note } from './told.js';

type Chunk = Record<string, unknown>;
type Step = IteratorResult<Chunk, undefined>;

const over: Step = { done: true, value: undefined };

/**
 * A chain's deltas as the chunks that OpenAI's clients read. When it ends, the request's log line learns who has
 * spoken last. By hand, since a generator makes several promises for each delta.
 */
export class ChunkStream implements AsyncIterableIterator<Chunk, undefined> {
  private readonly answer: ChainStream;
  private readonly source: AsyncIterator<Delta>;
  private readonly make: (delta: Delta) => Chunk[];
  private readonly reply: Reply;
  /** Made already, and not delivered yet. */
  private ready: Chunk[] = [];
  private pieces = 0;

  constructor(answer: ChainStream, make: (delta: Delta) => Chunk[], reply: Reply) {
    this.answer = answer;
    this.source = answer.deltas[Symbol.asyncIterator]();
    this.make = make;
    this.reply = reply;
  }

  next(): Promise<Step> {
    const value = this.ready.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return this.source.next().then(this.arrived, this.broke);
  }

  async return(): Promise<Step> {
    note(this.reply, this.answer.serving);
    await this.source.return?.();
    return over;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private readonly arrived = (step: IteratorResult<Delta>): Step | Promise<Step> => {
    if (step.done === true) {
      note(this.reply, this.answer.serving);
      return over;
    }
    if (isContent(step.value)) this.pieces += 1;
    const [value, ...more] = this.make(step.value);
    if (value === undefined) return this.next();
    if (more.length > 0) this.ready = more;
    return { done: false, value };
  };

  private readonly broke = (error: unknown): never => {
    note(this.reply, this.answer.serving);
    throw brokenOff(error, this.pieces);
  };
}
