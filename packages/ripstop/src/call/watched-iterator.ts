/** What happens to every item of every stream, so it makes as little as it can: a promise or two. */
import type { CallScope } from './call.js';
import { afterCompletedOutcomes, tooLate } from './completed-first.js';

/** How a stream ended. `returned`: its reader had enough and left. */
export type StreamEnd =
  | { readonly kind: 'completed' | 'returned' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** The half of a `StreamWatcher` that every step meets. */
interface StepWatcher {
  readonly step?: <T>(advance: () => T) => T;
  item?(item: unknown): void;
}

type Step = IteratorResult<unknown>;

/** The iterator of a stream, read one step at a time. */
export class WatchedIterator implements AsyncIterableIterator<unknown> {
  protected readonly source: AsyncIterator<unknown>;
  private readonly watcher: StepWatcher;
  private readonly told: (end: StreamEnd) => void;

  constructor(source: AsyncIterator<unknown>, watcher: StepWatcher, told: (end: StreamEnd) => void) {
    this.source = source;
    this.watcher = watcher;
    this.told = told;
  }

  next(...value: [] | [unknown]): Promise<Step> {
    try {
      return this.advance(value).then(this.arrived, this.broke);
    } catch (error) {
      return rejection(() => this.broke(error));
    }
  }

  async return(value?: unknown): Promise<Step> {
    this.end({ kind: 'returned' });
    return (await this.inPlace(() => this.source.return?.(value))) ?? { done: true, value };
  }

  async throw(error?: unknown): Promise<Step> {
    this.end({ kind: 'failed', error });
    if (this.source.throw === undefined) throw error;
    return this.inPlace(() => this.source.throw?.(error) ?? Promise.reject(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  protected advance(value: [] | [unknown]): Promise<Step> {
    const step: Promise<Step> | Step =
      this.watcher.step === undefined
        ? this.source.next(...value)
        : this.watcher.step(() => this.source.next(...value));
    // An iterator written by hand may bring its step without a promise.
    return step instanceof Promise ? step : Promise.resolve(step);
  }

  /** @throws what a watcher makes of the item. */
  protected readonly arrived = (step: Step): Step => {
    try {
      if (step.done) this.end({ kind: 'completed' });
      else this.watcher.item?.(step.value);
    } catch (error) {
      this.broke(error);
    }
    return step;
  };

  protected readonly broke = (error: unknown): never => {
    this.end({ kind: 'failed', error });
    throw error;
  };

  protected end(end: StreamEnd): void {
    this.told(end);
  }

  private inPlace<T>(work: () => T): T {
    return this.watcher.step === undefined ? work() : this.watcher.step(work);
  }
}

/** The same for a stream that ends with its attempt, whether or not its source notices. */
export class AbortableIterator extends WatchedIterator {
  private readonly attempt: CallScope;
  private stopListening: (() => void) | undefined = undefined;
  /** Of the step that is waited for. */
  private resolve: ((step: Step) => void) | undefined = undefined;
  private reject: ((reason: unknown) => void) | undefined = undefined;

  constructor(
    source: AsyncIterator<unknown>,
    watcher: StepWatcher,
    { told, attempt }: { readonly told: (end: StreamEnd) => void; readonly attempt: CallScope },
  ) {
    super(source, watcher, told);
    this.attempt = attempt;
  }

  override next(...value: [] | [unknown]): Promise<Step> {
    const { attempt } = this;
    if (attempt.aborted) return rejection(() => this.leave(attempt.reason));
    return new Promise<Step>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      // Once for all steps: to listen anew for each would go up and down the tree of contexts every time.
      this.stopListening ??= attempt.onAbort((reason) => this.aborted(reason));
      try {
        this.advance(value).then(this.inTime, this.failed);
      } catch (error) {
        this.failed(error);
      }
    });
  }

  private readonly inTime = (step: Step): void => {
    const { attempt, resolve, reject } = this;
    if (resolve === undefined) return; // An abort came first.
    this.resolve = undefined;
    this.reject = undefined;
    try {
      resolve(tooLate(attempt) ? this.leave(attempt.reason) : this.arrived(step));
    } catch (error) {
      reject?.(error);
    }
  };

  private readonly failed = (error: unknown): void => {
    const { attempt, reject } = this;
    if (reject === undefined) return;
    this.resolve = undefined;
    this.reject = undefined;
    try {
      if (attempt.aborted) this.leave(attempt.reason);
      this.broke(error);
    } catch (told) {
      reject(told);
    }
  };

  private aborted(reason: unknown): void {
    const { reject } = this;
    if (reject === undefined) return; // Between two steps: the next one finds the abort.
    afterCompletedOutcomes(this.attempt.depth, () => {
      if (this.reject === reject) this.failed(reason);
    });
  }

  /** Only an aborted source is left in mid-air. Whether it hears that is its own business. */
  private leave(reason: unknown): never {
    const stopping = async (): Promise<unknown> => this.source.return?.();
    stopping().catch(() => undefined);
    return this.broke(reason);
  }

  protected override end(end: StreamEnd): void {
    this.stopListening?.();
    super.end(end);
  }
}

async function rejection(work: () => never): Promise<never> {
  return work();
}
