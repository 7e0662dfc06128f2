import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { defaultConfig } from '../config/load.js';
import { gatewayDegradation, heapPressure, pressureSources } from './pressure.js';

const { load } = defaultConfig();

test('GW16: reduced above 0.7 after 2 s, minimal above 0.9, and back after 10 s', async () => {
  const { clock, ...rest } = virtualRuntime();
  const crowd = { running: 0, waiting: 0 };
  const degradation = gatewayDegradation(load, () => crowd, { clock, ...rest });
  async function after(seconds: number): Promise<string> {
    for (let step = 0; step < seconds * 4; step += 1) {
      await clock.advance(250);
      // Sources are read while somebody asks.
      expect(degradation.systemLoad).toBeGreaterThanOrEqual(0);
    }
    return degradation.level;
  }
  expect(await after(2)).toBe('full');
  crowd.running = 0.8 * load.maxInFlight;
  expect(await after(2)).toBe('full');
  expect(await after(4)).toBe('reduced');
  crowd.waiting = load.queue;
  expect(await after(6)).toBe('minimal');
  crowd.running = 0;
  crowd.waiting = 0;
  expect(await after(9)).toBe('minimal');
  expect(await after(6)).toBe('full');
});

test('each source is 0 when idle and 1 when full', async () => {
  const crowd = { running: 64, waiting: 48 };
  const sources = pressureSources({ ...load, maxInFlight: 256, queue: 64 }, () => crowd, virtualRuntime());
  const { signal } = new AbortController();
  const read = (name: string): unknown => sources.find((source) => source.name === name)?.read(signal);
  expect(sources.map(({ name }) => name)).toEqual(['in_flight', 'queue', 'event_loop', 'heap']);
  expect(read('in_flight')).toBe(0.25);
  expect(read('queue')).toBe(0.75);
  expect(read('heap')).toBeGreaterThan(0);
  expect(read('heap')).toBeLessThan(0.7);
  const [, noQueue] = pressureSources({ ...load, queue: 0 }, () => crowd, virtualRuntime());
  expect(noQueue?.read(signal)).toBe(0);
});

test('GW15: a loop that lags by 200 ms is reduced, and one that lags by 400 ms is full', async () => {
  async function lagging(ms: number): Promise<number> {
    const { clock, ...rest } = virtualRuntime();
    // Every timer comes so much too late.
    const late = { ...clock, after: (wait: number, action: () => void) => clock.after(wait + ms, action) };
    const source = pressureSources(load, () => ({ running: 0, waiting: 0 }), { ...rest, clock: late }).find(
      ({ name }) => name === 'event_loop',
    );
    const reading = source?.read(new AbortController().signal);
    await clock.runAll();
    return Number(await reading);
  }
  expect(await lagging(0)).toBe(0);
  expect(await lagging(100)).toBeCloseTo(0.35);
  expect(await lagging(200)).toBeCloseTo(0.7);
  expect(await lagging(300)).toBeCloseTo(0.85);
  expect(await lagging(900)).toBe(1);
});

test('GW15: a heap that is 85 % full is reduced', () => {
  expect([0, 0.425, 0.85, 1].map((share) => heapPressure(share, 0.7))).toEqual([0, 0.35, 0.7, 1]);
});
