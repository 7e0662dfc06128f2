import type { BreakerState, OpenCause } from './breaker-state.js';

/** What a breaker has counted since it last closed. */
export interface BreakerCounters {
  /** Calls that succeeded or failed. */
  counted: number;
  failures: number;
  /** Calls that took `slowMs` or longer. */
  slow: number;
  failuresInARow: number;
}

/** What a breaker knows, as plain JSON, for a process that starts where another ended. */
export interface BreakerSnapshot {
  readonly v: 1;
  readonly state: BreakerState;
  /** Why it is open; `null` unless open. */
  readonly cause: OpenCause | null;
  /** Until when it is open, in milliseconds since 1970 by the wall clock; `null` unless open, and where it has no end. */
  readonly untilWall: number | null;
  /** `opens`: openings for failures since it last recovered. */
  readonly counters: Readonly<BreakerCounters> & { readonly opens: number };
}

const causes: readonly unknown[] = ['failures', 'pause', 'quota', null] satisfies (OpenCause | null)[];
const states: readonly unknown[] = ['closed', 'open', 'half_open'] satisfies BreakerState[];

/** The snapshot in a value of unknown origin; `undefined` where it has another version, or is none. */
export function readSnapshot(value: unknown): BreakerSnapshot | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { v, state, cause, untilWall, counters } = value as Partial<Record<keyof BreakerSnapshot, unknown>>;
  if (v !== 1 || !states.includes(state) || !causes.includes(cause)) return undefined;
  if (untilWall !== null && !Number.isFinite(untilWall)) return undefined;
  if (typeof counters !== 'object' || counters === null) return undefined;
  const { counted, failures, slow, failuresInARow, opens } = counters as Partial<BreakerSnapshot['counters']>;
  const counts = [counted, failures, slow, failuresInARow, opens];
  if (!counts.every((count) => Number.isSafeInteger(count) && Number(count) >= 0)) return undefined;
  return value as BreakerSnapshot;
}
