import type { HealthStatus, ReportedEvent } from '../call/events.js';
import { assertPositive, badOption, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime, type Timer } from '../call/runtime.js';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { failedFinding, findingOf, type HealthCheck } from './health-check.js';

/** Options of `recoveryProbes()`. */
export interface RecoveryProbesOptions {
  /** How a model is asked how it is: `upstreamCheck()`, for example. Undefined: it is not. */
  readonly checkOf: (model: string) => HealthCheck | undefined;
  /** Told of a model that a probe has found out and a later one well: its breaker's `endCooldown()` goes here. */
  readonly returned: (model: string) => void;
  /** The wait before the first probe, doubled after each that failed, in milliseconds. Default: 1 000. */
  readonly baseDelayMs?: number | undefined;
  /** The longest wait between two probes, in milliseconds. Default: 30 000. */
  readonly maxDelayMs?: number | undefined;
  /** The limit on one probe, in milliseconds. Default: 5 000. */
  readonly limitMs?: number | undefined;
  /** What a breaker of that name stands before. Default: the model that it is named after. */
  readonly subjectOf?: ((breaker: string) => string) | undefined;
}

type Defaulted = 'baseDelayMs' | 'maxDelayMs' | 'limitMs';

/** The defaults of `recoveryProbes()`. */
export const recoveryProbeDefaults: Pick<Defaults<RecoveryProbesOptions, Defaulted>, Defaulted> = {
  baseDelayMs: 1_000,
  maxDelayMs: 30_000,
  limitMs: 5_000,
};

/** Probes that are under way or planned. */
export interface RecoveryProbes {
  /** The models that are being watched. */
  readonly watched: readonly string[];
  /** Ends all probes, and listens no more. */
  close(): void;
}

/** Models that are watched at a time; what goes out beyond them is tried by its callers alone. */
const maxWatched = 100;

/**
 * Recovery probes: a model whose breaker has opened is asked in the background how it is, until it is well.
 *
 * No call waits for a probe, and none is refused because of one. What a probe can tell is a change: a model that a probe
 * found out and a later one well is back, and `returned` hears of it, so that it can be tried before its cooldown is
 * over. A model that the first probe finds well fails at something that probes do not see; then its cooldown is the
 * better judge, and the probes end until the breaker opens again. Reports `probe.finished`.
 *
 * @throws RangeError for a bad option.
 */
export function recoveryProbes(options: RecoveryProbesOptions, runtime: Runtime = systemRuntime): RecoveryProbes {
  const { checkOf, returned } = options;
  const defaults: Settings = { ...recoveryProbeDefaults, checkOf, returned };
  const settings = withDefaults<RecoveryProbesOptions, Settings>(defaults, options);
  const { baseDelayMs, maxDelayMs, limitMs, subjectOf = (breaker: string) => breaker } = settings;
  assertPositive('baseDelayMs', baseDelayMs);
  assertPositive('limitMs', limitMs);
  if (!(maxDelayMs >= baseDelayMs)) throw badOption('maxDelayMs', 'must be at least baseDelayMs', maxDelayMs);
  const watches = new Map<string, Watch>();

  function end(model: string): void {
    watches.get(model)?.end();
    watches.delete(model);
  }

  function hear(event: ReportedEvent): void {
    if (event.type === 'breaker.opened') {
      const model = subjectOf(event.name);
      if (watches.has(model) || watches.size >= maxWatched) return;
      const check = checkOf(model);
      if (check !== undefined) watches.set(model, new Watch({ model, check, settings, ended: end }, runtime));
    } else if (event.type === 'breaker.closed' || event.type === 'breaker.released') {
      end(subjectOf(event.name));
    }
  }

  const off = runtime.events.on(hear, {
    name: 'recovery',
    types: ['breaker.opened', 'breaker.closed', 'breaker.released'],
  });

  return {
    get watched() {
      return [...watches.keys()];
    },
    close() {
      off();
      for (const model of watches.keys()) end(model);
    },
  };
}

type Settings = Defaults<RecoveryProbesOptions, Defaulted>;

interface Watched {
  readonly model: string;
  readonly check: HealthCheck;
  readonly settings: Settings;
  readonly ended: (model: string) => void;
}

/** The probes of one model, one after the other, from its breaker's opening until it is well. */
class Watch {
  private readonly watched: Watched;
  private readonly runtime: Runtime;
  private delayMs: number;
  private wasOut = false;
  private next: Timer | undefined;
  /** Ends the probe that is under way. */
  private giveUp: ((reason: unknown) => void) | undefined;
  private ended = false;

  constructor(watched: Watched, runtime: Runtime) {
    this.watched = watched;
    this.runtime = runtime;
    this.delayMs = watched.settings.baseDelayMs;
    this.plan();
  }

  end(): void {
    this.ended = true;
    this.next?.cancel();
    this.giveUp?.('the watch is over');
    this.watched.check.close?.();
  }

  /** Up to a tenth sooner, so that many processes do not ask at the same moment. */
  private plan(): void {
    const delayMs = this.delayMs * (1 - 0.1 * this.runtime.random());
    this.next = this.runtime.clock.after(delayMs, () => void this.probe());
    this.delayMs = Math.min(this.delayMs * 2, this.watched.settings.maxDelayMs);
  }

  private async probe(): Promise<void> {
    const { model, settings, ended } = this.watched;
    const { clock, events } = this.runtime;
    const startedAt = clock.now();
    const status = await this.ask();
    if (this.ended) return;
    // It cannot be told.
    if (status === 'unknown') return ended(model);
    const healthy = status === 'healthy';
    events.emit({ type: 'probe.finished', model, healthy, ms: clock.now() - startedAt, at: clock.now() });
    if (!healthy) {
      this.wasOut = true;
      return this.plan();
    }
    ended(model);
    if (this.wasOut) settings.returned(model);
  }

  /** Settles at the limit, whether or not the check notices, and when the watch ends. */
  private async ask(): Promise<HealthStatus> {
    const { check, settings } = this.watched;
    const { limitMs } = settings;
    const probe = new AbortController();
    const stopped = new Promise<HealthStatus>((resolve) => {
      this.giveUp = (reason) => {
        limit.cancel();
        probe.abort(reason);
        resolve('timeout');
      };
    });
    const limit = this.runtime.clock.after(limitMs, () => this.giveUp?.(new InferenceTimeoutError(limitMs)));
    const asked = async (): Promise<unknown> => check({ signal: probe.signal });
    const found = asked().then(findingOf, failedFinding);
    const status = await Promise.race([stopped, found.then((finding) => finding.status)]);
    limit.cancel();
    this.giveUp = undefined;
    return status;
  }
}
