/** Settling and sleeping under an abort. */
import type { CallContext, CallScope } from './call.js';
import { afterCompletedOutcomes, tooLate } from './completed-first.js';
import type { Clock, Timer } from './runtime.js';
import { discard, isStream, watchStream } from './stream.js';

/**
 * The outcome of an attempt, or the reason of its abort if that comes first; an outcome that comes later is dropped,
 * never unhandled. `limit` is cancelled, and the attempt stops listening, when it has settled. A stream is an attempt
 * that goes on: its limit and its signal live until it ends (T5).
 */
export function settleOrAbort<T>(outcome: Promise<T>, attempt: CallScope, limit?: Timer): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    // An attempt that hears of its abort is aborted for good, so the listener needs no removing once it has run, and
    // an attempt that has settled is dropped with its listener in it.
    attempt.listen((reason) => {
      afterCompletedOutcomes(attempt, () => {
        limit?.cancel();
        reject(reason);
      });
    });
    outcome.then(
      (value) => {
        if (isStream(value)) {
          if (!attempt.aborted) return resolve(watchStream(value, { attempt, ended: () => end(attempt, limit) }));
        } else if (!tooLate(attempt)) {
          end(attempt, limit);
          return resolve(value);
        }
        discard(value);
        end(attempt, limit);
        reject(attempt.reason);
      },
      (error: unknown) => {
        end(attempt, limit);
        // Whatever an aborted attempt throws, its end was the abort (G3, T3).
        reject(attempt.aborted ? attempt.reason : error);
      },
    );
  });
}

function end(attempt: CallScope, limit: Timer | undefined): void {
  limit?.cancel();
  attempt.release();
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
