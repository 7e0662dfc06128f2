import { type CircuitBreaker, ModelOverloadedError, pipeline, type Policy, type Runtime, retry } from 'ripstop';
import { ModelError } from 'ripstop/errors';
import { type CallContext, policy } from 'ripstop/policies';
import { Attached } from '../attached.js';
import type { Asked, Breakers } from './breakers.js';
import { retriesSameTarget } from './same-target.js';
import { tryAside } from './try-aside.js';

/** Tries of one request, whichever upstreams they go to (GW1). */
const triesPerRequest = 6;
/** A try that took more than this share of the time for the whole call is not repeated at the same upstream (GW4). */
const slowShare = 0.5;

/** One upstream of a chain, as the tries at it are made. */
export interface Target extends Asked {
  readonly breaker: CircuitBreaker;
  /** How many calls it takes at a time. */
  readonly limit: Policy;
  /** Tries at this upstream, the first one included. */
  readonly attempts: number;
  /** How many upstreams stand behind it in the chain. */
  readonly behind: number;
}

/** One request on its way through the chain. */
interface Request {
  readonly startedAt: number;
  /** Whom each try asked, in turn. */
  readonly asked: string[];
  /** Who failed first in each way, once somebody has. */
  failures: Map<string, string> | undefined;
}

/** How an upstream is asked. */
interface Ways {
  /** By its breaker's leave, again where that may help. */
  readonly policy: Policy;
  /** Once, although its breaker is open, since nobody else is left. */
  readonly forced: Policy;
}

/** Which try at an upstream has failed, from 1, and how many there may be. */
interface Counted {
  readonly attempt: number;
  readonly attempts: number;
}

/** What a failed try was like, for those who decide whether there is another one. */
interface FailedTry {
  readonly request: Request;
  readonly target: Target;
  readonly ms: number;
  readonly totalMs: number;
}

/** The tries of all requests of one chain. */
export class Tries {
  private readonly breakers: Breakers;
  private readonly runtime: Runtime;
  private readonly requests = new Attached<CallContext, Request>();
  private readonly failed = new WeakMap<object, FailedTry>();

  constructor(breakers: Breakers, runtime: Runtime) {
    this.breakers = breakers;
    this.runtime = runtime;
  }

  /**
   * One upstream's part of a request: tries with full jitter over 250 ms, doubled, at most 5 s (GW2), each judged by the
   * breaker. The limits on one try are the model client's own.
   */
  at(target: Target): Ways {
    const { attempts, limit, breaker } = target;
    const when = (error: unknown, { attempt }: CallContext): boolean => this.mayRepeat(error, { attempt, attempts });
    const budget = this.breakers.budget(target.name);
    const again = retry(
      { name: target.name, attempts, baseDelayMs: 250, maxDelayMs: 5_000, budget, when },
      this.runtime,
    );
    const tried = pipeline(again, limit, breaker);
    const aside = pipeline(limit, breaker);
    const tries = policy(
      'tries',
      (next, scope) => {
        const request = this.requestOf(scope);
        if (request.asked.length >= triesPerRequest) throw notAsked('tries_spent');
        if (target.behind > 0 && this.breakers.isBenched(target)) throw notAsked('key_refused');
        if (target.behind > 0 && this.breakers.isSilent(target) && breaker.state === 'half_open') {
          const work = (context: CallContext) => this.told(target, () => next(context), context);
          tryAside(aside, work, () => this.breakers.heard(target, 'answer'));
          throw notAsked('silent');
        }
        const work = (attempt: CallContext) => this.once(request, target, () => next(attempt), scope);
        return tried.run(work, scope);
      },
      this.runtime,
    );
    return { policy: tries, forced: this.forced(target) };
  }

  /** What is tried in this context belongs to the same request as what is tried in that one. */
  join(context: CallContext, other: CallContext): void {
    this.requests.set(context, this.requestOf(other));
  }

  private forced(target: Target): Policy {
    const work: Parameters<typeof policy>[1] = (next, scope) =>
      target.limit.run((attempt) => this.once(this.requestOf(scope), target, () => next(attempt), scope), scope);
    return policy('forced', work, this.runtime);
  }

  private async once<T>(request: Request, target: Target, next: () => Promise<T>, scope: CallContext): Promise<T> {
    const { clock } = this.runtime;
    const startedAt = clock.now();
    request.asked.push(target.name);
    try {
      const answer = await this.told(target, next, scope);
      this.breakers.heard(target, 'answer');
      return answer;
    } catch (error) {
      if (typeof error === 'object' && error !== null) {
        const totalMs = scope.deadline - request.startedAt;
        this.failed.set(error, { request, target, ms: clock.now() - startedAt, totalMs });
        if (this.isKnown(error, request, target)) this.breakers.acquit(error);
        if (isSilence(error)) this.breakers.heard(target, 'silence');
        if (isRefusal(error)) this.breakers.bench(target);
      }
      throw error;
    }
  }

  /** Whoever counts what an upstream is asked hears of every try, whatever it was for. */
  private async told<T>({ name: model }: Target, next: () => Promise<T>, scope: CallContext): Promise<T> {
    const { clock } = this.runtime;
    const startedAt = clock.now();
    try {
      const answer = await next();
      scope.emit({ type: 'attempt.finished', model, ms: clock.now() - startedAt });
      return answer;
    } catch (error) {
      const errorType = ModelError.isInstance(error) ? error.errorType : 'internal_error';
      scope.emit({ type: 'attempt.finished', model, ms: clock.now() - startedAt, errorType });
      throw error;
    }
  }

  /** Has another upstream failed this request in the same way? Then the request is the cause, as far as we know. */
  private isKnown(error: object, request: Request, { name }: Target): boolean {
    if (!ModelError.isInstance(error)) return false;
    const { errorType, details, message } = error;
    const way = JSON.stringify([errorType, details['status'], message.replaceAll(/\d+/g, '#').toLowerCase()]);
    const failures = (request.failures ??= new Map());
    const first = failures.get(way) ?? name;
    failures.set(way, first);
    return first !== name;
  }

  private mayRepeat(error: unknown, { attempt, attempts }: Counted): boolean {
    if (!retriesSameTarget(error, attempt)) return false;
    // Its tries are spent: that ends it, and is what the log says.
    if (attempt >= attempts) return true;
    const last = typeof error === 'object' && error !== null ? this.failed.get(error) : undefined;
    if (last === undefined) return true;
    const { request, target, ms, totalMs } = last;
    // Nobody behind loses his one try to a repetition.
    const isLast = request.asked.filter((name) => name === target.name).length >= target.attempts;
    return !isLast && ms <= totalMs * slowShare && request.asked.length + target.behind < triesPerRequest;
  }

  private requestOf(scope: CallContext): Request {
    const known = this.requests.get(scope);
    if (known !== undefined) return known;
    const request: Request = { startedAt: this.runtime.clock.now(), asked: [], failures: undefined };
    this.requests.set(scope, request);
    return request;
  }
}

/** It ran into a limit of ours on its own, and not into that of the whole call. */
function isSilence(error: object): boolean {
  return ModelError.isInstance(error) && error.errorType === 'inference_timeout' && error.details['phase'] !== 'total';
}

/** Our key is not good, or not for this model: no other try with it will be. */
function isRefusal(error: object): boolean {
  return (
    ModelError.isInstance(error) &&
    (error.errorType === 'authentication_failed' || error.errorType === 'permission_denied')
  );
}

/** A rejection: this upstream is left out, and the next one asked. */
function notAsked(reason: 'tries_spent' | 'key_refused' | 'silent'): ModelOverloadedError {
  return new ModelOverloadedError('This model is not asked now', { stack: 'none', details: { reason } });
}
