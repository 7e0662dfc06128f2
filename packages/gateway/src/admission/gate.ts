import { ModelOverloadedError, type Runtime } from 'ripstop';
import type { DegradationLevel } from 'ripstop/observation';
import type { CallContext } from 'ripstop/policies';
import { FairLine, type Place } from './fair-line.js';
import { usualPriority } from './priority.js';

export interface GateOptions {
  /** Requests under way at a time, streams until their end included. */
  readonly maxInFlight: number;
  /** Requests that may wait. */
  readonly queue: number;
  /** How long one may wait, in milliseconds. */
  readonly queueWaitMs: number;
}

/** Who wants to come in. */
export interface Applicant {
  /** Whose request it is, for turns. */
  readonly key: string;
  /** 0 to 9; higher goes first. */
  readonly priority: number;
  readonly context: CallContext;
  /** At `minimal`, where it is less urgent than usual. Default: it is shed. */
  readonly whenMinimal?: 'shed' | 'enter';
}

/** Leave to be under way. Must be freed once; more often does no harm. */
export interface Slot {
  free(): void;
}

interface Waiter extends Place {
  readonly context: CallContext;
  admitted(slot: Slot): void;
  refused(error: ModelOverloadedError): void;
}

type Reason = 'shed' | 'queue_full' | 'queue_timeout';

const messages: Readonly<Record<Reason, string>> = {
  shed: 'The service is overloaded and serves more urgent requests first; try again later',
  queue_full: 'The service is at its limit and so is its queue; try again later',
  queue_timeout: 'The service is at its limit, and no place became free in time; try again later',
};

/** What nine steps of priority are worth, as a share of the longest wait: who has waited for longer is never passed. */
const priorityShare = 0.45;
/** How much the latest request weighs in the estimate of how long one takes. */
const weightOfLatest = 0.1;

/**
 * The gate before the models: so many requests at a time, a line that is short in number and in time, and refusals.
 *
 * A slot that becomes free goes to the first in line in the same step, so that nobody who comes later can take it
 * before him. Whoever leaves, leaves his place at once. Priority is worth a lead of some tenths of a second each, and no
 * more: nobody waits for ever because more urgent requests keep coming. When the level is not full the line is half as
 * long, in number and in time; at `minimal` what is less urgent than usual does not come in at all (GW15, GW16, GW17).
 *
 * Reports `admission.rejected`.
 */
export class Gate {
  private readonly line = new FairLine<Waiter>();
  private readonly options: GateOptions;
  private readonly level: () => DegradationLevel;
  private readonly runtime: Runtime;
  private held = 0;
  private meanMs = 0;

  constructor(options: GateOptions, level: () => DegradationLevel, runtime: Runtime) {
    this.options = options;
    this.level = level;
    this.runtime = runtime;
  }

  get running(): number {
    return this.held;
  }

  get waiting(): number {
    return this.line.length;
  }

  /**
   * A slot at once, or as soon as it is this applicant's turn.
   *
   * @throws ModelOverloadedError with `details.reason` and a wait of 1 to 10 seconds. A promise rejects with it too, or
   * with the reason for which the applicant's call was aborted.
   */
  enter(applicant: Applicant): Slot | Promise<Slot> {
    const { context } = applicant;
    if (context.aborted) throw context.reason;
    const level = this.level();
    const { priority, whenMinimal = 'shed' } = applicant;
    if (level === 'minimal' && priority < usualPriority && whenMinimal === 'shed') throw this.refusal('shed', context);
    if (this.held < this.options.maxInFlight) return this.hold();
    // What waits is half as much and waits half as long when the level is not full.
    const share = level === 'full' ? 1 : 0.5;
    const { queue, queueWaitMs } = this.options;
    const lead = (applicant.priority * priorityShare * queueWaitMs) / 9;
    const place = { key: applicant.key, rank: this.runtime.clock.now() - lead };
    this.makeRoom(place, Math.ceil(queue * share), context);
    return this.wait(place, queueWaitMs * share, context);
  }

  private makeRoom(newcomer: Place, room: number, context: CallContext): void {
    if (this.line.length < room) return;
    const last = this.line.dispensable(newcomer);
    if (last === undefined) throw this.refusal('queue_full', context);
    this.line.remove(last);
    last.refused(this.refusal('shed', last.context));
  }

  private wait(place: Place, maxWaitMs: number, context: CallContext): Promise<Slot> {
    const { clock } = this.runtime;
    return new Promise((resolve, reject) => {
      let stopListening = (): void => undefined;
      const over = (): void => {
        timer?.cancel();
        stopListening();
      };
      const waiter: Waiter = {
        ...place,
        context,
        admitted: (slot) => {
          over();
          resolve(slot);
        },
        refused: (error) => {
          over();
          reject(error);
        },
      };
      // A deadline that comes first has a timer of its own.
      const timer =
        context.deadline - clock.now() <= maxWaitMs ? undefined : clock.after(maxWaitMs, () => this.expire(waiter));
      this.line.add(waiter);
      if (!context.abortable) return;
      stopListening = context.onAbort((reason) => {
        timer?.cancel();
        this.line.remove(waiter);
        reject(reason);
      });
    });
  }

  private expire(waiter: Waiter): void {
    this.line.remove(waiter);
    waiter.refused(this.refusal('queue_timeout', waiter.context));
  }

  private hold(): Slot {
    this.held += 1;
    const since = this.runtime.clock.now();
    let free = (): void => {
      free = () => undefined;
      this.meanMs += (this.runtime.clock.now() - since - this.meanMs) * weightOfLatest;
      this.held -= 1;
      this.line.next()?.admitted(this.hold());
    };
    return { free: () => free() };
  }

  private refusal(reason: Reason, context: CallContext): ModelOverloadedError {
    context.emit({ type: 'admission.rejected', reason });
    return new ModelOverloadedError(messages[reason], {
      details: { reason },
      retryAfterMs: this.retryAfterMs(),
      stack: 'none',
    });
  }

  /** When the line will have moved on, from 1 to 10 seconds; callers that were refused together come back apart. */
  private retryAfterMs(): number {
    const expectedMs = (this.meanMs * (this.line.length + 1)) / this.options.maxInFlight;
    return Math.round(Math.min(Math.max(expectedMs, 1_000), 5_000) * (1 + this.runtime.random()));
  }
}
