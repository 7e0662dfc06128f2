/** One incident while it is being written: from the first failure on, before anybody knows that it is one. */
import type { Clock } from '../call/runtime.js';
import type { ErrorType } from '../errors/error-types.js';

/** A time when something was out, as plain JSON: from the first failure to the recovery. */
export interface Incident {
  readonly id: string;
  /** What is out: a model, or what else a breaker stands before. */
  readonly subject: string;
  /** `recovering`: it answers again, and what breaks now belongs to the same incident. */
  readonly status: 'open' | 'recovering' | 'closed';
  /** The first failure after the last answer: ISO 8601, UTC. */
  readonly opened_at: string;
  /** The recovery; null until then. */
  readonly closed_at: string | null;
  /** From one to the other, or until now. */
  readonly duration_ms: number;
  /** Requests that it has failed. */
  readonly failures: number;
  readonly failures_by_type: Readonly<Partial<Record<ErrorType, number>>>;
  readonly last_error_type: ErrorType | null;
  /** Calls that its breaker has refused. */
  readonly rejected: number;
  /** Requests that left it out. */
  readonly skipped: number;
  /** Who has answered those that it failed, or that left it out: model → requests. */
  readonly answered_instead: Readonly<Record<string, number>>;
  readonly probes: { readonly healthy: number; readonly unhealthy: number };
  /** What happened to it, the latest last; the first one stays where there were too many. */
  readonly transitions: readonly IncidentTransition[];
}

/** One step of an incident. */
export interface IncidentTransition {
  readonly at: string;
  /** The event that told it: `breaker.opened`. */
  readonly event: string;
  readonly reason?: string | undefined;
}

const maxTransitions = 50;
/** Requests whose end is awaited, to learn who has answered them. */
const maxAwaited = 1_000;
/** Models that are told by name; all further ones are `other`. */
const maxStandIns = 20;

export class IncidentRecord {
  readonly subject: string;
  readonly id: string;
  /** Why it is out now. Empty: it is not. */
  readonly causes = new Set<string>();
  status: Incident['status'] | 'suspected' = 'suspected';
  /** When it last failed, on the monotonic clock. */
  latestMs: number;
  lastErrorType: ErrorType | undefined = undefined;
  rejected = 0;
  skipped = 0;
  failures = 0;
  private readonly clock: Clock;
  private readonly openedAt: Moment;
  private recoveredAt: Moment | undefined = undefined;
  private readonly byType: Partial<Record<ErrorType, number>> = {};
  private readonly standIns = new Map<string, number>();
  private readonly probes = { healthy: 0, unhealthy: 0 };
  private readonly transitions: IncidentTransition[] = [];
  private readonly awaited = new Set<string>();

  constructor(subject: string, id: string, clock: Clock) {
    this.subject = subject;
    this.id = id;
    this.clock = clock;
    this.openedAt = momentOf(clock);
    this.latestMs = this.openedAt.ms;
  }

  /** In milliseconds. */
  get duration(): number {
    return (this.recoveredAt?.ms ?? this.clock.now()) - this.openedAt.ms;
  }

  failed(errorType: ErrorType, correlationId: string | undefined): void {
    this.failures += 1;
    this.lastErrorType = errorType;
    this.byType[errorType] = (this.byType[errorType] ?? 0) + 1;
    this.awaits(correlationId);
  }

  leftOut(correlationId: string | undefined): void {
    this.skipped += 1;
    this.awaits(correlationId);
  }

  /** Somebody else has answered. Counts if it was in this one's place. */
  answeredBy(model: string, correlationId: string): void {
    if (!this.awaited.delete(correlationId)) return;
    const name = this.standIns.has(model) || this.standIns.size < maxStandIns ? model : 'other';
    this.standIns.set(name, (this.standIns.get(name) ?? 0) + 1);
  }

  probed(healthy: boolean): void {
    this.probes[healthy ? 'healthy' : 'unhealthy'] += 1;
  }

  moved(event: string, reason?: string): void {
    if (this.transitions.length >= maxTransitions) this.transitions.splice(1, 1);
    const at = this.clock.date().toISOString();
    this.transitions.push(reason === undefined ? { at, event } : { at, event, reason });
  }

  recovered(): void {
    this.status = 'recovering';
    this.recoveredAt = momentOf(this.clock);
  }

  relapsed(): void {
    this.status = 'open';
    this.recoveredAt = undefined;
  }

  toJSON(): Incident {
    const { status, id, subject, failures, rejected, skipped } = this;
    return {
      id,
      subject,
      status: status === 'suspected' ? 'open' : status,
      opened_at: this.openedAt.date,
      closed_at: this.recoveredAt?.date ?? null,
      duration_ms: Math.round(this.duration),
      failures,
      failures_by_type: { ...this.byType },
      last_error_type: this.lastErrorType ?? null,
      rejected,
      skipped,
      answered_instead: Object.fromEntries(this.standIns),
      probes: { ...this.probes },
      transitions: [...this.transitions],
    };
  }

  private awaits(correlationId: string | undefined): void {
    if (correlationId === undefined) return;
    this.awaited.add(correlationId);
    if (this.awaited.size <= maxAwaited) return;
    const [oldest] = this.awaited;
    if (oldest !== undefined) this.awaited.delete(oldest);
  }
}

interface Moment {
  /** Of the monotonic clock, for durations. */
  readonly ms: number;
  readonly date: string;
}

function momentOf(clock: Clock): Moment {
  return { ms: clock.now(), date: clock.date().toISOString() };
}
