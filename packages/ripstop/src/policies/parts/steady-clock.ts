import type { Clock } from '../../call/runtime.js';

/** A clock that is only read. */
export type SteadyClock = Pick<Clock, 'now' | 'date'>;

/**
 * The same clock, which stands still where the other goes back, and then goes on at its pace: what was to end in ten
 * seconds still ends within ten seconds (B15). A monotonic clock never needs it; one that a user wrote may.
 */
export function steadyClock(clock: Clock): SteadyClock {
  let latest = clock.now();
  let behindMs = 0;
  return {
    now() {
      const now = clock.now();
      if (now < latest) behindMs += latest - now;
      latest = now;
      return now + behindMs;
    },
    date: () => clock.date(),
  };
}
