/** Clock and chance. This is the only file that touches the real ones; everything else is handed a Runtime. */
import { bound, inside, surroundings } from './async-storage.js';
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
  private head: Timed | undefined = undefined;
  private tail: Timed | undefined = undefined;

  constructor(delayMs: number) {
    this.delayMs = delayMs;
    // A lane outlives whoever asked for its first timer, and must not carry that one's surroundings to the others.
    this.handle = inside(undefined, () => setTimeout(() => this.fire(), delayMs));
  }

  add(timed: Timed): void {
    timed.lane = this;
    timed.at = Math.ceil(performance.now() + this.delayMs);
    timed.previous = this.tail;
    if (this.tail === undefined) {
      this.head = timed;
      this.handle.ref?.();
    } else {
      this.tail.next = timed;
    }
    this.tail = timed;
  }

  remove(timed: Timed): void {
    if (timed.previous === undefined) this.head = timed.next;
    else timed.previous.next = timed.next;
    if (timed.next === undefined) this.tail = timed.previous;
    else timed.next.previous = timed.previous;
    // A dead entry that an old one points to would live until the next full collection, and all behind it too.
    timed.previous = undefined;
    timed.next = undefined;
    if (this.head === undefined) this.handle.unref?.();
  }

  private fire(): void {
    const now = performance.now();
    // setTimeout keeps whole milliseconds, so the last fraction counts as over.
    for (let first = this.head; first !== undefined && first.at <= now + 1; first = this.head) {
      stopTimer(first);
      // Apart from the others, which a throw must not hold up; until then one of them may still cancel this one.
      queueMicrotask(() => first.due());
    }
    if (this.head === undefined) lanes.delete(this.delayMs);
    else this.handle = setTimeout(() => this.fire(), this.head.at - now);
  }
}

/**
 * What is due at a time, and its own entry in a lane: a call that is limited allocates no timer beside itself.
 * All but `due` is the lane's.
 */
export interface Timed {
  lane: { remove(timed: Timed): void } | undefined;
  at: number;
  previous: Timed | undefined;
  next: Timed | undefined;
  /** May come after `stopTimer`, where both fall into one step. */
  due(): void;
}

/** As `clock.after(ms, () => timed.due())`. */
export function startTimer(timed: Timed, ms: number, clock: Clock): void {
  const lane = clock === systemClock && surroundings() === undefined ? laneOf(ms) : undefined;
  if (lane !== undefined) return lane.add(timed);
  const timer = clock.after(ms, () => timed.due());
  timed.lane = { remove: () => timer.cancel() };
}

/** Idempotent. */
export function stopTimer(timed: Timed): void {
  const { lane } = timed;
  timed.lane = undefined;
  lane?.remove(timed);
}

class LaneTimer implements Timer, Timed {
  lane: Timed['lane'] = undefined;
  at = 0;
  previous: Timed | undefined = undefined;
  next: Timed | undefined = undefined;
  private action: (() => void) | undefined;

  constructor(lane: Lane, action: () => void) {
    this.action = bound(action);
    lane.add(this);
  }

  due(): void {
    this.action?.();
  }

  cancel(): void {
    this.action = undefined;
    stopTimer(this);
  }
}

/** A timer that is set and stopped again and again, and costs nothing each time. */
export class Alarm implements Timed {
  lane: Timed['lane'] = undefined;
  at = 0;
  previous: Timed | undefined = undefined;
  next: Timed | undefined = undefined;
  private readonly action: () => void;
  private readonly clock: Clock;
  private running = false;

  constructor(action: () => void, clock: Clock) {
    this.action = action;
    this.clock = clock;
  }

  set(ms: number): void {
    this.running = true;
    startTimer(this, ms, this.clock);
  }

  stop(): void {
    this.running = false;
    stopTimer(this);
  }

  due(): void {
    if (!this.running) return;
    this.running = false;
    this.action();
  }
}

/** Only whole delays are likely to be limits that many calls share; a backoff with jitter never comes again. */
function laneOf(delayMs: number): Lane | undefined {
  let lane = lanes.get(delayMs);
  const shared = Number.isInteger(delayMs) && delayMs > 0 && delayMs <= longestTimeoutMs;
  if (lane === undefined && shared && lanes.size < maxLanes) {
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

/** A timeout of nothing takes a whole millisecond. */
function soon(action: () => void): Timer {
  const handle = setImmediate(action);
  return { cancel: () => clearImmediate(handle) };
}

const neverFires: Timer = { cancel: () => undefined };

const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  after(ms, action) {
    if (ms === Number.POSITIVE_INFINITY) return neverFires;
    if (ms === 0 && typeof setImmediate === 'function') return soon(action);
    const lane = laneOf(ms);
    return lane === undefined ? chained(ms, action) : new LaneTimer(lane, action);
  },
};

/** The real clock, `Math.random`, and the process's events: the default of every policy. */
export const systemRuntime: Runtime = { clock: systemClock, random: () => Math.random(), events: createEvents() };
