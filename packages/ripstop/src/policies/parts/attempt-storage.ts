/** Where a retry finds the attempt that it is a part of, if nobody has passed the context on (RT10). */
import { storageOf } from '../../call/async-storage.js';
import type { CallScope } from '../../call/call.js';

type Storage = ReturnType<typeof storageOf>;

/** Follows attempts through awaits; without it they are known up to their first one. */
let storage: Storage | undefined;
let current: CallScope | undefined;

/**
 * From now on, retries find out about a retry around them after an `await` too, where the platform has an
 * `AsyncLocalStorage`. For the program, not for libraries: on Node before 24, every promise in the process costs more
 * from then on. Returns the function that ends it.
 */
export function detectNestedRetries(): () => void {
  storage = storageOf(globalThis);
  return () => {
    storage = undefined;
  };
}

/** Is this a part of an attempt that a retry repeats, by its own context or by where it is called from? */
export function isRetried(context: CallScope): boolean {
  return (
    context.retried || (storage === undefined ? current : (storage.getStore() as typeof current))?.retried === true
  );
}

/** Calls `next`, and knows the attempt in all that it calls. */
export function runAttempt<T>(next: (attempt: CallScope) => T, attempt: CallScope): T {
  return storage === undefined ? runInSight(next, attempt) : runFollowed(storage, next, attempt);
}

/** `next` never throws (G12). */
function runInSight<T>(next: (attempt: CallScope) => T, attempt: CallScope): T {
  const outer = current;
  current = attempt;
  const outcome = next(attempt);
  current = outer;
  return outcome;
}

/** Apart, so that only those who asked for it pay for a closure per call. */
function runFollowed<T>(found: Storage, next: (attempt: CallScope) => T, attempt: CallScope): T {
  return found.run(attempt, () => next(attempt));
}
