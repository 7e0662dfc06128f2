/** Slots, and the line of those who wait for one. */
import type { Clock } from '../../call/runtime.js';

/** Who waits for a slot. */
export interface Waiter {
  /** Higher goes first; equals in the order in which they came. */
  readonly priority: number;
  /** Called once: the waiter holds a slot now, and must release it. */
  admitted(slot: HeldSince): void;
}

/** A slot that is held: when it was taken, on the clock, where the call is one of the timed ones, else below 0. */
export type HeldSince = number;

const untimed = -1;

/** Reading the clock costs more than taking a slot, so only one call in so many is timed, beginning with the first. */
const callsPerSample = 16;
/** How much the latest sample weighs in the estimate of how long a slot is held. */
const weightOfLatest = 0.25;

/**
 * At most `limit` slots are held at a time, but for a limit that was lowered under running calls. A freed slot goes to
 * the first in line in the same step, so that nobody who comes later can take it before him (K2).
 */
export class Slots {
  private readonly clock: Clock;
  private most: number;
  private held = 0;
  private length = 0;
  /** Closes the ring: behind it stands the first in line, ahead of it the last. */
  private readonly end = new Place(undefined);
  private meanMs: number | undefined = undefined;
  private untilSample = 1;

  constructor(limit: number, clock: Clock) {
    this.most = limit;
    this.clock = clock;
  }

  get limit(): number {
    return this.most;
  }

  /** A higher limit admits at once; a lower one ends nobody, and admits nobody until enough have gone (K7). */
  set limit(limit: number) {
    this.most = limit;
    this.admit();
  }

  get running(): number {
    return this.held;
  }

  get waiting(): number {
    return this.length;
  }

  /**
   * When one who comes now may expect a slot, in milliseconds, once a timed call has ended: the line moves by `limit`
   * slots in the time that a slot is held (J. Little, A proof for the queuing formula L = λW, 1961).
   */
  get expectedWaitMs(): number | undefined {
    return this.meanMs === undefined ? undefined : Math.ceil((this.meanMs * (this.length + 1)) / this.most);
  }

  /** A slot, if one is free. None is while anybody waits. */
  take(): HeldSince | undefined {
    return this.held < this.most ? this.hold() : undefined;
  }

  /** Stands in line; returns the way out of it, which does nothing for one who has been admitted or has left. */
  stand(waiter: Waiter): () => void {
    const place = new Place(waiter);
    let { ahead } = this.end;
    while (ahead.waiter !== undefined && ahead.waiter.priority < waiter.priority) ahead = ahead.ahead;
    place.goBehind(ahead);
    this.length += 1;
    return () => this.leave(place);
  }

  /** Once for every slot that was taken; whoever cannot be sure of that makes it a `Slot`. */
  release(heldSince: HeldSince): void {
    if (heldSince > untimed) {
      const ms = this.clock.now() - heldSince;
      this.meanMs = this.meanMs === undefined ? ms : this.meanMs + (ms - this.meanMs) * weightOfLatest;
    }
    this.held -= 1;
    this.admit();
  }

  private hold(): HeldSince {
    this.held += 1;
    this.untilSample -= 1;
    if (this.untilSample > 0) return untimed;
    this.untilSample = callsPerSample;
    return this.clock.now();
  }

  private admit(): void {
    while (this.held < this.most) {
      const first = this.end.behind;
      if (first.waiter === undefined) return;
      this.leave(first);
      first.waiter.admitted(this.hold());
    }
  }

  private leave(place: Place): void {
    if (place.alone) return;
    place.stepOut();
    this.length -= 1;
  }
}

/** A held slot that may be freed more than once: by the end of a stream and by an abort. */
export class Slot {
  private readonly since: HeldSince;
  private slots: Slots | undefined;

  constructor(slots: Slots, since: HeldSince) {
    this.slots = slots;
    this.since = since;
  }

  /** Idempotent (K4). */
  free(): void {
    const { slots } = this;
    this.slots = undefined;
    slots?.release(this.since);
  }
}

/** A place in a ring, left from the middle in one step. Nobody stands in the one that closes it. */
class Place {
  readonly waiter: Waiter | undefined;
  ahead: Place = this;
  behind: Place = this;

  constructor(waiter: Waiter | undefined) {
    this.waiter = waiter;
  }

  get alone(): boolean {
    return this.ahead === this;
  }

  goBehind(place: Place): void {
    this.ahead = place;
    this.behind = place.behind;
    place.behind.ahead = this;
    place.behind = this;
  }

  stepOut(): void {
    this.ahead.behind = this.behind;
    this.behind.ahead = this.ahead;
    this.ahead = this;
    this.behind = this;
  }
}
