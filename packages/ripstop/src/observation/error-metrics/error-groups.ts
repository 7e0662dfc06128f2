import { other, ownCopy } from './bounded-names.js';
import { fingerprint, template } from './fingerprint.js';

/** Errors of one type, in one operation, with messages that differ in numbers and ids only. */
export interface ErrorGroup {
  /** Of the message; the same in every process. */
  readonly fingerprint: string;
  /** `type:operation`. */
  readonly pattern: string;
  /** With `#` for each number and id. */
  readonly message: string;
  /** In the last hour, to the minute. */
  readonly count: number;
  /** In the last five minutes, to the minute. */
  readonly count_5m: number;
}

const minuteMs = 60_000;
const minutesKept = 60;
/** So many patterns, and so many groups, get a name in each minute; the rest are counted together. */
const maxNames = 64;
const longestName = 128;

/** One error, as it is counted. Nothing else of it is kept. */
export interface CountedError {
  readonly type: string;
  readonly operation: string;
  readonly message: string;
}

interface Pattern {
  readonly name: string;
  count: number;
  readonly groups: Map<number, { count: number; readonly message: string }>;
}

interface Minute {
  readonly epoch: number;
  groups: number;
  readonly patterns: Pattern[];
  /** The same by type and operation: to look both up is faster than to join them. */
  readonly byType: Map<string, Map<string, Pattern>>;
}

/**
 * What errors have in common, by pattern and by fingerprint, over the last hour: bounded, and forgotten in time (D102).
 *
 * Each minute names the first 64 of either; the most frequent are among them, whatever else comes in.
 */
export class ErrorGroups {
  private readonly minutes: Minute[] = [];

  add(now: number, { type, operation, message }: CountedError): void {
    const minute = this.minute(Math.floor(now / minuteMs));
    const own = minute.byType.get(type)?.get(operation) ?? patternIn(minute, type, operation);
    own.count += 1;
    if (message === '') return;
    const key = fingerprint(message);
    const group = own.groups.get(key);
    if (group !== undefined) {
      group.count += 1;
    } else if (minute.groups < maxNames) {
      minute.groups += 1;
      own.groups.set(key, { count: 1, message: template(message) });
    }
  }

  /** The most frequent patterns of the last hour, the first one foremost. */
  patterns(now: number, limit: number): [pattern: string, count: number][] {
    const counts = new Map<string, number>();
    for (const { patterns } of this.recent(now, minutesKept)) {
      for (const { name, count } of patterns) counts.set(name, (counts.get(name) ?? 0) + count);
    }
    return [...counts].sort(([, one], [, another]) => another - one).slice(0, limit);
  }

  groups(now: number, limit: number): ErrorGroup[] {
    const found = new Map<string, { -readonly [K in keyof ErrorGroup]: ErrorGroup[K] }>();
    const latest = Math.floor(now / minuteMs) - 5;
    for (const { epoch, patterns } of this.recent(now, minutesKept)) {
      for (const { name: pattern, groups } of patterns) {
        for (const [key, { count, message }] of groups) {
          const hex = key.toString(16).padStart(14, '0');
          const id = `${hex}:${pattern}`;
          const group = found.get(id) ?? { fingerprint: hex, pattern, message, count: 0, count_5m: 0 };
          group.count += count;
          if (epoch > latest) group.count_5m += count;
          found.set(id, group);
        }
      }
    }
    return [...found.values()].sort((one, another) => another.count - one.count).slice(0, limit);
  }

  private recent(now: number, minutes: number): Minute[] {
    const oldest = Math.floor(now / minuteMs) - minutes;
    return this.minutes.filter((minute) => minute.epoch > oldest);
  }

  private minute(epoch: number): Minute {
    const at = epoch % minutesKept;
    const known = this.minutes[at];
    if (known?.epoch === epoch) return known;
    const minute: Minute = { epoch, groups: 0, patterns: [], byType: new Map() };
    this.minutes[at] = minute;
    return minute;
  }
}

function patternIn(minute: Minute, type: string, operation: string): Pattern {
  const isFull = minute.patterns.length >= maxNames;
  // Long names are cut, and nothing is kept alive that they are a part of.
  const [ownType, ownOperation] = isFull
    ? [other, other]
    : [ownCopy(type, longestName), ownCopy(operation, longestName)];
  const ofType = minute.byType.get(ownType) ?? new Map<string, Pattern>();
  const known = ofType.get(ownOperation);
  if (known !== undefined) return known;
  const name = isFull ? other : `${ownType}:${ownOperation}`;
  const pattern: Pattern = { name, count: 0, groups: new Map() };
  minute.byType.set(ownType, ofType.set(ownOperation, pattern));
  minute.patterns.push(pattern);
  return pattern;
}
