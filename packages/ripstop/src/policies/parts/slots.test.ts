import { describe, expect, test } from 'vitest';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { type HeldSince, Slot, Slots } from './slots.js';

function taken(slots: Slots): Slot {
  return new Slot(slots, slots.take() ?? expect.unreachable('no slot is free'));
}

/** One who waits and notes his slot. */
function waiter(priority = 0): { priority: number; admitted: (held: HeldSince) => void; held: HeldSince | undefined } {
  const self = {
    priority,
    held: undefined as HeldSince | undefined,
    admitted: (held: HeldSince): void => void (self.held = held),
  };
  return self;
}

test('K4: a slot is freed once, however often that is asked', () => {
  const slots = new Slots(2, virtualRuntime().clock);
  const [first, second] = [taken(slots), taken(slots)];
  first.free();
  first.free();
  expect(slots.running).toBe(1);
  second.free();
  expect(slots.running).toBe(0);
});

test('K2: freeing a slot admits the first in line before it returns', () => {
  const slots = new Slots(1, virtualRuntime().clock);
  const slot = taken(slots);
  const [first, second] = [waiter(), waiter()];
  slots.stand(first);
  slots.stand(second);
  slot.free();
  expect(first.held).toBeDefined();
  expect(slots.take()).toBeUndefined();
  expect([slots.running, slots.waiting]).toEqual([1, 1]);
  slots.release(first.held as HeldSince);
  expect(second.held).toBeDefined();
});

test('K3: who steps out twice, or after he was admitted, gives up one place and nobody else’s', () => {
  const slots = new Slots(1, virtualRuntime().clock);
  const slot = taken(slots);
  const [first, second, third] = [waiter(), waiter(), waiter()];
  const leaves = [first, second, third].map((each) => slots.stand(each));
  leaves[1]?.();
  leaves[1]?.();
  expect(slots.waiting).toBe(2);
  slot.free();
  leaves[0]?.();
  expect([slots.running, slots.waiting]).toEqual([1, 1]);
  slots.release(first.held as HeldSince);
  expect(second.held).toBeUndefined();
  expect(third.held).toBeDefined();
});

describe('the wait that a newcomer may expect', () => {
  test('K5: is unknown until a timed call has ended, and grows with the line', async () => {
    const { clock } = virtualRuntime();
    const slots = new Slots(2, clock);
    const [first, second] = [taken(slots), taken(slots)];
    expect(slots.expectedWaitMs).toBeUndefined();
    await clock.advance(600);
    first.free();
    expect(slots.expectedWaitMs).toBe(300);
    taken(slots);
    slots.stand(waiter());
    slots.stand(waiter());
    expect(slots.expectedWaitMs).toBe(900);
    second.free();
    expect(slots.expectedWaitMs).toBe(600);
  });

  test('K5: follows the calls, of which one in sixteen is timed', async () => {
    const { clock } = virtualRuntime();
    const slots = new Slots(1, clock);
    const lasting = async (ms: number): Promise<void> => {
      const slot = taken(slots);
      await clock.advance(ms);
      slot.free();
    };
    await lasting(100);
    for (let call = 2; call <= 16; call += 1) await lasting(900);
    expect(slots.expectedWaitMs).toBe(100);
    await lasting(500);
    expect(slots.expectedWaitMs).toBe(200);
  });
});
