/** Callers: each comes once, at a time of his own, and leaves when his patience is over. */
import { chanceOf, exponentialMs } from './chance.mjs';

/** All callers of a run, in order: when they come, and how long they wait. The same for every contender. */
export function callersOf({ durationMs, callsPerSecond, patienceMs, burst }, seed) {
  const steady = arrivals(chanceOf(seed, 0), callsPerSecond, 0, durationMs);
  const extra =
    burst === undefined ? [] : arrivals(chanceOf(seed, 1), burst.callsPerSecond, burst.fromMs, burst.untilMs);
  const patience = chanceOf(seed, 3);
  return [...steady, ...extra]
    .toSorted((one, other) => one - other)
    .map((at, index) => ({
      number: index,
      at,
      patienceMs: patienceMs.least + patience() * (patienceMs.most - patienceMs.least),
    }));
}

function arrivals(random, perSecond, from, until) {
  const times = [];
  for (let at = from + exponentialMs(random, perSecond); at < until; at += exponentialMs(random, perSecond)) {
    times.push(at);
  }
  return times;
}

/** What is needed of an `AbortSignal` and its controller: making 100 000 of those costs more than all the rest of a run. */
export class CallerSignal {
  aborted = false;
  reason = undefined;
  #listeners = new Set();

  addEventListener(_type, listener) {
    this.#listeners.add(listener);
  }

  removeEventListener(_type, listener) {
    this.#listeners.delete(listener);
  }

  abort(reason) {
    this.aborted = true;
    this.reason = reason;
    for (const listener of this.#listeners) listener();
  }
}
