import { badOption, check, count, positive, type Rule, ratio } from '../../call/options.js';
import type { BreakerSettings } from './breaker-state.js';

const rules: Readonly<Record<string, Rule>> = {
  consecutive: count,
  cooldownMs: positive,
  cooldownFactor: ['1 or above', (factor) => factor >= 1],
  cooldownJitterRatio: ['0 or above, and below 1', (share) => share >= 0 && share < 1],
  maxPauseMs: positive,
  quotaCooldownMs: positive,
  trials: count,
  trialsAtOnce: count,
  leaseMs: positive,
  minCalls: count,
  failureRatio: ratio,
  slowRatio: ratio,
  slowMs: positive,
};

/** @throws RangeError for a bad option of a breaker. */
export function checkBreakerSettings(settings: BreakerSettings): void {
  check(settings, rules);
  const { cooldownMs, maxCooldownMs = cooldownMs, window, minCalls = 0, slowRatio, slowMs } = settings;
  if (!(maxCooldownMs >= cooldownMs)) {
    throw badOption('maxCooldownMs', `must be at least cooldownMs (${cooldownMs})`, maxCooldownMs);
  }
  if (slowRatio !== undefined && slowMs === undefined) throw new RangeError('slowRatio needs slowMs, got none');
  if ('calls' in window && minCalls > window.calls) {
    throw badOption('minCalls', `must be at most window.calls (${window.calls}), or no ratio is ever taken`, minCalls);
  }
}
