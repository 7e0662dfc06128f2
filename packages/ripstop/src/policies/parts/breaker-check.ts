import { assertCount, assertNotNegative, assertPositive, assertRatio, badOption } from '../../call/options.js';
import type { BreakerSettings, CooldownSettings } from './breaker-state.js';

/** @throws RangeError for a bad option of a breaker. */
export function checkBreakerSettings(settings: BreakerSettings): void {
  const { consecutive, trials, leaseMs, window, minCalls, failureRatio, slowRatio, slowMs } = settings;
  assertCount('consecutive', consecutive);
  checkCooldown(settings);
  assertCount('trials', trials);
  assertPositive('leaseMs', leaseMs);
  if (minCalls !== undefined) assertCount('minCalls', minCalls);
  if (failureRatio !== undefined) assertRatio('failureRatio', failureRatio);
  if (slowRatio !== undefined) assertRatio('slowRatio', slowRatio);
  if (slowMs !== undefined) assertPositive('slowMs', slowMs);
  if (slowRatio !== undefined && slowMs === undefined) throw new RangeError('slowRatio needs slowMs, got none');
  if ('calls' in window && minCalls !== undefined && minCalls > window.calls) {
    throw badOption('minCalls', `must be at most window.calls (${window.calls}), or no ratio is ever taken`, minCalls);
  }
}

function checkCooldown(settings: CooldownSettings): void {
  const { cooldownMs, maxCooldownMs, cooldownFactor, cooldownJitterRatio, maxPauseMs, quotaCooldownMs } = settings;
  assertPositive('cooldownMs', cooldownMs);
  if (maxCooldownMs !== undefined && !(maxCooldownMs >= cooldownMs)) {
    throw badOption('maxCooldownMs', `must be at least cooldownMs (${cooldownMs})`, maxCooldownMs);
  }
  if (!(cooldownFactor >= 1)) throw badOption('cooldownFactor', 'must be 1 or above', cooldownFactor);
  assertNotNegative('cooldownJitterRatio', cooldownJitterRatio);
  if (cooldownJitterRatio >= 1) throw badOption('cooldownJitterRatio', 'must be below 1', cooldownJitterRatio);
  if (maxPauseMs !== undefined) assertPositive('maxPauseMs', maxPauseMs);
  if (quotaCooldownMs !== undefined) assertPositive('quotaCooldownMs', quotaCooldownMs);
}
