import { newCorrelationId } from '../call/correlation-id.js';
import type { CallEvent, ReportedEvent } from '../call/events.js';
import { assertCount, assertNotNegative, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime, type Timer } from '../call/runtime.js';
import { nextModelAfter } from '../errors/error-table.js';
import { errorFacts, type ErrorType } from '../errors/error-types.js';
import { type Incident, IncidentRecord } from './incident-record.js';

export type { Incident, IncidentTransition } from './incident-record.js';

/** Options of `incidents()`. */
export interface IncidentOptions {
  /**
   * How long what was out must have been well before its incident is closed, in milliseconds: what goes down again until
   * then is the same incident. Default: 10 000.
   */
  readonly settleMs?: number | undefined;
  /** Closed incidents that are kept. Default: 200. */
  readonly historySize?: number | undefined;
  /** Incidents that may be open at a time; what goes out beyond them has none. Default: 100. */
  readonly maxOpen?: number | undefined;
  /** What a breaker of that name stands before. Default: what it is named after. */
  readonly subjectOf?: ((breaker: string) => string) | undefined;
}

/** The defaults of `incidents()`. */
export const incidentDefaults: Defaults<IncidentOptions, 'settleMs' | 'historySize' | 'maxOpen'> = {
  settleMs: 10_000,
  historySize: 200,
  maxOpen: 100,
};

/** What was out, and what is. */
export interface Incidents {
  /** Those that are open or recovering, then those that are closed; of each the latest first. */
  recent(): readonly Incident[];
  /** Listens no more, and leaves no timer. */
  close(): void;
}

/** Models that have failed lately and may be on their way out. */
const maxSuspected = 1_000;
/** Failures that lie further apart have nothing to do with each other, as far as we know. */
const longestLullMs = 300_000;
/** A credential that was refused, or money that is spent: out until it answers again. */
const credential = 'credential';
const engine = 'engine';

/**
 * Incidents: everything that happened to a model while it was out, as one object.
 *
 * One opens when a breaker opens, a quota is spent, a credential is refused or an engine stops, and goes back to the
 * first failure after the last answer. It is over when every breaker concerned has closed, and the model has answered
 * where something else was the matter; what goes down again soon after that belongs to it. A pause that a service asks
 * for, and what an operator does to a breaker, are none. Reports `incident.opened` and `incident.closed`.
 *
 * Listens, and never touches a call. Everything it keeps is bounded.
 *
 * @throws RangeError for a bad option.
 */
export function incidents(options: IncidentOptions = {}, runtime: Runtime = systemRuntime): Incidents {
  const settings = withDefaults(incidentDefaults, options);
  assertNotNegative('settleMs', settings.settleMs);
  assertCount('historySize', settings.historySize, 0);
  assertCount('maxOpen', settings.maxOpen);
  const book = new IncidentBook(settings, runtime);
  const off = runtime.events.on((event) => book.hear(event), { name: 'incidents', types: book.types });
  return {
    recent: () => book.recent(),
    close() {
      off();
      book.close();
    },
  };
}

type Settings = typeof incidentDefaults;
type Of<Type extends CallEvent['type']> = Extract<ReportedEvent, { type: Type }>;

class IncidentBook {
  private readonly settings: Settings;
  private readonly runtime: Runtime;
  private readonly suspected = new Map<string, IncidentRecord>();
  /** Open or recovering, by subject. */
  private readonly current = new Map<string, IncidentRecord>();
  private readonly settling = new Map<IncidentRecord, Timer>();
  private readonly closed: Incident[] = [];
  private readonly heard: { readonly [Type in CallEvent['type']]?: (event: Of<Type>) => void } = {
    'attempt.finished': ({ model, errorType }) =>
      errorType !== undefined && isModels(errorType) && this.recordOf(model),
    'model.failed': (event) => this.failed(event),
    'model.skipped': (event) => this.skipped(event),
    'model.answered': (event) => this.answered(event),
    'probe.finished': ({ model, healthy }) => this.current.get(model)?.probed(healthy),
    'engine.started': (event) => this.engineMoved(event),
    'engine.stopped': (event) => this.engineMoved(event),
    'breaker.opened': (event) => this.breakerMoved(event),
    'breaker.paused': (event) => this.breakerMoved(event),
    'breaker.half_opened': (event) => this.breakerMoved(event),
    'breaker.closed': (event) => this.breakerMoved(event),
    'breaker.rejected': (event) => this.breakerMoved(event),
    'breaker.overridden': (event) => this.breakerMoved(event),
    'breaker.released': (event) => this.breakerMoved(event),
  };

  constructor(settings: Settings, runtime: Runtime) {
    this.settings = settings;
    this.runtime = runtime;
  }

  /** What it listens to. */
  get types(): CallEvent['type'][] {
    return Object.keys(this.heard) as CallEvent['type'][];
  }

  hear(event: ReportedEvent): void {
    const heard = this.heard[event.type] as ((event: ReportedEvent) => void) | undefined;
    heard?.(event);
  }

  recent(): readonly Incident[] {
    const now = [...this.current.values()].map((record) => record.toJSON());
    return [...now.toReversed(), ...this.closed.toReversed()];
  }

  close(): void {
    for (const timer of this.settling.values()) timer.cancel();
    this.settling.clear();
  }

  private failed({ model, errorType, correlationId }: Of<'model.failed'>): void {
    if (!isModels(errorType)) return;
    this.recordOf(model).failed(errorType, correlationId);
    if (errorFacts[errorType].breaker === 'benches_credential') this.out(model, credential, 'model.failed', errorType);
  }

  private skipped({ model, reason, correlationId }: Of<'model.skipped'>): void {
    // A window that is too small says nothing about how the model is.
    if (reason !== 'window_too_small') this.current.get(model)?.leftOut(correlationId);
  }

  private answered({ model, wasFallback, correlationId }: Of<'model.answered'>): void {
    this.suspected.delete(model);
    const record = this.current.get(model);
    if (record !== undefined) {
      this.back(record, credential, 'model.answered');
      this.back(record, answeringEngine, 'model.answered');
    }
    if (!wasFallback || correlationId === undefined) return;
    for (const other of this.suspected.values()) other.answeredBy(model, correlationId);
    for (const other of this.current.values()) other.answeredBy(model, correlationId);
  }

  private engineMoved(event: Of<'engine.started' | 'engine.stopped'>): void {
    const { model, type } = event;
    if (model === undefined) return;
    if (type === 'engine.started') {
      const record = this.current.get(model);
      if (record === undefined) return;
      record.moved(type);
      // It has yet to show that it can answer.
      if (record.causes.delete(engine)) record.causes.add(answeringEngine);
      return;
    }
    // Stopped for good: somebody wanted that.
    if (event.restartMs === 0) return;
    this.current.get(model)?.causes.delete(answeringEngine);
    this.out(model, engine, type, event.reason);
  }

  private breakerMoved(event: Of<BreakerEvent>): void {
    const { type, name } = event;
    const subject = this.settings.subjectOf?.(name) ?? name;
    const cause = `breaker ${name}`;
    const isOut = type === 'breaker.opened' || (type === 'breaker.paused' && event.reason === 'quota');
    if (isOut) return this.out(subject, cause, type, event.reason);
    const record = this.current.get(subject);
    if (record === undefined) return;
    switch (type) {
      case 'breaker.rejected':
        record.rejected += 1;
        return;
      case 'breaker.closed':
      case 'breaker.released':
        return this.back(record, cause, type);
      case 'breaker.paused':
        return record.moved(type, event.reason);
      case 'breaker.overridden':
        return record.moved(type, event.override);
      case 'breaker.half_opened':
        return record.moved(type);
    }
  }

  private out(subject: string, cause: string, event: string, reason: string): void {
    const record = this.recordOf(subject);
    const isNew = record.status === 'suspected';
    if (isNew && this.current.size >= this.settings.maxOpen) return;
    // Each refusal of a credential is a failure, and only the first a transition.
    if (cause !== credential || !record.causes.has(cause)) record.moved(event, reason);
    record.causes.add(cause);
    if (record.status === 'open') return;
    this.settling.get(record)?.cancel();
    this.settling.delete(record);
    record.relapsed();
    if (!isNew) return;
    this.suspected.delete(subject);
    this.current.set(subject, record);
    this.emit({ type: 'incident.opened', id: record.id, subject, errorType: record.lastErrorType });
  }

  private back(record: IncidentRecord, cause: string, event: string): void {
    if (!record.causes.delete(cause)) return;
    record.moved(event);
    if (record.causes.size > 0) return;
    record.recovered();
    const { clock } = this.runtime;
    this.settling.set(
      record,
      clock.after(this.settings.settleMs, () => this.end(record)),
    );
  }

  private end(record: IncidentRecord): void {
    const { subject, id, failures } = record;
    this.settling.delete(record);
    this.current.delete(subject);
    record.status = 'closed';
    this.closed.push(record.toJSON());
    if (this.closed.length > this.settings.historySize) this.closed.shift();
    this.emit({ type: 'incident.closed', id, subject, ms: record.duration, failures });
  }

  /** The incident of that subject, or one that may become it. */
  private recordOf(subject: string): IncidentRecord {
    const { clock } = this.runtime;
    const known = this.current.get(subject) ?? this.suspected.get(subject);
    if (known !== undefined && (known.status !== 'suspected' || clock.now() - known.latestMs <= longestLullMs)) {
      known.latestMs = clock.now();
      return known;
    }
    this.suspected.delete(subject);
    const record = new IncidentRecord(subject, newCorrelationId(this.runtime), clock);
    const [oldest] = this.suspected.keys();
    if (oldest !== undefined && this.suspected.size >= maxSuspected) this.suspected.delete(oldest);
    this.suspected.set(subject, record);
    return record;
  }

  private emit(event: CallEvent): void {
    this.runtime.events.emit({ ...event, at: this.runtime.clock.now() });
  }
}

/** An engine that was started again, and has answered nobody yet. */
const answeringEngine = 'engine has not answered';

type BreakerEvent = Extract<CallEvent['type'], `breaker.${string}`>;

/** Is it the model that has failed, and not the request? Then another model could have done it. */
function isModels(errorType: ErrorType): boolean {
  return nextModelAfter(errorType) === 'yes';
}
