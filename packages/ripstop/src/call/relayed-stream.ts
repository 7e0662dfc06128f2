import { byCall, promisedStep, type ReadByCall, readStep, type StepReader, tell } from './steps.js';

/**
 * A stream that is made of another one, a step at a time. Whoever extends it says what comes of each step: it gives its
 * reader another one, reads on, or fails. Between streams of Ripstop's own, a step so made costs no promise.
 */
export abstract class RelayedStream<In, Out>
  implements AsyncIterableIterator<Out, undefined>, ReadByCall<Out>, StepReader<In>
{
  protected readonly source: AsyncIterator<In, unknown>;
  private reader: StepReader<Out> | undefined = undefined;

  constructor(source: AsyncIterable<In>) {
    this.source = source[Symbol.asyncIterator]();
  }

  /** A step of the source has come, and somebody waits for what is made of it. Never throws: it tells by `fail`. */
  abstract arrived(step: IteratorResult<In, unknown>): void;

  /** The source has failed, and somebody waits. */
  abstract broke(error: unknown): void;

  /** The reader leaves: the source is to be told, by its own `return`. */
  abstract return(): Promise<IteratorResult<Out, undefined>>;

  next(): Promise<IteratorResult<Out, undefined>> {
    const ready = this.ready();
    return ready === undefined ? promisedStep({ [byCall]: (reader) => this.ask(reader) }) : Promise.resolve(ready);
  }

  [byCall](reader: StepReader<Out>): void {
    const ready = this.ready();
    if (ready === undefined) this.ask(reader);
    else tell(Promise.resolve(ready), reader);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** A step that can be had without the source, where there is one. */
  protected ready(): IteratorResult<Out, undefined> | undefined {
    return undefined;
  }

  protected readOn(): void {
    readStep(this.source, this);
  }

  protected give(step: IteratorResult<Out, unknown>): void {
    this.reader?.arrived(step);
  }

  protected fail(error: unknown): void {
    this.reader?.broke(error);
  }

  private ask(reader: StepReader<Out>): void {
    this.reader = reader;
    this.readOn();
  }
}
