/** What happens to every item of every stream, so it makes as little as it can. */
import type { CallScope } from './call.js';
import { afterCompletedOutcomes, tooLate } from './completed-first.js';
import { byCall, nextStep, type ReadByCall, readStep, type StepReader, tell } from './steps.js';

/** How a stream ended. `returned`: its reader had enough and left. */
export type StreamEnd =
  | { readonly kind: 'completed' | 'returned' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** A stream's watcher as its iterator knows him. */
export interface Watching {
  readonly watcher: { readonly step?: <T>(advance: () => T) => T; item?(item: unknown): void };
  /** Does a part of a step where the watcher wants it done. */
  inPlace<T>(work: () => T): T;
  ended(end: StreamEnd): void;
}

type Step = IteratorResult<unknown>;

/** The iterator of a stream, read one step at a time. */
export class WatchedIterator implements AsyncIterableIterator<unknown>, ReadByCall<unknown>, StepReader<unknown> {
  protected readonly source: AsyncIterator<unknown>;
  protected readonly watched: Watching;
  /** Who waits for a step, where it is handed on by a call. */
  protected reader: StepReader<unknown> | undefined = undefined;

  constructor(source: AsyncIterator<unknown>, watched: Watching) {
    this.source = source;
    this.watched = watched;
  }

  next(...value: [] | [unknown]): Promise<Step> {
    return this.advance(value).then(
      (step) => this.seen(step),
      (error: unknown) => this.failed(error),
    );
  }

  [byCall](reader: StepReader<unknown>): void {
    // What the source does may be in the surroundings of its own, what its reader does is not.
    if (this.watched.watcher.step !== undefined) return tell(this.next(), reader);
    this.reader = reader;
    readStep(this.source, this);
  }

  async return(value?: unknown): Promise<Step> {
    this.end({ kind: 'returned' });
    return (await this.watched.inPlace(() => this.source.return?.(value))) ?? { done: true, value };
  }

  async throw(error?: unknown): Promise<Step> {
    this.end({ kind: 'failed', error });
    if (this.source.throw === undefined) throw error;
    return this.watched.inPlace(() => this.source.throw?.(error) ?? Promise.reject(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  arrived(step: Step): void {
    const { reader } = this;
    this.reader = undefined;
    try {
      this.seen(step);
    } catch (error) {
      return reader?.broke(error);
    }
    reader?.arrived(step);
  }

  broke(error: unknown): void {
    const { reader } = this;
    this.reader = undefined;
    try {
      this.failed(error);
    } catch (told) {
      reader?.broke(told);
    }
  }

  protected advance(value: [] | [unknown]): Promise<Step> {
    return this.watched.inPlace(() => nextStep(this.source, value));
  }

  /** @throws what a watcher makes of the item. */
  private seen(step: Step): Step {
    try {
      if (step.done) this.end({ kind: 'completed' });
      else this.watched.watcher.item?.(step.value);
    } catch (error) {
      this.failed(error);
    }
    return step;
  }

  private failed(error: unknown): never {
    this.end({ kind: 'failed', error });
    throw error;
  }

  protected end(end: StreamEnd): void {
    this.watched.ended(end);
  }
}

/** The same for a stream that ends with its attempt, whether or not its source notices. */
export class AbortableIterator extends WatchedIterator {
  private readonly attempt: CallScope;
  private stopListening: (() => void) | undefined = undefined;

  constructor(source: AsyncIterator<unknown>, watched: Watching, attempt: CallScope) {
    super(source, watched);
    this.attempt = attempt;
  }

  override next(...value: [] | [unknown]): Promise<Step> {
    return new Promise<Step>((arrived, broke) => {
      if (this.begun({ arrived, broke })) tell(this.advance(value), this);
    });
  }

  override [byCall](reader: StepReader<unknown>): void {
    if (this.watched.watcher.step !== undefined) return tell(this.next(), reader);
    if (this.begun(reader)) readStep(this.source, this);
  }

  override arrived(step: Step): void {
    if (this.reader === undefined) return; // An abort came first.
    if (tooLate(this.attempt)) this.broke(this.attempt.reason);
    else super.arrived(step);
  }

  override broke(error: unknown): void {
    const { attempt } = this;
    if (this.reader === undefined) return;
    if (attempt.aborted) this.leave();
    super.broke(attempt.aborted ? attempt.reason : error);
  }

  /** A step is waited for from now on, unless the attempt has been aborted, which is told at once. */
  private begun(reader: StepReader<unknown>): boolean {
    const { attempt } = this;
    this.reader = reader;
    if (attempt.aborted) this.broke(attempt.reason);
    // Once for all steps: to listen anew for each would go up and down the tree of contexts every time.
    else this.stopListening ??= attempt.onAbort((reason) => this.aborted(reason));
    return !attempt.aborted;
  }

  private aborted(reason: unknown): void {
    const { reader } = this;
    if (reader === undefined) return; // Between two steps: the next one finds the abort.
    afterCompletedOutcomes(this.attempt.depth, () => {
      if (this.reader === reader) this.broke(reason);
    });
  }

  /** Only an aborted source is left in mid-air. Whether it hears that is its own business. */
  private leave(): void {
    const stopping = async (): Promise<unknown> => this.source.return?.();
    stopping().catch(() => undefined);
  }

  protected override end(end: StreamEnd): void {
    this.stopListening?.();
    super.end(end);
  }
}
