/** How large a bucket is, and how fast it fills. */
export interface BucketShape {
  /** Units that it holds, and so the most that can be taken at once. */
  readonly burst: number;
  /** How long one unit takes to come back, in milliseconds. */
  readonly msPerUnit: number;
}

/**
 * A token bucket without a timer: it keeps nothing but the time at which it will be full. Whatever is taken moves that
 * time away, and the level follows from it. Planning ahead therefore needs a number and no copy.
 *
 * Source: GCRA (ITU-T I.371), where this time is called the theoretical arrival time.
 */
export class TokenBucket {
  /** On the clock of its user; a time in the past means full. */
  fullAt = Number.NEGATIVE_INFINITY;
  private shape: BucketShape;

  constructor(shape: BucketShape) {
    this.shape = shape;
  }

  /** What taking `units` really takes: more than the bucket holds waits for a full one, and is settled afterwards. */
  charge(units: number): number {
    return Math.min(units, this.shape.burst);
  }

  /** When `units` can be taken from a bucket that is full at `fullAt`. */
  earliest(units: number, fullAt: number = this.fullAt): number {
    return fullAt + (this.charge(units) - this.shape.burst) * this.shape.msPerUnit;
  }

  /** When a bucket that was full at `fullAt` is full after `units` were taken at the time `at`. */
  fullAfter(units: number, at: number, fullAt: number = this.fullAt): number {
    return Math.max(fullAt, at) + this.charge(units) * this.shape.msPerUnit;
  }

  /** Units in it; below 0 when it is in debt. */
  level(now: number): number {
    return this.shape.burst - Math.max(0, this.fullAt - now) / this.shape.msPerUnit;
  }

  /**
   * `reserved` units were taken and `used` were needed: gives back the rest, or takes what is missing. The debt is never
   * deeper than one full bucket, so that no single call can block the others for longer than two fillings.
   */
  settle(reserved: number, used: number, now: number): void {
    const { burst, msPerUnit } = this.shape;
    const shift = (used - reserved) * msPerUnit;
    if (shift <= 0) this.fullAt += shift;
    else this.fullAt = Math.min(Math.max(this.fullAt, now) + shift, now + 2 * burst * msPerUnit);
  }

  /** Takes the level down to `level` if it is above. */
  lower(level: number, now: number): void {
    this.fullAt = Math.max(this.fullAt, now + (this.shape.burst - level) * this.shape.msPerUnit);
  }

  /** Changes size and speed, and keeps the units that are in it as far as they fit. */
  reshape(shape: BucketShape, now: number): void {
    const level = this.level(now);
    this.shape = shape;
    this.fullAt = now + (shape.burst - level) * shape.msPerUnit;
  }

  /** Holds no more than `burst` units from now on, at the same speed. */
  shrink(burst: number, now: number): void {
    if (burst < this.shape.burst) this.reshape({ burst, msPerUnit: this.shape.msPerUnit }, now);
  }
}
