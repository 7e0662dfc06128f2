import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { assertPositive, withDefaults } from '../../call/options.js';
import type { HealthCheck } from '../health-check.js';
import { eventLoopLoad } from '../load-sources/event-loop.js';

/** Options of `eventLoopCheck()`. */
export interface EventLoopCheckOptions {
  /** The delay from which on it fails, in milliseconds: everybody waits that long. Default: 1 000. */
  readonly maxDelayMs?: number | undefined;
  /** How long the loop is watched for one run, in milliseconds. Default: 100. */
  readonly windowMs?: number | undefined;
}

/** The defaults of `eventLoopCheck()`. */
export const eventLoopCheckDefaults: Required<EventLoopCheckOptions> = { maxDelayMs: 1_000, windowMs: 100 };

/**
 * Is the event loop free to serve? Tells `delay_ms`, the longest delay of a timer while it was watched. For any runtime.
 *
 * @throws RangeError for a bad option.
 */
export function eventLoopCheck(options: EventLoopCheckOptions = {}, runtime: Runtime = systemRuntime): HealthCheck {
  const { maxDelayMs, windowMs } = withDefaults<EventLoopCheckOptions, typeof eventLoopCheckDefaults>(
    eventLoopCheckDefaults,
    options,
  );
  assertPositive('maxDelayMs', maxDelayMs);
  const loop = eventLoopLoad({ limitMs: 1, windowMs }, runtime);
  return async ({ signal }) => {
    const delayMs = (await loop.read(signal)) ?? 0;
    return { healthy: delayMs < maxDelayMs, delay_ms: Math.round(delayMs) };
  };
}
