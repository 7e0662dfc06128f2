import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { Alarm, systemRuntime } from './runtime.js';

const { clock } = systemRuntime;
const day = 24 * 60 * 60 * 1000;

/** Fake timers for a group of tests. */
function underFakeTimers(): void {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    // A lane lives until its own setTimeout fires, and lanes are shared by the whole process.
    vi.runAllTimers();
    vi.useRealTimers();
  });
}

/** Waits on the real clock under fake timers, and what came of it. */
function waitFor(ms: number): { readonly fired: () => number; readonly cancel: () => void } {
  let count = 0;
  const timer = clock.after(ms, () => (count += 1));
  return { fired: () => count, cancel: () => timer.cancel() };
}

describe('the system clock', () => {
  underFakeTimers();

  test('G1: durations come from the monotonic clock: setting the wall clock back changes no wait', async () => {
    const wait = waitFor(1_000);
    const before = clock.now();
    vi.setSystemTime(new Date('2001-01-01'));
    expect(clock.now()).toBe(before);
    expect(clock.date().getUTCFullYear()).toBe(2001);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(wait.fired()).toBe(1);
  });

  test('G1: timers are looked up when they are needed, so that fake ones work', () => {
    waitFor(1_000);
    waitFor(12.5);
    expect(vi.getTimerCount()).toBe(2);
  });

  test('an action runs once, not before its time', async () => {
    const wait = waitFor(1_000);
    await vi.advanceTimersByTimeAsync(998);
    expect(wait.fired()).toBe(0);
    await vi.advanceTimersByTimeAsync(2);
    expect(wait.fired()).toBe(1);
    await vi.advanceTimersByTimeAsync(day);
    expect(wait.fired()).toBe(1);
  });

  test('waits that overlap each end at their own time, in order', async () => {
    const ended: string[] = [];
    const start = (name: string): unknown => clock.after(1_000, () => ended.push(name));
    start('a');
    await vi.advanceTimersByTimeAsync(400);
    start('b');
    await vi.advanceTimersByTimeAsync(400);
    start('c');
    await vi.advanceTimersByTimeAsync(200);
    expect(ended).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(400);
    expect(ended).toEqual(['a', 'b']);
    await vi.advanceTimersByTimeAsync(400);
    expect(ended).toEqual(['a', 'b', 'c']);
  });

  test('a thousand waits of one length share one timer', () => {
    const waits = Array.from({ length: 1_000 }, () => waitFor(5_000));
    expect(vi.getTimerCount()).toBe(1);
    for (const wait of waits) wait.cancel();
  });

  test('a hundred lengths at once all keep their time, shared or not', async () => {
    const waits = Array.from({ length: 100 }, (_, index) => waitFor(10_000 + index));
    await vi.advanceTimersByTimeAsync(9_998);
    expect(waits.some((wait) => wait.fired() > 0)).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(waits.every((wait) => wait.fired() === 1)).toBe(true);
  });

  test('G6: a cancelled wait never fires, and cancelling again, or after it fired, is nothing', async () => {
    const [first, middle, last] = [waitFor(100), waitFor(100), waitFor(100)];
    middle.cancel();
    middle.cancel();
    await vi.advanceTimersByTimeAsync(200);
    expect([first.fired(), middle.fired(), last.fired()]).toEqual([1, 0, 1]);
    first.cancel();
    expect(waitFor(100).fired()).toBe(0);
  });

  test('G6: a wait that another one cancels in the very moment that both end does not fire', async () => {
    const waits: { cancel(): void }[] = [];
    let fired = 0;
    for (let index = 0; index < 2; index += 1) {
      waits[index] = clock.after(300, () => {
        fired += 1;
        waits[1]?.cancel();
      });
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(fired).toBe(1);
  });

  test('after all waits of a length were cancelled, a new one of it works', async () => {
    waitFor(700).cancel();
    await vi.advanceTimersByTimeAsync(600);
    const wait = waitFor(700);
    await vi.advanceTimersByTimeAsync(690);
    expect(wait.fired()).toBe(0);
    await vi.advanceTimersByTimeAsync(20);
    expect(wait.fired()).toBe(1);
  });

  test('an action that throws keeps no other wait from ending', async () => {
    const thrown: unknown[] = [];
    const listener = (error: unknown): void => void thrown.push(error);
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', listener);
    try {
      clock.after(200, () => {
        throw new Error('careless');
      });
      const wait = waitFor(200);
      await vi.advanceTimersByTimeAsync(201);
      expect(wait.fired()).toBe(1);
      expect(thrown).toMatchObject([{ message: 'careless' }]);
    } finally {
      process.removeListener('uncaughtException', listener);
      for (const other of others) process.on('uncaughtException', other);
    }
  });

  test('G7: a wait above 2^31-1 ms is chained, and does not fire at once', async () => {
    const wait = waitFor(30 * day);
    await vi.advanceTimersByTimeAsync(29 * day);
    expect(wait.fired()).toBe(0);
    await vi.advanceTimersByTimeAsync(day);
    expect(wait.fired()).toBe(1);
  });

  test('G7: a chained wait can be cancelled in any link of the chain', async () => {
    const wait = waitFor(60 * day);
    await vi.advanceTimersByTimeAsync(40 * day);
    wait.cancel();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(40 * day);
    expect(wait.fired()).toBe(0);
  });

  test('G7: Infinity makes no timer and never fires', () => {
    const wait = waitFor(Number.POSITIVE_INFINITY);
    expect(vi.getTimerCount()).toBe(0);
    wait.cancel();
    expect(wait.fired()).toBe(0);
  });
});

describe('the process', () => {
  /** What still holds the process open: timers that are not unref'd. */
  const held = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

  test('G6 G11: a cancelled wait does not hold the process open, a running one does', () => {
    const before = held();
    const waits = Array.from({ length: 10 }, () => waitFor(3_600_000));
    expect(held()).toBe(before + 1);
    for (const wait of waits) wait.cancel();
    expect(held()).toBe(before);
    const again = waitFor(3_600_000);
    expect(held()).toBe(before + 1);
    again.cancel();
    expect(held()).toBe(before);
  });

  test('chance is uniform in [0, 1)', () => {
    const chances = Array.from({ length: 1_000 }, () => systemRuntime.random());
    expect(Math.min(...chances)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...chances)).toBeLessThan(1);
    expect(new Set(chances).size).toBeGreaterThan(990);
  });
});

describe('an alarm', () => {
  underFakeTimers();

  test.each(['system', 'virtual'])(
    'rings once for each time it is set, and not after it was stopped: %s',
    async (kind) => {
      const { clock: virtual } = virtualRuntime();
      const pass = async (ms: number): Promise<void> => {
        await vi.advanceTimersByTimeAsync(ms);
        await virtual.advance(ms);
      };
      let rung = 0;
      const alarm = new Alarm(() => void (rung += 1), kind === 'system' ? clock : virtual);
      alarm.set(1_000);
      await pass(999);
      alarm.stop();
      alarm.stop();
      await pass(5_000);
      expect(rung).toBe(0);
      for (const ms of [1_000, 250.5, 1_000]) {
        alarm.set(ms);
        await pass(2_000);
      }
      expect(rung).toBe(3);
      expect(virtual.pending).toBe(0);
    },
  );
});
