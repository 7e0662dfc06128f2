import type { Random } from '../../call/runtime.js';
import type { CooldownSettings, OpenCause } from './breaker-state.js';
import { isPauseRequest, isQuotaSpent, statedWaitMs } from './verdict.js';

/** A wait that one error asks for by itself, however few there were. */
export interface RequestedWait {
  readonly cause: Exclude<OpenCause, 'failures'>;
  readonly ms: number;
}

/**
 * How long a breaker stays open: longer each time it opens without having recovered, less a random share, so that
 * many processes do not come back together, and never shorter than the service asked for (B11).
 */
export class Cooldown {
  /** Openings for failures since the last recovery. */
  opens = 0;
  private readonly settings: CooldownSettings;
  private readonly random: Random;

  constructor(settings: CooldownSettings, random: Random) {
    this.settings = settings;
    this.random = random;
  }

  /** Counts one more opening, and says how long it lasts, in milliseconds. */
  next(error: unknown): number {
    const { cooldownMs, cooldownFactor, cooldownJitterRatio } = this.settings;
    this.opens += 1;
    const longestMs = this.longestMs('failures');
    const grownMs = Math.min(longestMs, cooldownMs * cooldownFactor ** (this.opens - 1));
    const spreadMs = cooldownJitterRatio === 0 ? grownMs : grownMs * (1 - cooldownJitterRatio * this.random());
    return Math.max(spreadMs, Math.min(longestMs, statedWaitMs(error) ?? 0));
  }

  /** The wait that this error alone opens the breaker for: a spent quota (B13), or a pause that was asked for (B12). */
  requestedBy(error: unknown): RequestedWait | undefined {
    const quotaMs = this.longestMs('quota');
    if (quotaMs > 0 && isQuotaSpent(error)) return { cause: 'quota', ms: quotaMs };
    const longestPauseMs = this.longestMs('pause');
    if (longestPauseMs === 0 || !isPauseRequest(error)) return undefined;
    const pauseMs = Math.min(longestPauseMs, statedWaitMs(error) ?? 0);
    return pauseMs > 0 ? { cause: 'pause', ms: pauseMs } : undefined;
  }

  /** The longest stay that the options allow, in milliseconds; 0 for what they do not ask for. */
  longestMs(cause: OpenCause): number {
    const { cooldownMs, maxCooldownMs, maxPauseMs, quotaCooldownMs } = this.settings;
    switch (cause) {
      case 'failures':
        return maxCooldownMs ?? cooldownMs;
      case 'pause':
        return maxPauseMs ?? 0;
      case 'quota':
        return quotaCooldownMs ?? 0;
    }
  }
}
