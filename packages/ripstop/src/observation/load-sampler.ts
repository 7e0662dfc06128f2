import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import type { Runtime } from '../call/runtime.js';

/** A load: 0 is idle, 1 is full, more means that more is asked for than there is room. Undefined: not known. */
export type LoadReading = number | undefined;

/** Something whose load can be read. */
export interface LoadSource {
  readonly name: string;
  /**
   * Is asked while requests are served but never in their way: what takes time is a promise. Negative counts as 0;
   * what is no finite number is not known, and so is what throws. `signal` aborts when nobody waits any longer.
   */
  read(signal: AbortSignal): LoadReading | PromiseLike<LoadReading>;
}

export interface SamplerOptions {
  readonly sources: readonly LoadSource[];
  readonly sampleEveryMs: number;
  readonly readLimitMs: number;
  /** Told of the highest load that is known. */
  readonly sampled: (load: number) => void;
  /** Told once when a source begins to fail. */
  readonly failed: (source: string, error: unknown) => void;
}

/**
 * Reads all sources when somebody wants to know, at most once in a while, and keeps no timer between: an idle service
 * is not measured. Of each source one reading at most is under way, however long it hangs.
 */
export class LoadSampler {
  private startedAt = Number.NEGATIVE_INFINITY;
  private running: Promise<void> | undefined;
  private readonly hanging = new Set<LoadSource>();
  private readonly failing = new Set<LoadSource>();
  private readonly options: SamplerOptions;
  private readonly runtime: Runtime;

  constructor(options: SamplerOptions, runtime: Runtime) {
    this.options = options;
    this.runtime = runtime;
  }

  /** Samples if the last time is long enough ago. Sources that answer at once have been heard when it returns. */
  sampleIfDue(): void {
    const { sources, sampleEveryMs } = this.options;
    if (sources.length === 0 || this.running !== undefined) return;
    if (this.runtime.clock.now() - this.startedAt >= sampleEveryMs) void this.sample();
  }

  /** Resolves when every source has answered, or has had its time. Never rejects. */
  sample(): Promise<void> {
    if (this.running !== undefined) return this.running;
    this.startedAt = this.runtime.clock.now();
    const readings = this.options.sources.filter((one) => !this.hanging.has(one)).map((one) => this.read(one));
    if (readings.every((reading) => typeof reading !== 'object')) {
      this.conclude(readings);
      return Promise.resolve();
    }
    this.running = this.gather(readings);
    return this.running;
  }

  private async gather(readings: readonly (LoadReading | Promise<LoadReading>)[]): Promise<void> {
    const known: LoadReading[] = [];
    for (const reading of readings) known.push(await reading);
    this.running = undefined;
    this.conclude(known);
  }

  private conclude(readings: readonly LoadReading[]): void {
    const known = readings.filter((reading) => reading !== undefined);
    if (known.length > 0) this.options.sampled(Math.max(...known));
  }

  private read(source: LoadSource): LoadReading | Promise<LoadReading> {
    const controller = new AbortController();
    try {
      const reading = source.read(controller.signal);
      if (typeof reading === 'object') return this.settled(source, Promise.resolve(reading), controller);
      return this.heard(source, reading);
    } catch (error) {
      return this.unheard(source, error);
    }
  }

  private settled(
    source: LoadSource,
    reading: Promise<LoadReading>,
    controller: AbortController,
  ): Promise<LoadReading> {
    const { readLimitMs } = this.options;
    this.hanging.add(source);
    return new Promise((resolve) => {
      const timer = this.runtime.clock.after(readLimitMs, () => {
        const late = new InferenceTimeoutError(readLimitMs, { message: 'The source of load did not answer in time' });
        controller.abort(late);
        resolve(this.unheard(source, late));
      });
      const over = (outcome: LoadReading): void => {
        timer.cancel();
        this.hanging.delete(source);
        resolve(outcome);
      };
      reading.then(
        (load) => over(this.heard(source, load)),
        (error: unknown) => over(this.unheard(source, error)),
      );
    });
  }

  private heard(source: LoadSource, load: LoadReading): LoadReading {
    this.failing.delete(source);
    return typeof load === 'number' && Number.isFinite(load) ? Math.max(load, 0) : undefined;
  }

  private unheard(source: LoadSource, error: unknown): undefined {
    if (this.failing.has(source)) return;
    this.failing.add(source);
    this.options.failed(source.name, error);
  }
}
