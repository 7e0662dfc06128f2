import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { Attempt } from './attempt.js';
import type { CallContext, CallScope } from './call.js';
import { expire } from './completed-first.js';
import { type Clock, startTimer, stopTimer, type Timed } from './runtime.js';

/** An attempt that is aborted when its time is up: scope and timer in one object. */
export class LimitedAttempt extends Attempt implements Timed {
  declare lane: Timed['lane'];
  declare at: number;
  declare previous: Timed | undefined;
  declare next: Timed | undefined;
  declare private readonly limitMs: number;

  constructor(context: CallContext, limitMs: number) {
    super(context as CallScope);
    this.lane = undefined;
    this.at = 0;
    this.previous = undefined;
    this.next = undefined;
    this.limitMs = limitMs;
  }

  /** Its time runs from now. */
  start(clock: Clock): void {
    startTimer(this, this.limitMs, clock);
  }

  due(): void {
    expire(this, () => {
      const { limitMs } = this;
      this.emit({ type: 'timeout.expired', limitMs });
      return new InferenceTimeoutError(limitMs, { details: { phase: 'attempt' } });
    });
  }

  override release(): void {
    super.release();
    stopTimer(this);
  }
}
