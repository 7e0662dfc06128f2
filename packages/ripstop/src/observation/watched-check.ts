import type { HealthStatus } from '../call/events.js';
import type { Runtime, Timer } from '../call/runtime.js';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import {
  failedFinding,
  type Finding,
  findingOf,
  type HealthCheck,
  type HealthCheckResult,
  type HealthCheckSettings,
  type HealthView,
  lateFinding,
  shownFinding,
} from './health-check.js';

/** Runs of one check that hang, however often it is asked: beyond, it is not called, and counts as late. */
const maxHanging = 4;

interface Kept {
  readonly finding: Finding;
  readonly durationMs: number;
  readonly timestamp: string;
  /** Until when it is good, on the runtime's clock. */
  readonly goodUntil: number;
}

export interface WatchedOptions {
  readonly name: string;
  readonly check: HealthCheck;
  readonly settings: HealthCheckSettings;
  /** Told when the status is another one. */
  readonly changed: (check: WatchedCheck, previous: HealthStatus, finding: Finding) => void;
}

/** One check over time: one run at a time, its last finding, and the status that follows from the last few. */
export class WatchedCheck {
  readonly name: string;
  readonly settings: HealthCheckSettings;
  status: HealthStatus = 'unknown';
  private readonly options: WatchedOptions;
  private readonly runtime: Runtime;
  private last: Kept | undefined;
  private failuresInRow = 0;
  private running: Promise<void> | undefined;
  /** Ends the run that is under way, without a finding. */
  private giveUp: (() => void) | undefined;
  private unsettled = 0;
  private next: Timer | undefined;
  private closed = false;

  constructor(options: WatchedOptions, runtime: Runtime) {
    this.name = options.name;
    this.settings = options.settings;
    this.options = options;
    this.runtime = runtime;
  }

  get failing(): boolean {
    return this.status !== 'healthy' && this.status !== 'unknown';
  }

  /** The run to wait for, where what is known is no longer good. Never rejects. */
  refreshed(): Promise<void> | undefined {
    const isGood = this.last !== undefined && this.runtime.clock.now() < this.last.goodUntil;
    return isGood || this.closed ? undefined : this.run();
  }

  /** Runs now and every `intervalMs` from then on. */
  repeat(): void {
    const { intervalMs } = this.settings;
    if (intervalMs === Number.POSITIVE_INFINITY || this.closed) return;
    void this.run().then(() => {
      if (!this.closed) this.next = this.runtime.clock.after(intervalMs, () => this.repeat());
    });
  }

  close(): void {
    this.closed = true;
    this.next?.cancel();
    this.giveUp?.();
    this.options.check.close?.();
  }

  result(view: HealthView): HealthCheckResult {
    const { status, last, failuresInRow } = this;
    if (last === undefined) return { status, duration_ms: 0, timestamp: this.runtime.clock.date().toISOString() };
    return {
      status,
      ...shownFinding(last.finding, view),
      duration_ms: Math.round(last.durationMs),
      timestamp: last.timestamp,
      ...(status === 'healthy' && failuresInRow > 0 && { failures_in_row: failuresInRow }),
    };
  }

  private run(): Promise<void> {
    this.running ??= new Promise((resolve) => {
      const { clock } = this.runtime;
      const { timeoutMs } = this.settings;
      const startedAt = clock.now();
      const controller = new AbortController();
      const end = (finding: Finding | undefined): void => {
        if (this.giveUp !== giveUp) return;
        this.giveUp = undefined;
        this.running = undefined;
        timer.cancel();
        if (finding !== undefined) this.found(finding, clock.now() - startedAt);
        resolve();
      };
      const giveUp = (): void => {
        controller.abort();
        end(undefined);
      };
      this.giveUp = giveUp;
      const timer = clock.after(timeoutMs, () => {
        controller.abort(new InferenceTimeoutError(timeoutMs, { message: 'The check did not answer in time' }));
        end(lateFinding(timeoutMs));
      });
      void this.ask(controller.signal).then(end);
    });
    return this.running;
  }

  private async ask(signal: AbortSignal): Promise<Finding> {
    if (this.unsettled >= maxHanging) return lateFinding(this.settings.timeoutMs);
    this.unsettled += 1;
    try {
      return findingOf(await this.options.check({ signal }));
    } catch (error) {
      return failedFinding(error);
    } finally {
      this.unsettled -= 1;
    }
  }

  private found(finding: Finding, durationMs: number): void {
    const { clock } = this.runtime;
    const goodUntil = clock.now() + this.settings.ttlMs;
    this.last = { finding, durationMs, timestamp: clock.date().toISOString(), goodUntil };
    const previous = this.status;
    this.status = this.judged(finding.status);
    if (this.status !== previous) this.options.changed(this, previous, finding);
  }

  /** What is healthy stays so until enough runs in a row have failed; anything else is believed at once. */
  private judged(found: HealthStatus): HealthStatus {
    this.failuresInRow = found === 'healthy' || found === 'unknown' ? 0 : this.failuresInRow + 1;
    const tooFew = this.failuresInRow > 0 && this.failuresInRow < this.settings.failures;
    return this.status === 'healthy' && tooFew ? 'healthy' : found;
  }
}
