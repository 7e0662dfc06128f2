/** Clock and chance. This is the only file that touches the real ones; everything else is handed a Runtime. */
import { bound, inside } from './async-storage.js';
import { createEvents, type Events } from './events.js';

/** Where time comes from. */
export interface Clock {
  /** Monotonic milliseconds since some start. For durations. */
  now(): number;
  /** The wall clock. For dates that people or other machines read. */
  date(): Date;
  /**
   * Runs `action` once, `ms` milliseconds from now, unless the returned timer is cancelled first.
   * Any delay is allowed: `Infinity` never fires and makes no timer.
   */
  after(ms: number, action: () => void): Timer;
}

/** A wait that can be given up. */
export interface Timer {
  /** Idempotent. */
  cancel(): void;
}

/** Uniform in [0, 1). */
export type Random = () => number;

/** Everything a policy needs from the world: time, chance, and somewhere to report to. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
}

/** `setTimeout` fires at once for anything longer (G7). */
const longestTimeoutMs = 2 ** 31 - 1;
/** How many delays get a lane; any further delay has a timer of its own, so that odd delays cannot pile up. */
const maxLanes = 64;
const lanes = new Map<number, Lane>();

/**
 * Many calls wait for the same few limits, and nearly all of those timers are cancelled. So all timers of one delay
 * share a lane: a list in order of expiry behind one `setTimeout`, where adding and cancelling only relink.
 * A lane without members lets the process exit, and is gone when its `setTimeout` fires.
 *
 * Source: G. Varghese and T. Lauck, Hashed and Hierarchical Timing Wheels (SOSP 1987): ordered lists, one per delay.
 */
class Lane {
  private readonly delayMs: number;
  private handle: NodeJS.Timeout;
  private head: LaneTimer | undefined = undefined;
  private tail: LaneTimer | undefined = undefined;

  constructor(delayMs: number) {
    this.delayMs = delayMs;
    // A lane outlives whoever asked for its first timer, and must not carry that one's surroundings to the others.
    this.handle = inside(undefined, () => setTimeout(() => this.fire(), delayMs));
  }

  add(action: () => void): Timer {
    const timer = new LaneTimer(this, Math.ceil(performance.now() + this.delayMs), bound(action), this.tail);
    if (this.tail === undefined) {
      this.head = timer;
      this.handle.ref?.();
    } else {
      this.tail.next = timer;
    }
    this.tail = timer;
    return timer;
  }

  remove(timer: LaneTimer): void {
    if (timer.previous === undefined) this.head = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next === undefined) this.tail = timer.previous;
    else timer.next.previous = timer.previous;
    if (this.head === undefined) this.handle.unref?.();
  }

  private fire(): void {
    const now = performance.now();
    // setTimeout keeps whole milliseconds, so the last fraction counts as over.
    while (this.head !== undefined && this.head.at <= now + 1) this.head.fire();
    if (this.head === undefined) lanes.delete(this.delayMs);
    else this.handle = setTimeout(() => this.fire(), this.head.at - now);
  }
}

class LaneTimer implements Timer {
  previous: LaneTimer | undefined;
  next: LaneTimer | undefined = undefined;
  readonly at: number;
  /** Until it fires or is cancelled. */
  private lane: Lane | undefined;
  private action: (() => void) | undefined;

  constructor(lane: Lane, at: number, action: () => void, previous: LaneTimer | undefined) {
    this.lane = lane;
    this.at = at;
    this.action = action;
    this.previous = previous;
  }

  cancel(): void {
    this.action = undefined;
    this.leave();
  }

  fire(): void {
    this.leave();
    // Apart from the others, which a throw must not hold up; until then one of them may still cancel this one.
    queueMicrotask(() => this.action?.());
  }

  private leave(): void {
    this.lane?.remove(this);
    this.lane = undefined;
  }
}

function laneOf(delayMs: number): Lane | undefined {
  let lane = lanes.get(delayMs);
  if (lane === undefined && lanes.size < maxLanes) {
    lane = new Lane(delayMs);
    lanes.set(delayMs, lane);
  }
  return lane;
}

function chained(ms: number, action: () => void): Timer {
  let handle: NodeJS.Timeout;
  const arm = (left: number): void => {
    const step = Math.min(left, longestTimeoutMs);
    handle = setTimeout(() => (left > step ? arm(left - step) : action()), step);
  };
  arm(ms);
  return { cancel: () => clearTimeout(handle) };
}

const neverFires: Timer = { cancel: () => undefined };

const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  after(ms, action) {
    if (ms === Number.POSITIVE_INFINITY) return neverFires;
    // Only whole delays are likely to be limits that many calls share; a backoff with jitter never comes again.
    if (Number.isInteger(ms) && ms > 0 && ms <= longestTimeoutMs) return laneOf(ms)?.add(action) ?? chained(ms, action);
    return chained(ms, action);
  },
};

/** The real clock, `Math.random`, and the process's events: the default of every policy. */
export const systemRuntime: Runtime = { clock: systemClock, random: () => Math.random(), events: createEvents() };
