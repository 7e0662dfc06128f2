import { expect, test } from 'vitest';
import { type HeapTimer, TimerHeap } from './timer-heap.js';
import { seededRandom } from './virtual-runtime.js';

test('timers come out by time and then by order, whatever is taken out of the middle meanwhile', () => {
  const random = seededRandom(3);
  const heap = new TimerHeap<HeapTimer>();
  let waiting: HeapTimer[] = [];
  for (let order = 0; order < 2_000; order += 1) {
    const timer = { at: Math.floor(random() * 50), order, place: -1 };
    heap.add(timer);
    waiting.push(timer);
    if (random() < 0.6) {
      const [cancelled] = waiting.splice(Math.floor(random() * waiting.length), 1);
      heap.remove(cancelled);
      heap.remove(cancelled);
    }
  }
  waiting = waiting.sort((a, b) => a.at - b.at || a.order - b.order);
  expect(heap.size).toBe(waiting.length);
  expect(waiting.length).toBeGreaterThan(500);
  for (const expected of waiting) {
    expect(heap.first).toBe(expected);
    heap.remove(expected);
  }
  expect([heap.size, heap.first]).toEqual([0, undefined]);
});
