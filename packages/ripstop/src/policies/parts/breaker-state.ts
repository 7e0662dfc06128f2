import type { WindowOptions } from './rolling-window.js';

/** Closed: calls pass. Open: they are refused. Half-open: a few are let through to try. */
export type BreakerState = 'closed' | 'open' | 'half_open';

/** What an operator set a breaker to: refuse every call, count nothing, or count and never open. */
export type BreakerOverride = 'forced_open' | 'disabled' | 'metrics_only';

/** Why it is open: its service failed, its service asked for a pause, or the money is spent. */
export type OpenCause = 'failures' | 'pause' | 'quota';

/** What came of a call. `ignored` and `cancelled` say nothing about the service, and give the permit back. */
export type BreakerOutcome = 'success' | 'failure' | 'ignored' | 'cancelled' | 'rejected';

/** Leave to make one call. */
export interface Permit {
  /** Which stay in a state the permit belongs to; a settle that comes after that state has passed changes nothing. */
  readonly generation: number;
  /** Only the first settle counts. An error that asks for a wait is heard whatever the outcome, if the service was called. */
  settle(outcome: BreakerOutcome, error?: unknown): void;
  /** The call is alive, though it has not ended: a trial has its whole lease again. */
  renew(): void;
}

/** The options of a breaker, checked. */
export interface BreakerSettings extends CooldownSettings {
  readonly name: string;
  readonly consecutive: number;
  readonly window: WindowOptions;
  readonly minCalls?: number | undefined;
  readonly failureRatio?: number | undefined;
  readonly slowRatio?: number | undefined;
  readonly slowMs?: number | undefined;
  readonly trials: number;
  readonly trialsAtOnce?: number | undefined;
  readonly leaseMs: number;
}

/** How long a breaker stays open. */
export interface CooldownSettings {
  readonly cooldownMs: number;
  readonly maxCooldownMs?: number | undefined;
  readonly cooldownFactor: number;
  readonly cooldownJitterRatio: number;
  readonly maxPauseMs?: number | undefined;
  readonly quotaCooldownMs?: number | undefined;
}
