/** As much of a call as is needed here. */
interface Attempt {
  readonly depth: number;
  readonly over: boolean;
  readonly aborted: boolean;
  readonly cancelled: boolean;
  abort(reason: unknown): void;
}

/** Steps of the microtask queue that an outcome takes from one layer to the next: a policy and some async functions. */
const stepsPerLayer = 10;
const deepestLayer = 8;

/**
 * Runs `action`, which ends an attempt because of an abort, when every outcome that was complete before now has been
 * delivered: such an outcome is on its way through the microtask queue, and wins (G4). A layer further out waits
 * longer, so that it hears of the abort from the layers inside, which know more of it.
 */
export function afterCompletedOutcomes(depth: number, action: () => void): void {
  let stepsLeft = stepsPerLayer * Math.max(1, deepestLayer - depth);
  const step = (): void => {
    stepsLeft -= 1;
    if (stepsLeft === 0) action();
    else queueMicrotask(step);
  };
  queueMicrotask(step);
}

/**
 * Aborts `attempt`, whose time is up, with `reason()`, unless an outcome that is complete by now ends it first. So what
 * comes after the abort came too late, and may well have come because of it: half an answer is no answer.
 */
export function expire(attempt: Attempt, reason: () => unknown): void {
  afterCompletedOutcomes(attempt.depth, () => {
    if (!attempt.over && !attempt.aborted) attempt.abort(reason());
  });
}

/** Has the time of `attempt` run out? Of a caller who left it cannot be told what was complete when he did. */
export function tooLate(attempt: Attempt): boolean {
  return attempt.aborted && !attempt.cancelled;
}
