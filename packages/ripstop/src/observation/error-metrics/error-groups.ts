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
const longestPattern = 256;

interface Pattern {
  count: number;
  readonly groups: Map<number, { count: number; readonly message: string }>;
}

interface Minute {
  epoch: number;
  groups: number;
  readonly patterns: Map<string, Pattern>;
}

/**
 * What errors have in common, by pattern and by fingerprint, over the last hour: bounded, and forgotten in time (D102).
 *
 * Each minute names the first 64 of either; the most frequent are among them, whatever else comes in.
 */
export class ErrorGroups {
  private readonly minutes: Minute[] = [];

  add(now: number, pattern: string, message: string): void {
    const minute = this.minute(Math.floor(now / minuteMs));
    const own = minute.patterns.get(pattern) ?? patternIn(minute, pattern);
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
      for (const [pattern, { count }] of patterns) counts.set(pattern, (counts.get(pattern) ?? 0) + count);
    }
    return [...counts].sort(([, one], [, another]) => another - one).slice(0, limit);
  }

  groups(now: number, limit: number): ErrorGroup[] {
    const found = new Map<string, { -readonly [K in keyof ErrorGroup]: ErrorGroup[K] }>();
    const latest = Math.floor(now / minuteMs) - 5;
    for (const { epoch, patterns } of this.recent(now, minutesKept)) {
      for (const [pattern, own] of patterns) {
        for (const [key, { count, message }] of own.groups) {
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
    const minute = { epoch, groups: 0, patterns: new Map<string, Pattern>() };
    this.minutes[at] = minute;
    return minute;
  }
}

function patternIn({ patterns }: Minute, name: string): Pattern {
  const key = name.length > longestPattern ? ownCopy(name, longestPattern) : name;
  const place = patterns.has(key) || patterns.size < maxNames ? key : other;
  const known = patterns.get(place);
  if (known !== undefined) return known;
  const pattern: Pattern = { count: 0, groups: new Map() };
  patterns.set(ownCopy(place, longestPattern), pattern);
  return pattern;
}
