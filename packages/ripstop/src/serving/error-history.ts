import type { Clock } from '../call/runtime.js';

/** One error that was handled, as it is kept. The guide's keys; nothing in it is private. */
export interface ErrorRecord {
  readonly error_type: string;
  /** The class of what was thrown. */
  readonly error_class: string;
  readonly message: string;
  readonly correlation_id: string;
  readonly status: number;
  /** What was known of the request, redacted and of bounded size. */
  readonly context: Readonly<Record<string, unknown>>;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  /** The stack, in development only. */
  readonly traceback: string | null;
}

/** How many errors there were, by their type. The guide's keys. */
export interface ErrorStatistics {
  /** Since the handler was made. Callers who left are not counted. */
  readonly total_errors: number;
  /** In the last 3 600 s. */
  readonly recent_errors_1h: number;
  readonly error_types: Readonly<Record<string, number>>;
  readonly recent_error_types: Readonly<Record<string, number>>;
  /** By the class of what was thrown; beyond 64 classes the rest is counted as `other`. */
  readonly error_classes: Readonly<Record<string, number>>;
}

/** The latest errors, and how many there were in all. */
export interface ErrorHistory {
  add(record: ErrorRecord): void;
  /** The newest last. */
  records(): readonly ErrorRecord[];
  statistics(): ErrorStatistics;
}

const hourMs = 3_600_000;
/** How finely the hour is counted once it holds more errors than the history does. */
const bucketMs = 10_000;
const maxNames = 64;

/** A ring of the latest `size` records, and counters that go on when it is full (D52, D53). */
export function createErrorHistory(size: number, clock: Clock): ErrorHistory {
  const ring: { readonly at: number; readonly record: ErrorRecord }[] = [];
  let next = 0;
  const types = new Tally();
  const classes = new Tally();
  const buckets = new Map<number, Tally>();

  function inOrder(): readonly (typeof ring)[number][] {
    return [...ring.slice(next), ...ring.slice(0, next)];
  }

  function countInBucket(at: number, type: string): void {
    const index = Math.floor(at / bucketMs);
    let bucket = buckets.get(index);
    if (bucket === undefined) {
      for (const old of buckets.keys()) {
        if (old * bucketMs > at - hourMs - bucketMs) break;
        buckets.delete(old);
      }
      bucket = new Tally();
      buckets.set(index, bucket);
    }
    bucket.add(type, 1);
  }

  /** To the millisecond while the ring reaches back far enough, else to the bucket. */
  function lastHour(): Tally {
    const since = clock.now() - hourMs;
    const recent = new Tally();
    const reachesBack = ring.length < size || (ring[next]?.at ?? since) <= since;
    if (reachesBack) {
      for (const { at, record } of ring) if (at > since) recent.add(record.error_type, 1);
      return recent;
    }
    for (const [index, bucket] of buckets) {
      if (index * bucketMs > since) for (const [type, count] of bucket.counts) recent.add(type, count);
    }
    return recent;
  }

  return {
    add(record) {
      const at = clock.now();
      types.add(record.error_type, 1);
      classes.add(record.error_class, 1);
      countInBucket(at, record.error_type);
      ring[next] = { at, record };
      next = (next + 1) % size;
    },
    records: () => inOrder().map(({ record }) => record),
    statistics() {
      const recent = lastHour();
      return {
        total_errors: types.total,
        recent_errors_1h: recent.total,
        error_types: types.toJSON(),
        recent_error_types: recent.toJSON(),
        error_classes: classes.toJSON(),
      };
    },
  };
}

/** Counts by name, of which there may be any number: beyond 64 the rest is `other` (D54). */
class Tally {
  readonly counts = new Map<string, number>();
  total = 0;

  add(name: string, count: number): void {
    const key = this.counts.has(name) || this.counts.size < maxNames ? name : 'other';
    this.counts.set(key, (this.counts.get(key) ?? 0) + count);
    this.total += count;
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this.counts);
  }
}
