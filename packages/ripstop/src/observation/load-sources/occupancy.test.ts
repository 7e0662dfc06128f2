import { expect, test } from 'vitest';
import { bulkhead } from '../../policies/bulkhead.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { degradation } from '../degradation.js';
import { occupancyLoad } from './occupancy.js';

test('D94: the load of what is in flight and in the queue is the share of all places', () => {
  const read = (running: number, waiting?: number): unknown =>
    occupancyLoad(() => ({ running, limit: 8, waiting, maxQueue: waiting === undefined ? undefined : 2 })).read(
      new AbortController().signal,
    );
  expect([read(0), read(4), read(8), read(8, 1), read(8, 2)]).toEqual([0, 0.5, 1, 0.9, 1]);
});

test('D94: a bulkhead is such an occupancy', async () => {
  const runtime = virtualRuntime();
  const slots = bulkhead({ limit: 4, maxQueue: 4 }, runtime);
  const service = degradation({ sources: [occupancyLoad(() => slots)] }, runtime);
  const calls = [1, 2, 3].map(() =>
    slots.execute(() => new Promise<void>((resolve) => runtime.clock.after(10, resolve))),
  );
  expect([service.systemLoad, service.level]).toEqual([0.75, 'reduced']);
  await runtime.clock.runAll();
  await Promise.all(calls);
});
