import { ModelOverloadedError, type Runtime } from 'ripstop';
import type { Degradation } from 'ripstop/observation';
import type { CordCall, Reply } from 'ripstop/serving';
import { requestPriority, usualPriority } from '../admission/priority.js';
import type { Chain, Chains } from '../chains/chains.js';

type Asking = Pick<CordCall<object, unknown>, 'request' | 'reply' | 'context'>;

export interface ModelServiceOptions {
  readonly chains: Chains;
  readonly degradation: Degradation;
  /** Do the levels shorten what OpenAI's endpoints are asked for? Default: `never`. */
  readonly degrade?: 'never' | 'by_level';
}

/** Endpoints where a smaller model can stand in for a larger one: those that answer a text. */
export const textRoutes: ReadonlySet<string> = new Set([
  '/generate',
  '/generate_resilient',
  '/adaptive_generate',
  '/v1/chat/completions',
  '/v1/completions',
]);

/** What the endpoints of models stand on: the chains, and how much of them a request gets while the load is high (GW16). */
export class ModelService {
  readonly chains: Chains;
  readonly degradation: Degradation;
  readonly runtime: Runtime;
  private readonly degrade: 'never' | 'by_level';

  constructor({ chains, degradation, degrade = 'never' }: ModelServiceOptions, runtime: Runtime) {
    this.chains = chains;
    this.degradation = degradation;
    this.degrade = degrade;
    this.runtime = runtime;
  }

  /**
   * The chain of that name; at `minimal`, for a request that is less urgent than usual, the smaller one behind it.
   *
   * @throws ModelNotFoundError; ModelOverloadedError (`shed`) where there is no smaller one, or it is not wanted.
   */
  textChain(call: Asking, name: string | undefined): Chain {
    const chain = this.chains.get(name);
    if (this.degradation.level !== 'minimal' || requestPriority(call.request.headers) >= usualPriority) return chain;
    if (chain.smaller === undefined) {
      throw this.refusal(call, 'The service is overloaded and serves more urgent requests first; try again later');
    }
    this.less(call, ['model']);
    return this.chains.get(chain.smaller);
  }

  /**
   * What of a request's parameters the level allows, where it is configured to.
   *
   * @throws ModelOverloadedError (`shed`) where that is less than was asked for, and the caller does not want less.
   */
  allowed<P extends object>(call: Asking, asked: P): P {
    if (this.degrade === 'never') return asked;
    const allowed = this.degradation.snapshot().getAdjustedParameters(asked);
    const changed = (Object.keys(asked) as (string & keyof P)[]).filter((name) => allowed[name] !== asked[name]);
    if (changed.length > 0) this.less(call, changed);
    return allowed;
  }

  /** Says in the answer's head what of it is less than was asked for. @throws ModelOverloadedError as above. */
  less(call: Asking, what: readonly string[]): void {
    if (!takesLess(call)) {
      throw this.refusal(call, 'The service can answer with less than was asked for only; try again later');
    }
    for (const name of what) noteLess(call.reply, name);
  }

  private refusal({ context }: Asking, message: string): ModelOverloadedError {
    context.emit({ type: 'admission.rejected', reason: 'shed' });
    const retryAfterMs = Math.round(1_000 + this.runtime.random() * 9_000);
    return new ModelOverloadedError(message, { details: { reason: 'shed' }, retryAfterMs, stack: 'none' });
  }
}

/** Does the caller take an answer that is less than what was asked for? */
export function takesLess({ request }: Pick<Asking, 'request'>): boolean {
  return request.headers['x-ripstop-allow-degraded']?.toLowerCase() !== 'false';
}

export function noteLess({ headers }: Reply, what: string): void {
  const said = headers['x-ripstop-degraded']?.split(',') ?? [];
  if (!said.includes(what)) headers['x-ripstop-degraded'] = [...said, what].join(',');
}
