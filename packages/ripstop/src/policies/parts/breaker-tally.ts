import type { Clock } from '../../call/runtime.js';
import type { BreakerCounters } from './breaker-snapshot.js';
import type { BreakerPermit, BreakerSettings } from './breaker-state.js';
import { CallsInFlight } from './calls-in-flight.js';
import { type RollingWindow, rollingWindow } from './rolling-window.js';

/** Below so many calls a share says little. */
const fewestForRatios = 10;

/** What a breaker counts while calls pass, and when that is reason enough to open. */
export class BreakerTally {
  readonly counters: BreakerCounters = { counted: 0, failures: 0, slow: 0, failuresInARow: 0 };
  private readonly settings: BreakerSettings;
  private readonly clock: Clock;
  /** Only where a ratio is asked for; failures in a row need no window. */
  private readonly window: RollingWindow | undefined;
  /** Only where slow calls may open it. */
  private readonly inFlight: CallsInFlight<BreakerPermit> | undefined;
  private readonly minCallsForRatios: number;

  constructor(settings: BreakerSettings, clock: Clock) {
    this.settings = settings;
    this.clock = clock;
    const { window, minCalls, failureRatio, slowRatio, slowMs } = settings;
    const rolling = rollingWindow(window, clock);
    this.window = failureRatio === undefined && slowRatio === undefined ? undefined : rolling;
    this.inFlight = slowRatio === undefined || slowMs === undefined ? undefined : new CallsInFlight(slowMs);
    this.minCallsForRatios = minCalls ?? Math.min(fewestForRatios, 'calls' in window ? window.calls : fewestForRatios);
  }

  begun(permit: BreakerPermit): void {
    this.inFlight?.add(permit);
  }

  ended(permit: BreakerPermit): void {
    this.inFlight?.delete(permit);
  }

  /** Counts a call that ended, and gives the reason to open, if there is one now. */
  count(permit: BreakerPermit, outcome: 'success' | 'failure'): string | undefined {
    const { counters } = this;
    const { slowMs } = this.settings;
    const failed = outcome === 'failure';
    const slow = slowMs !== undefined && this.clock.now() - permit.startedAt >= slowMs;
    counters.counted += 1;
    counters.failuresInARow = failed ? counters.failuresInARow + 1 : 0;
    if (failed) counters.failures += 1;
    if (slow) counters.slow += 1;
    this.window?.add(failed, slow);
    return failed || this.window !== undefined ? this.reasonToOpen() : undefined;
  }

  /** The reason to open that the calls in flight give, by getting slow (B6). */
  overdue(): string | undefined {
    const inFlight = this.inFlight?.slow(this.clock.now()) ?? 0;
    return inFlight === 0 ? undefined : this.slowReason(inFlight);
  }

  clear(): void {
    this.setCounters({ counted: 0, failures: 0, slow: 0, failuresInARow: 0 });
    this.window?.clear();
  }

  /** Not the window: its samples have aged since, and nobody knows how far. */
  restore(counters: BreakerCounters): void {
    const { consecutive } = this.settings;
    // With a lower limit than the one under which they were counted, one more failure is still due before it opens.
    const failuresInARow = Math.min(counters.failuresInARow, consecutive - 1);
    this.setCounters({ ...counters, failuresInARow });
  }

  forgetCallsInFlight(): void {
    this.inFlight?.clear();
  }

  /** Has a breaker that closed `closedMs` ago recovered: for a whole window, or a whole window of successes? (B11) */
  isRecovered(closedMs: number): boolean {
    const { window } = this.settings;
    const { counted, failures } = this.counters;
    return 'calls' in window ? counted - failures >= window.calls : closedMs >= window.ms;
  }

  private setCounters({ counted, failures, slow, failuresInARow }: BreakerCounters): void {
    Object.assign(this.counters, { counted, failures, slow, failuresInARow });
  }

  private reasonToOpen(): string | undefined {
    const { consecutive, failureRatio, minCalls } = this.settings;
    const { failuresInARow } = this.counters;
    if (failuresInARow >= consecutive && this.counters.counted >= (minCalls ?? 1))
      return `${consecutive} failures in a row`;
    if (this.window === undefined) return undefined;
    const { counted, failures } = this.window;
    if (failureRatio !== undefined && counted >= this.minCallsForRatios && failures / counted >= failureRatio)
      return `${failures} of ${counted} calls failed`;
    return this.slowReason(this.inFlight?.slow(this.clock.now()) ?? 0);
  }

  /** Calls in flight that are slow already are part of the whole; those that may yet be fast are not. */
  private slowReason(inFlight: number): string | undefined {
    const { slowRatio } = this.settings;
    if (this.window === undefined || slowRatio === undefined) return undefined;
    const counted = this.window.counted + inFlight;
    const slow = this.window.slow + inFlight;
    if (counted < this.minCallsForRatios || slow / counted < slowRatio) return undefined;
    return `${slow} of ${counted} calls were slow`;
  }
}
