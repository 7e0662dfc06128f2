import { describe, expect, test } from 'vitest';
import { recordingContext } from './recording-context.js';
import { seededRandom, virtualRuntime } from './virtual-runtime.js';

describe('the virtual clock', () => {
  test('stands still until it is told to move', async () => {
    const { clock } = virtualRuntime({ date: new Date('2026-03-04T00:00:00Z') });
    expect([clock.now(), clock.date().toISOString()]).toEqual([0, '2026-03-04T00:00:00.000Z']);
    await clock.advance(1_500);
    expect([clock.now(), clock.date().toISOString()]).toEqual([1_500, '2026-03-04T00:00:01.500Z']);
  });

  test('runs timers at their own time, in order of time and then of making', async () => {
    const { clock } = virtualRuntime();
    const ran: string[] = [];
    const at = (name: string) => () => void ran.push(`${name} ${clock.now()}`);
    clock.after(300, at('third'));
    clock.after(100, at('first'));
    clock.after(100, at('second'));
    await clock.advance(299);
    expect(ran).toEqual(['first 100', 'second 100']);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(ran.at(-1)).toBe('third 300');
  });

  test('lets promises settle between timers, and runs timers that timers make', async () => {
    const { clock } = virtualRuntime();
    const ran: number[] = [];
    const again = async (): Promise<void> => {
      await Promise.resolve();
      ran.push(clock.now());
      if (ran.length < 3) clock.after(10, () => void again());
    };
    clock.after(10, () => void again());
    await clock.advance(30);
    expect(ran).toEqual([10, 20, 30]);
  });

  test('G7: a wait of Infinity is none, and a cancelled one never runs', async () => {
    const { clock } = virtualRuntime();
    let ran = 0;
    clock.after(Number.POSITIVE_INFINITY, () => (ran += 1)).cancel();
    const timer = clock.after(10, () => (ran += 1));
    timer.cancel();
    timer.cancel();
    await clock.runAll();
    expect([ran, clock.pending, clock.now()]).toEqual([0, 0, 0]);
  });

  test('runAll lets all the time pass that anybody waits for, and stops at what never ends', async () => {
    const { clock } = virtualRuntime();
    let ran = false;
    clock.after(3_600_000, () => (ran = true));
    await clock.runAll();
    expect([ran, clock.now()]).toEqual([true, 3_600_000]);
  });

  test('something that re-arms itself for ever is an error, not a hang', async () => {
    const { clock } = virtualRuntime();
    const rearm = (): void => void clock.after(1, rearm);
    rearm();
    await expect(clock.runAll()).rejects.toThrow('re-arms itself for ever');
  });
});

describe('virtual chance', () => {
  test('the same seed gives the same chances, another seed others', () => {
    const chances = (seed: number): number[] => Array.from({ length: 20 }, seededRandom(seed));
    expect(chances(7)).toEqual(chances(7));
    expect(chances(7)).not.toEqual(chances(8));
    expect(virtualRuntime().random()).toBe(virtualRuntime({ seed: 1 }).random());
  });

  test('it is uniform in [0, 1)', () => {
    const random = seededRandom(42);
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 100_000; index += 1) {
      const chance = random();
      expect(chance >= 0 && chance < 1).toBe(true);
      buckets[Math.floor(chance * 10)] += 1;
    }
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});

describe('a recording context', () => {
  test('remembers what was reported in it, as it was reported', () => {
    const context = recordingContext({ key: 'k' });
    context.emit({ type: 'timeout.expired', limitMs: 5 });
    expect(context.events).toEqual([{ type: 'timeout.expired', limitMs: 5 }]);
    expect(context.key).toBe('k');
  });
});
