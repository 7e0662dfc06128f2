/** Everything that a collector has counted, in constant memory. */
import { errorFacts } from '../../errors/error-types.js';
import { BoundedNames } from './bounded-names.js';
import { CallSubject, ErrorSubject, type Shared, type Subject } from './counted-subject.js';
import { CountSeries } from './count-series.js';
import { type CountedError, ErrorGroups } from './error-groups.js';
import type { ActiveSpike, Change } from './spike-watch.js';
import { TimedSubject } from './timed-subject.js';

const maxOperations = 64;
const maxTypes = 64;
/** Where errors are watched for each model. */
const maxTypesOfModels = 256;

/** Errors by type and pattern, calls by operation, durations. Adding is O(1). */
export class Ledger {
  readonly errors: CountSeries;
  readonly calls: CountSeries;
  readonly groups = new ErrorGroups();
  readonly errorSubjects: BoundedNames<ErrorSubject>;
  readonly callSubjects: BoundedNames<CallSubject>;
  readonly timedSubjects: BoundedNames<TimedSubject>;
  readonly shared: Shared;
  /** Is it told of calls that went well, so that a share of errors can be known? */
  knowsCalls = false;
  private lookedAt: number;

  constructor(shared: Shared) {
    this.shared = shared;
    const { settings, windows } = shared;
    this.lookedAt = windows.startedAt;
    this.errors = new CountSeries(windows);
    this.calls = new CountSeries(windows);
    this.callSubjects = new BoundedNames(maxOperations, (name) => new CallSubject(name, shared));
    this.timedSubjects = new BoundedNames(maxOperations, (name) => new TimedSubject(name, shared));
    const errorSubject = (name: string): ErrorSubject => new ErrorSubject(name, shared, this.callsBeside(name));
    this.errorSubjects =
      settings.of === 'models'
        ? new BoundedNames(maxTypesOfModels, errorSubject)
        : new BoundedNames(maxTypes, errorSubject, (name) => Object.hasOwn(errorFacts, name));
  }

  addError(now: number, error: CountedError): void {
    const { type, operation } = error;
    this.errors.add(now);
    this.errorSubjects.get(this.shared.settings.of === 'models' ? `${type}:${operation}` : type).series.add(now);
    this.groups.add(now, error);
  }

  addCall(now: number, operation: string): void {
    this.calls.add(now);
    this.callSubjects.get(operation).series.add(now);
  }

  addDuration(now: number, name: string, ms: number): void {
    this.timedSubjects.get(name).record(now, ms);
  }

  /** How many errors there were in so many milliseconds, of one type or of all. */
  errorsWithin(now: number, windowMs: number, type?: string): number {
    if (type === undefined) return this.errors.within(now, windowMs);
    const own = this.errorSubjects.entries().filter(([name]) => this.typeOf(name) === type);
    return own.reduce((sum, [, { series }]) => sum + series.within(now, windowMs), 0);
  }

  /** The type of error that a subject of that name is about. */
  typeOf(name: string): string {
    return this.shared.settings.of === 'models' ? (name.split(':', 1)[0] ?? name) : name;
  }

  isWarm(now: number): boolean {
    const { settings, windows } = this.shared;
    return now - windows.startedAt >= settings.warmUpMs;
  }

  /** Compares now with what is usual, and tells what has changed since the last time. */
  look(now: number): readonly Change[] {
    const before = this.lookedAt;
    this.lookedAt = now;
    for (const names of [this.errorSubjects, this.callSubjects, this.timedSubjects]) {
      if (names.isFull) names.forget((subject: Subject) => subject.isIdle(now));
    }
    if (!this.isWarm(now)) return [];
    return this.watched().flatMap((subject) => subject.look(now, before) ?? []);
  }

  active(now: number): readonly ActiveSpike[] {
    return this.watched().flatMap((subject) => subject.active(now) ?? []);
  }

  private watched(): readonly Subject[] {
    const { watch } = this.shared.settings;
    const names = { errors: this.errorSubjects, latency: this.timedSubjects, throughput: this.callSubjects };
    return watch.flatMap((kind) => names[kind].entries().map(([, subject]): Subject => subject));
  }

  private callsBeside(name: string): (now: number) => number | undefined {
    const model = this.shared.settings.of === 'models' ? name.slice(name.indexOf(':') + 1) : undefined;
    return (now) => {
      if (!this.knowsCalls) return undefined;
      const series = model === undefined ? this.calls : this.callSubjects.peek(model)?.series;
      return series?.recent(now);
    };
  }
}
