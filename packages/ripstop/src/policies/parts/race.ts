import { abortable, nextAttempt } from '../../call/attempt.js';
import type { CallContext, CallScope } from '../../call/call.js';
import { reportCall } from '../../call/call-report.js';
import type { Clock, Timer } from '../../call/runtime.js';
import { discard, isStream, watchStream } from '../../call/stream.js';
import type { AttemptReport, StopReason } from '../../errors/model-error.js';
import { CancelledError } from '../../errors/rejections.js';
import { remember } from './attempt-history.js';
import { type OpeningStream, openStream } from './first-item.js';
import type { RetryBudget } from './retry-budget.js';
import { isRejection, isRetryable, passes, statedWaitMs, typeOf } from './verdict.js';

/** How a race is run. */
export interface RaceRules {
  readonly clock: Clock;
  readonly budget: RetryBudget;
  /** Attempts after the first. */
  readonly maxHedges: number;
  /** From one attempt to the next, in milliseconds. */
  readonly delayMs: number;
  readonly when: ((error: unknown, context: CallContext) => boolean) | undefined;
  /** Told how long the call took, from its first attempt to its answer. */
  readonly answered: (ms: number) => void;
}

/** One attempt that is under way. */
interface Runner {
  readonly scope: CallScope;
  readonly startedAt: number;
  /** Set while its stream has no first item yet. */
  opening?: OpeningStream<unknown>;
}

/** Several attempts at one call, of which the first good answer counts. */
export class Race<T> {
  readonly outcome: Promise<T>;
  private readonly next: (context: CallContext) => Promise<T>;
  private readonly context: CallContext;
  private readonly rules: RaceRules;
  private readonly startedAt: number;
  private readonly running: Runner[] = [];
  private readonly history: AttemptReport[] = [];
  private hedges = 0;
  private timer: Timer | undefined = undefined;
  private over = false;
  private resolve!: (value: T) => void;
  private reject!: (error: unknown) => void;

  constructor(next: (context: CallContext) => Promise<T>, context: CallContext, rules: RaceRules) {
    this.next = next;
    this.context = context;
    this.rules = rules;
    this.startedAt = rules.clock.now();
    this.outcome = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.start(abortable(context));
  }

  private start(scope: CallScope): void {
    const { clock, maxHedges, delayMs } = this.rules;
    const runner: Runner = { scope, startedAt: clock.now() };
    this.running.push(runner);
    this.next(scope).then(
      (value) => this.answered(runner, value),
      (error: unknown) => this.failed(runner, error),
    );
    if (this.hedges < maxHedges) this.timer = clock.after(delayMs, () => void this.hedge('slow'));
  }

  /** Starts one more attempt, or tells why there is none. Those that run are left alone either way (H3). */
  private hedge(reason: 'slow' | 'failed'): StopReason | 'started' {
    const { clock, budget, maxHedges } = this.rules;
    const { context } = this;
    if (context.aborted) return context.cancelled ? 'cancelled' : 'deadline';
    if (this.hedges >= maxHedges) return 'attempts';
    if (context.notBefore > clock.now()) return 'circuit_open';
    if (budget.take() === 'denied') return 'budget';
    this.timer?.cancel();
    this.hedges += 1;
    const scope = nextAttempt(context, context.attempt + this.hedges);
    scope.emit({ type: 'hedge.started', reason, ms: clock.now() - this.startedAt });
    this.start(scope);
    return 'started';
  }

  private answered(runner: Runner, value: T): void {
    if (this.over) {
      discard(value);
      return;
    }
    if (!isStream(value)) return this.won(runner, value);
    const opening = openStream(value);
    runner.opening = opening;
    opening.opened.then(
      (stream) => this.won(runner, stream),
      (error: unknown) => this.failed(runner, error),
    );
  }

  private won(runner: Runner, value: T): void {
    if (this.over) return;
    const { clock, budget, answered } = this.rules;
    this.leave(runner);
    this.end();
    answered(clock.now() - this.startedAt);
    if (this.hedges > 0) runner.scope.emit({ type: 'hedge.won', ms: clock.now() - this.startedAt });
    if (!isStream(value)) {
      runner.scope.release();
      budget.succeeded();
      return this.resolve(value);
    }
    const watched = watchStream(value, {
      ended({ kind }) {
        runner.scope.release();
        if (kind !== 'failed') budget.succeeded();
      },
    });
    this.resolve(watched);
  }

  private failed(runner: Runner, error: unknown): void {
    if (this.over) return;
    const { clock, budget, when } = this.rules;
    const { context } = this;
    this.leave(runner);
    runner.scope.release();
    remember(this.history, error, context.cancelled ? 'cancelled' : typeOf(error), clock.now() - runner.startedAt);
    if (isRejection(error) && runner.scope.attempt > context.attempt) budget.giveBack();
    // A filter that throws has not said that the call may be repeated.
    if (!context.aborted && (!isRetryable(error) || passes(when, error, runner.scope) !== true)) {
      return this.lost(error, 'not_retryable');
    }
    const decision = this.hedgeAfter(error);
    if (decision !== 'started' && this.running.length === 0) this.lost(error, decision);
  }

  /** An error that names a wait asks for no more until then, and no attempt waits here. */
  private hedgeAfter(error: unknown): StopReason | 'started' {
    const waitMs = statedWaitMs(error) ?? 0;
    if (waitMs === 0 || this.context.aborted) return this.hedge('failed');
    this.timer?.cancel();
    return this.context.notBefore > this.rules.clock.now() ? 'circuit_open' : 'deadline';
  }

  private lost(error: unknown, stopReason: StopReason): void {
    this.end();
    reportCall(error, { attempts: this.history, stopReason });
    this.reject(error);
  }

  private leave(runner: Runner): void {
    this.running.splice(this.running.indexOf(runner), 1);
  }

  /** Whoever still runs has lost. */
  private end(): void {
    this.over = true;
    this.timer?.cancel();
    if (this.running.length === 0) return;
    const reason = new CancelledError('Another attempt was decisive', {
      origin: 'service',
      details: { reason: 'hedge_lost' },
    });
    for (const { scope, startedAt, opening } of this.running) {
      scope.emit({ type: 'hedge.lost', ms: this.rules.clock.now() - startedAt });
      scope.abort(reason);
      opening?.discard();
    }
  }
}
