import type { BreakerCounters } from './breaker-snapshot.js';
import type { BreakerSettings } from './breaker-state.js';
import { callsInFlight } from './calls-in-flight.js';
import { rollingWindow } from './rolling-window.js';
import type { SteadyClock } from './steady-clock.js';

/** Below so many calls a share says little. */
const fewestForRatios = 10;

const nothing: BreakerCounters = { counted: 0, failures: 0, slow: 0, failuresInARow: 0 };

/** What a breaker counts while calls pass, and when that is reason enough to open. */
export interface BreakerTally {
  readonly counters: Readonly<BreakerCounters>;
  begun(permit: number): void;
  /** Whatever came of it. Was the call slow? */
  ended(permit: number): boolean;
  /** Counts a call that ended, and gives the reason to open, if there is one now. */
  count(failed: boolean, slow: boolean): string | undefined;
  /** The reason to open that the calls in flight give, by getting slow (B6). */
  overdue(): string | undefined;
  forgetCallsInFlight(): void;
  clear(): void;
  /** Not the window: its samples have aged since, and nobody knows how far. */
  restore(counters: BreakerCounters): void;
  /** Has a breaker that closed `closedMs` ago recovered: for a whole window, or a whole window of successes? (B11) */
  isRecovered(closedMs: number): boolean;
}

export function breakerTally(settings: BreakerSettings, clock: SteadyClock): BreakerTally {
  const { window: size, consecutive, minCalls, failureRatio, slowRatio, slowMs = Number.POSITIVE_INFINITY } = settings;
  const calls = 'calls' in size ? size.calls : Number.POSITIVE_INFINITY;
  const minCallsForRatios = minCalls ?? Math.min(fewestForRatios, calls);
  const rolling = rollingWindow(size, clock);
  /** Only where a ratio is asked for; failures in a row need no window. */
  const window = failureRatio === undefined && slowRatio === undefined ? undefined : rolling;
  const inFlight = callsInFlight(slowMs, clock);
  let counters = { ...nothing };

  function reasonToOpen(): string | undefined {
    if (counters.failuresInARow >= consecutive && counters.counted >= (minCalls ?? 1)) {
      return `${consecutive} failures in a row`;
    }
    if (window !== undefined && failureRatio !== undefined) {
      const { counted, failures } = window;
      if (counted >= minCallsForRatios && failures / counted >= failureRatio) {
        return `${failures} of ${counted} calls failed`;
      }
    }
    return slowReason();
  }

  /** Calls in flight that are slow already are part of the whole; those that may yet be fast are not. */
  function slowReason(): string | undefined {
    if (window === undefined || slowRatio === undefined) return undefined;
    const counted = window.counted + inFlight.slow;
    const slow = window.slow + inFlight.slow;
    return counted >= minCallsForRatios && slow / counted >= slowRatio
      ? `${slow} of ${counted} calls were slow`
      : undefined;
  }

  return {
    get counters() {
      return counters;
    },
    begun: (permit) => inFlight.add(permit),
    ended: (permit) => inFlight.delete(permit),
    count(failed, slow) {
      counters.counted += 1;
      counters.failuresInARow = failed ? counters.failuresInARow + 1 : 0;
      if (failed) counters.failures += 1;
      if (slow) counters.slow += 1;
      window?.add(failed, slow);
      return failed || window !== undefined ? reasonToOpen() : undefined;
    },
    overdue: () => (inFlight.slow > 0 ? slowReason() : undefined),
    forgetCallsInFlight: () => inFlight.clear(),
    clear() {
      counters = { ...nothing };
      window?.clear();
    },
    restore({ counted, failures, slow, failuresInARow }) {
      // With a lower limit than the one under which they were counted, one more failure is still due before it opens.
      counters = { counted, failures, slow, failuresInARow: Math.min(failuresInARow, consecutive - 1) };
    },
    isRecovered(closedMs) {
      return 'calls' in size ? counters.counted - counters.failures >= calls : closedMs >= size.ms;
    },
  };
}
