import type { CallContext } from '../../call/call.js';
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

/** A stay in a state. Times are those of the machine's clock, in milliseconds. */
export type Stay =
  | { readonly kind: 'closed'; readonly since: number }
  | { readonly kind: 'open'; readonly until: number; readonly cause: OpenCause }
  | {
      readonly kind: 'half_open';
      /** Trials that have not ended and when the lease of each does, the earliest first. */
      readonly trials: Map<BreakerPermit, number>;
      successes: number;
    }
  | { readonly kind: BreakerOverride };

/** What permits are given by and go back to. */
interface Issuer {
  settle(permit: BreakerPermit, outcome: BreakerOutcome, error: unknown): void;
  renew(permit: BreakerPermit): void;
}

/** The machine's own permit: it knows when and in which generation it was given, and for whom. */
export class BreakerPermit implements Permit {
  readonly generation: number;
  /** 0 where nobody asks how long a call takes. */
  readonly startedAt: number;
  readonly context: CallContext | undefined;
  private issuer: Issuer | undefined;

  constructor(issuer: Issuer, generation: number, startedAt: number, context: CallContext | undefined) {
    this.issuer = issuer;
    this.generation = generation;
    this.startedAt = startedAt;
    this.context = context;
  }

  settle(outcome: BreakerOutcome, error?: unknown): void {
    const { issuer } = this;
    this.issuer = undefined;
    issuer?.settle(this, outcome, error);
  }

  renew(): void {
    this.issuer?.renew(this);
  }
}
