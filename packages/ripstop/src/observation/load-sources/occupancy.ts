import type { LoadSource } from '../load-sampler.js';

/** How many calls there are, and for how many there is room. A bulkhead is one. */
export interface Occupancy {
  /** Calls under way. */
  readonly running: number;
  /** Calls that may be under way at a time. */
  readonly limit: number;
  /** Calls that wait. Default: 0. */
  readonly waiting?: number | undefined;
  /** Calls that may wait. Default: 0, so that every one that waits is one too many. */
  readonly maxQueue?: number | undefined;
}

/**
 * The load of what is in flight and in the queue: the share of all places that is taken.
 * `occupancyLoad(() => ({ running: slots.running, waiting: slots.waiting, limit: slots.limit, maxQueue: 64 }))`.
 */
export function occupancyLoad(read: () => Occupancy): LoadSource {
  return {
    name: 'occupancy',
    read() {
      const { running, waiting = 0, limit, maxQueue = 0 } = read();
      return (running + waiting) / (limit + maxQueue);
    },
  };
}
