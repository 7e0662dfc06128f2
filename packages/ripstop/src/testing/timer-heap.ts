/** A timer in a heap. */
export interface HeapTimer {
  readonly at: number;
  /** The order in which timers were made, for those of one time. */
  readonly order: number;
  /** Where it stands in the heap; below 0: nowhere. Kept by the heap. */
  place: number;
}

/**
 * Timers by time and then by order of making. Adding, and removing any of them, takes logarithmic time: a simulation
 * holds thousands, and cancels nearly all.
 *
 * Source: J. W. J. Williams, Algorithm 232: Heapsort (1964), with the place kept in each element.
 */
export class TimerHeap<T extends HeapTimer> {
  private readonly timers: T[] = [];

  get size(): number {
    return this.timers.length;
  }

  get first(): T | undefined {
    return this.timers[0];
  }

  add(timer: T): void {
    this.timers.push(timer);
    this.rise(timer, this.timers.length - 1);
  }

  /** Idempotent. */
  remove(timer: T): void {
    const { place } = timer;
    if (place < 0) return;
    timer.place = -1;
    const last = this.timers.pop() as T;
    if (last === timer) return;
    this.rise(last, place);
    this.sink(last, last.place);
  }

  private rise(timer: T, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.timers[above] as T;
      if (!isBefore(timer, parent)) break;
      this.put(parent, place);
      place = above;
    }
    this.put(timer, place);
  }

  private sink(timer: T, from: number): void {
    let place = from;
    for (;;) {
      const left = this.timers[2 * place + 1];
      const right = this.timers[2 * place + 2];
      const child = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || !isBefore(child, timer)) break;
      const below = child.place;
      this.put(child, place);
      place = below;
    }
    this.put(timer, place);
  }

  private put(timer: T, place: number): void {
    this.timers[place] = timer;
    timer.place = place;
  }
}

function isBefore(one: HeapTimer, other: HeapTimer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
