import type { Random } from '../../call/runtime.js';
import type { CooldownSettings, OpenCause } from './breaker-state.js';
import { isPauseRequest, isQuotaSpent, statedWaitMs } from './verdict.js';

/** A wait that one error asks for by itself, however few there were. */
export interface RequestedWait {
  readonly cause: Exclude<OpenCause, 'failures'>;
  readonly ms: number;
}

/** How long a breaker stays open. */
export interface Cooldown {
  /** Openings for failures since the last recovery. */
  opens: number;
  /** Counts one more opening, and says how long it lasts, in milliseconds. */
  next(error: unknown): number;
  /** The wait that this error alone opens the breaker for: a spent quota (B13), or a pause that was asked for (B12). */
  requestedBy(error: unknown): RequestedWait | undefined;
  /** The longest stay that the options allow, in milliseconds; 0 for what they do not ask for. */
  longestMs(cause: OpenCause): number;
}

/**
 * Longer each time it opens without having recovered, less a random share, so that many processes do not come back
 * together, and never shorter than the service asked for (B11).
 */
export function growingCooldown(settings: CooldownSettings, random: Random): Cooldown {
  const { cooldownMs, maxCooldownMs, cooldownFactor, cooldownJitterRatio, maxPauseMs, quotaCooldownMs } = settings;
  const longest = { failures: maxCooldownMs ?? cooldownMs, pause: maxPauseMs ?? 0, quota: quotaCooldownMs ?? 0 };
  return {
    opens: 0,
    next(error) {
      const grownMs = Math.min(longest.failures, cooldownMs * cooldownFactor ** this.opens);
      this.opens += 1;
      // Without jitter no chance is taken: a cooldown without end has no share of it.
      const spreadMs = cooldownJitterRatio === 0 ? grownMs : grownMs * (1 - cooldownJitterRatio * random());
      return Math.max(spreadMs, Math.min(longest.failures, statedWaitMs(error) ?? 0));
    },
    requestedBy(error) {
      if (longest.quota > 0 && isQuotaSpent(error)) return { cause: 'quota', ms: longest.quota };
      const ms = longest.pause > 0 && isPauseRequest(error) ? Math.min(longest.pause, statedWaitMs(error) ?? 0) : 0;
      return ms > 0 ? { cause: 'pause', ms } : undefined;
    },
    longestMs: (cause) => longest[cause],
  };
}
