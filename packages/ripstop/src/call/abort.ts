/** Settling and sleeping under an abort. */
import type { Abandoned, CallContext, CallScope } from './call.js';
import { afterCompletedOutcomes, tooLate } from './completed-first.js';
import type { Clock } from './runtime.js';
import { discard, isStream, watchStream } from './stream.js';

/**
 * The outcome of an attempt, or the reason of its abort if that comes first; an outcome that comes later is dropped,
 * never unhandled. The attempt is released when it has settled. A stream is an attempt that goes on: its limit and its
 * signal live until it ends (T5).
 */
export function settleOrAbort<T>(outcome: Promise<T>, attempt: CallScope): Promise<T> {
  const settled = new Promise<T>(captureSettlers);
  const settling = new Settling(attempt, resolveLatest, rejectLatest);
  attempt.abandonOnAbort(settling);
  outcome.then(
    (value) => settling.completed(value),
    (error: unknown) => settling.failed(error),
  );
  return settled;
}

/** What settles the promise that was made last: an executor of its own would cost every promise a closure. */
let resolveLatest: (value: unknown) => void;
let rejectLatest: (reason: unknown) => void;

function captureSettlers(resolve: (value: never) => void, reject: (reason: unknown) => void): void {
  resolveLatest = resolve as typeof resolveLatest;
  rejectLatest = reject;
}

/** An attempt that has neither settled nor been given up. */
class Settling implements Abandoned {
  declare private readonly attempt: CallScope;
  declare private readonly resolve: (value: unknown) => void;
  declare private readonly reject: (reason: unknown) => void;

  constructor(attempt: CallScope, resolve: typeof resolveLatest, reject: typeof rejectLatest) {
    this.attempt = attempt;
    this.resolve = resolve;
    this.reject = reject;
  }

  completed(value: unknown): void {
    const { attempt } = this;
    const opened = isStream(value);
    if (opened && !attempt.aborted) return this.begin(value);
    this.attempt.release();
    if (opened || tooLate(attempt)) {
      discard(value);
      this.reject(attempt.reason);
    } else {
      this.resolve(value);
    }
  }

  private begin(stream: AsyncIterable<unknown> & object): void {
    this.resolve(watchStream(stream, { attempt: this.attempt, ended: () => this.attempt.release() }));
  }

  /** Whatever an aborted attempt throws, its end was the abort (G3, T3). */
  failed(error: unknown): void {
    this.attempt.release();
    this.reject(this.attempt.aborted ? this.attempt.reason : error);
  }

  abandon(reason: unknown): void {
    afterCompletedOutcomes(this.attempt, () => this.reject(reason));
  }
}

/** Waits. Rejects with the reason as soon as the call is aborted. */
export function sleep(clock: Clock, ms: number, context: CallContext): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopListening = (): void => undefined;
    const timer = clock.after(ms, () => {
      stopListening();
      resolve();
    });
    stopListening = context.onAbort((reason) => {
      timer.cancel();
      reject(reason);
    });
  });
}
