/** Settling and sleeping under an abort. */
import type { Attempt } from './attempt.js';
import type { CallContext } from './call.js';
import { tooLate } from './completed-first.js';
import type { Clock } from './runtime.js';
import { discard, isStream, watchStream } from './stream.js';

/**
 * The outcome of an attempt, or the reason of its abort if that comes first; an outcome that comes later is dropped,
 * never unhandled. The attempt is released when it has settled. A stream is an attempt that goes on: its limit and its
 * signal live until it ends (T5).
 */
export function settleOrAbort<T>(outcome: Promise<T>, attempt: Attempt): Promise<T> {
  const settled = new Promise<T>(captureSettlers);
  attempt.settleBy(resolveLatest, rejectLatest);
  outcome.then(
    (value) => completed(attempt, value),
    (error: unknown) => failed(attempt, error),
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

/** Settles what stands for `attempt` (`settleBy`) by its outcome. An outcome that came too late is dropped. */
export function completed(attempt: Attempt, value: unknown): void {
  const opened = isStream(value);
  if (opened && !attempt.aborted) return begin(attempt, value);
  attempt.release();
  if (opened || tooLate(attempt)) {
    discard(value);
    attempt.reject?.(attempt.reason);
  } else {
    attempt.resolve?.(value);
  }
}

function begin(attempt: Attempt, stream: AsyncIterable<unknown> & object): void {
  attempt.resolve?.(watchStream(stream, { attempt, ended: () => attempt.release() }));
}

/** The same for an error. Whatever an aborted attempt throws, its end was the abort (G3, T3). */
export function failed(attempt: Attempt, error: unknown): void {
  attempt.release();
  attempt.reject?.(attempt.aborted ? attempt.reason : error);
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
