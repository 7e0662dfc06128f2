import type { Clock } from '../../call/runtime.js';

/** Calls that run, by their number, sorted into those that are slow already and those that are not. */
export interface CallsInFlight {
  /** How many have run for `slowMs` or longer. */
  readonly slow: number;
  add(call: number): void;
  /** Was the call slow? */
  delete(call: number): boolean;
  clear(): void;
}

export function callsInFlight(slowMs: number, clock: Pick<Clock, 'now'>): CallsInFlight {
  /** When each began, in that order. Each call is moved once, so that asking is cheap. */
  const young = new Map<number, number>();
  const overdue = new Set<number>();

  function sort(): void {
    for (const [call, startedAt] of young) {
      if (clock.now() - startedAt < slowMs) break;
      young.delete(call);
      overdue.add(call);
    }
  }

  return {
    get slow() {
      sort();
      return overdue.size;
    },
    add: (call) => void young.set(call, clock.now()),
    delete(call) {
      sort();
      young.delete(call);
      return overdue.delete(call);
    },
    clear() {
      young.clear();
      overdue.clear();
    },
  };
}
