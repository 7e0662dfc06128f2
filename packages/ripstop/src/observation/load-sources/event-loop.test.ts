import { expect, test } from 'vitest';
import type { Clock, Runtime } from '../../call/runtime.js';
import { type VirtualClock, virtualRuntime } from '../../testing/virtual-runtime.js';
import { eventLoopLoad } from './event-loop.js';

/** A runtime whose timers come late, as on a busy event loop. */
function busyRuntime(lateMs: number): { runtime: Runtime; clock: VirtualClock } {
  const { clock, ...rest } = virtualRuntime();
  const late: Clock = {
    now: () => clock.now(),
    date: () => clock.date(),
    after: (ms, action) => clock.after(ms + lateMs, action),
  };
  return { runtime: { ...rest, clock: late }, clock };
}

test('D94: the load of the event loop is its longest delay, of which 200 ms is full', async () => {
  for (const [lateMs, load] of [
    [0, 0],
    [100, 0.5],
    [500, 2.5],
  ] as const) {
    const { runtime, clock } = busyRuntime(lateMs);
    const reading = eventLoopLoad({}, runtime).read(new AbortController().signal);
    await clock.advance(2_000);
    expect(await reading).toBe(load);
    expect(clock.pending).toBe(0);
  }
});

test('D94: a reading takes no longer than its window and one delay', async () => {
  const { runtime, clock } = busyRuntime(500);
  const reading = Promise.resolve(eventLoopLoad({ windowMs: 100 }, runtime).read(new AbortController().signal));
  let over = false;
  void reading.then(() => (over = true));
  await clock.advance(509);
  expect(over).toBe(false);
  await clock.advance(1);
  expect(over).toBe(true);
});

test('a bad option is refused', () => {
  expect(() => eventLoopLoad({ limitMs: 0 })).toThrow(new RangeError('limitMs must be above 0, got 0'));
  expect(() => eventLoopLoad({ windowMs: -1 })).toThrow(new RangeError('windowMs must be above 0, got -1'));
});
