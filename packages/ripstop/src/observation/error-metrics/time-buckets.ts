/**
 * Counts by time: a ring of buckets, each of which is reused once it is too old (D99, D100).
 *
 * Adding is O(1). Times are monotonic milliseconds, and never go back.
 */
export class TimeBuckets {
  readonly widthMs: number;
  /** How far back it reaches, in milliseconds, at the least. */
  readonly spanMs: number;
  private readonly counts: Uint32Array;
  private epoch = 0;

  constructor(widthMs: number, spanMs: number) {
    this.widthMs = widthMs;
    this.spanMs = spanMs;
    this.counts = new Uint32Array(Math.ceil(spanMs / widthMs) + 1);
  }

  add(now: number): void {
    const epoch = this.turn(now);
    const at = epoch % this.counts.length;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
  }

  /** How many there were in the last `windowMs`; of the bucket in which it begins, the share that lies within. */
  within(now: number, windowMs: number): number {
    const last = this.turn(now);
    const begin = (now - windowMs) / this.widthMs;
    const first = Math.max(this.oldest, Math.floor(begin));
    let sum = this.at(first) * Math.min(1, first + 1 - begin);
    for (let epoch = first + 1; epoch <= last; epoch += 1) sum += this.at(epoch);
    return Math.round(sum);
  }

  /** The count of one bucket that is not too old: the one from `epoch * widthMs` on. */
  at(epoch: number): number {
    return this.counts[epoch % this.counts.length] ?? 0;
  }

  private get oldest(): number {
    return Math.max(0, this.epoch - this.counts.length + 1);
  }

  /** Empties the buckets that are used anew, and tells which one is the present. */
  private turn(now: number): number {
    const epoch = Math.floor(now / this.widthMs);
    if (epoch <= this.epoch) return this.epoch;
    const { length } = this.counts;
    for (let next = Math.max(this.epoch + 1, epoch - length + 1); next <= epoch; next += 1)
      this.counts[next % length] = 0;
    this.epoch = epoch;
    return epoch;
  }
}
