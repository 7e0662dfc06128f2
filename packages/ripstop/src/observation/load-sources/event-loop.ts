import { assertPositive, withDefaults } from '../../call/options.js';
import { type Clock, type Runtime, systemRuntime } from '../../call/runtime.js';
import type { LoadSource } from '../load-sampler.js';

/** Options of `eventLoopLoad()`. */
export interface EventLoopLoadOptions {
  /** The delay that counts as full load, in milliseconds. Default: 200. */
  readonly limitMs?: number | undefined;
  /** How long it is watched for one reading, in milliseconds. Default: 100. */
  readonly windowMs?: number | undefined;
}

/** The defaults of `eventLoopLoad()`. */
export const eventLoopLoadDefaults: Required<EventLoopLoadOptions> = { limitMs: 200, windowMs: 100 };

/** Finer than any delay that a person would feel. */
const stepMs = 10;

/**
 * The load of the event loop: the longest delay of a timer during the window of a reading, as a share of `limitMs`.
 * Nothing runs between readings. For any runtime, Node or not.
 *
 * @throws RangeError for a bad option.
 */
export function eventLoopLoad(options: EventLoopLoadOptions = {}, { clock }: Runtime = systemRuntime): LoadSource {
  const { limitMs, windowMs } = withDefaults<EventLoopLoadOptions, typeof eventLoopLoadDefaults>(
    eventLoopLoadDefaults,
    options,
  );
  assertPositive('limitMs', limitMs);
  assertPositive('windowMs', windowMs);
  return {
    name: 'event_loop',
    async read() {
      const end = clock.now() + windowMs;
      let longest = 0;
      while (clock.now() < end) longest = Math.max(longest, await delay(clock));
      return longest / limitMs;
    },
  };
}

/** How much later than asked for a timer comes. */
function delay(clock: Clock): Promise<number> {
  const due = clock.now() + stepMs;
  return new Promise((resolve) => {
    clock.after(stepMs, () => resolve(Math.max(clock.now() - due, 0)));
  });
}
