import { bound } from '../call/async-storage.js';
import { createEvents } from '../call/events.js';
import type { Clock, Random, Runtime, Timer } from '../call/runtime.js';
import { type HeapTimer, TimerHeap } from './timer-heap.js';

/** A clock that stands still until it is told to move. */
export interface VirtualClock extends Clock {
  /** Lets `ms` milliseconds pass: every timer that falls due runs at its own time, in order. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until no timer is left. @throws Error after 100 000 timers: something re-arms itself for ever. */
  runAll(): Promise<void>;
  /** Timers that wait. */
  readonly pending: number;
}

/** A Runtime on a virtual clock. */
export interface VirtualRuntime extends Runtime {
  readonly clock: VirtualClock;
}

/** How a virtual runtime starts. */
export interface VirtualRuntimeOptions {
  /** Default: 1. The same seed gives the same chances. */
  readonly seed?: number;
  /** The wall clock at the start. Default: 2026-01-01T00:00:00Z. */
  readonly date?: Date;
  /** Replaces the seeded chance. */
  readonly random?: Random;
}

interface VirtualTimer extends Timer, HeapTimer {
  readonly action: () => void;
}

/** A runtime in which no real time passes and chance repeats: time moves only when a test says so. */
export function virtualRuntime({ seed = 1, date, random }: VirtualRuntimeOptions = {}): VirtualRuntime {
  return {
    clock: virtualClock(date ?? new Date('2026-01-01T00:00:00Z')),
    random: random ?? seededRandom(seed),
    events: createEvents(),
  };
}

/** Uniform in [0, 1). Source: T. Ettinger, mulberry32 (public domain). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const realSetImmediate = setImmediate;
/** All promises that can settle without time passing have settled. */
const settled = (): Promise<void> => new Promise((resolve) => realSetImmediate(resolve));

function virtualClock(start: Date): VirtualClock {
  let now = 0;
  let order = 0;
  const timers = new TimerHeap<VirtualTimer>();

  async function runUntil(end: number): Promise<void> {
    await settled();
    for (
      let count = 0, timer = timers.first;
      timer !== undefined && timer.at <= end;
      timer = timers.first, count += 1
    ) {
      if (count === 100_000)
        throw new Error('100 000 timers ran and more are waiting: something re-arms itself for ever');
      timers.remove(timer);
      now = Math.max(now, timer.at);
      timer.action();
      await settled();
    }
    if (end !== Number.POSITIVE_INFINITY) now = Math.max(now, end);
  }

  return {
    now: () => now,
    date: () => new Date(start.getTime() + now),
    after(ms, action) {
      if (ms === Number.POSITIVE_INFINITY) return { cancel: () => undefined };
      order += 1;
      const timer: VirtualTimer = {
        at: now + ms,
        order,
        place: -1,
        action: bound(action),
        cancel: () => timers.remove(timer),
      };
      timers.add(timer);
      return timer;
    },
    advance: (ms) => runUntil(now + ms),
    runAll: () => runUntil(Number.POSITIVE_INFINITY),
    get pending() {
      return timers.size;
    },
  };
}
