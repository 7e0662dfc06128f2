import {
  type CircuitBreaker,
  circuitBreaker,
  ModelOverloadedError,
  type RetryBudget,
  type Runtime,
  retryBudget,
} from 'ripstop';
import type { BreakerState, OpenCause } from 'ripstop/policies';
import type { ModelConfig } from '../config/schema.js';
import type { Endpoint } from '../upstreams/endpoints.js';

/** However often its trials fail, an upstream is tried again after so long: it must be in use soon after it is back. */
const longestCooldownMs = 10_000;
/** The longest wait of a 429 that an upstream is left alone for. */
const longestPauseMs = 3_600_000;
/** A spent quota seldom comes back at once. */
const quotaCooldownMs = 60_000;

/** A key that was refused is not tried again for so long while somebody else can answer. */
const refusedMs = 60_000;

/** An upstream, and what it is asked for; without an endpoint, to chat. */
export interface Asked {
  readonly name: string;
  readonly endpoint?: Endpoint | undefined;
}

/** One breaker, as it stands. */
export interface BreakerFacts {
  /** The upstream, and behind a slash what it is asked for if that is no chat. */
  readonly name: string;
  readonly endpoint: string;
  readonly state: BreakerState;
  /** How long until it lets a call through. */
  readonly retryAfterMs: number;
  /** Why it is open by itself. */
  readonly cause: OpenCause | undefined;
}

/** What is known of all upstreams. Chains with the same rules share what they know; the budget is the upstream's own. */
export class Breakers {
  private readonly runtime: Runtime;
  /** By upstream, endpoint and rules. */
  private readonly breakers = new Map<string, Map<string, Map<string, CircuitBreaker>>>();
  private readonly budgets = new Map<string, RetryBudget>();
  /** By upstream and endpoint: until when it is left alone because it has refused our key, on the runtime's clock. */
  private readonly benched = new Map<string, number>();
  /** Those whose last try ran into a limit: nobody should have to wait for the next one. */
  private readonly silent = new Set<string>();
  /** Failures for which the upstream is not to blame: another one has failed the same request alike (GW13). */
  private readonly blameless = new WeakSet<object>();

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  /**
   * Opens after failures in a row, or when half of at least ten calls in half a minute have failed, for `cooldown`,
   * doubled up to 10 s; closes after two good trials, one at a time (GW11). A rate limit that states its wait, and a
   * spent quota, open it by themselves. Slow answers need no rule of their own here: those beyond their limit have
   * failed. Each endpoint has its own: an upstream that cannot embed may still chat.
   */
  get(upstream: string, { consecutive, cooldown }: ModelConfig['breaker'], endpoint?: Endpoint): CircuitBreaker {
    const endpoints = this.breakers.get(upstream) ?? new Map<string, Map<string, CircuitBreaker>>();
    this.breakers.set(upstream, endpoints);
    const breakers = endpoints.get(endpoint ?? 'chat') ?? new Map<string, CircuitBreaker>();
    endpoints.set(endpoint ?? 'chat', breakers);
    const rules = `${consecutive} ${cooldown}`;
    let breaker = breakers.get(rules);
    if (breaker === undefined) {
      const options = {
        name: placeOf({ name: upstream, endpoint }),
        consecutive,
        cooldownMs: cooldown,
        maxCooldownMs: Math.max(cooldown, longestCooldownMs),
        cooldownJitterRatio: 0.1,
        maxPauseMs: longestPauseMs,
        quotaCooldownMs,
        failureRatio: 0.5,
        trials: 2,
        trialsAtOnce: 1,
        when: (error: unknown) => !(typeof error === 'object' && error !== null && this.blameless.has(error)),
      };
      breaker = circuitBreaker(options, this.runtime);
      breakers.set(rules, breaker);
    }
    return breaker;
  }

  /** Of each endpoint that has been asked for, the breaker that lets least through. */
  facts(upstream: string): readonly BreakerFacts[] {
    return [...(this.breakers.get(upstream) ?? [])].flatMap(([endpoint, breakers]) => {
      const name = endpoint === 'chat' ? upstream : `${upstream}/${endpoint}`;
      const all = [...breakers.values()];
      const strictest =
        all.find(({ state }) => state === 'open') ?? all.find(({ state }) => state !== 'closed') ?? all[0];
      if (strictest === undefined) return [];
      const { state, retryAfterMs, openCause } = strictest;
      return [{ name, endpoint, state, retryAfterMs, cause: openCause }];
    });
  }

  /** Of each endpoint that has been asked for, the breakers of all rules. */
  of(upstream: string): readonly (readonly CircuitBreaker[])[] {
    return [...(this.breakers.get(upstream)?.values() ?? [])].map((breakers) => [...breakers.values()]);
  }

  /** The upstream seems to be back: nobody waits for the end of its cooldowns. */
  endCooldowns(upstream: string): void {
    for (const breaker of this.of(upstream).flat()) breaker.endCooldown();
  }

  /** A chat that nobody has asked for was good: one trial less to make. */
  triedChat(upstream: string): void {
    for (const breaker of this.breakers.get(upstream)?.get('chat')?.values() ?? []) {
      breaker.endCooldown();
      if (breaker.state !== 'half_open') continue;
      try {
        breaker.acquire().settle('success');
      } catch (error) {
        // A caller's own trial is under way, and decides.
        if (!(error instanceof ModelOverloadedError)) throw error;
      }
    }
  }

  /** What retries at this upstream are paid from, whichever chain they belong to (GW3). */
  budget(upstream: string): RetryBudget {
    const budget = this.budgets.get(upstream) ?? retryBudget({}, this.runtime);
    this.budgets.set(upstream, budget);
    return budget;
  }

  /** Says that our key has been refused here. */
  bench(asked: Asked): void {
    this.benched.set(placeOf(asked), this.runtime.clock.now() + refusedMs);
  }

  isBenched(asked: Asked): boolean {
    return this.refusalAt(asked) === 'fresh';
  }

  /** Has our key been refused here, and not been taken since? An old refusal keeps nobody from trying it again. */
  refusalAt(asked: Asked): 'none' | 'old' | 'fresh' {
    const until = this.benched.get(placeOf(asked));
    if (until === undefined) return 'none';
    return until > this.runtime.clock.now() ? 'fresh' : 'old';
  }

  /** Says how the last try here ended. */
  heard(asked: Asked, end: 'answer' | 'silence'): void {
    const place = placeOf(asked);
    if (end === 'silence') {
      this.silent.add(place);
    } else {
      this.silent.delete(place);
      this.benched.delete(place);
    }
  }

  /** Would a trial be a wait for something that may never come? */
  isSilent(asked: Asked): boolean {
    return this.silent.has(placeOf(asked));
  }

  /** Says that this failure is no evidence against the upstream. */
  acquit(error: object): void {
    this.blameless.add(error);
  }
}

/** Upstreams have no slash in their names. */
function placeOf({ name, endpoint }: Asked): string {
  return endpoint === undefined ? name : `${name}/${endpoint}`;
}
