import type { Runtime } from 'ripstop';
import { ModelLoadingError, ModelOverloadedError } from 'ripstop/errors';
import { type Chute, respond } from 'ripstop/serving';
import type { Chains, UpstreamState } from '../chains/chains.js';

export interface Standing {
  /** True from the moment the gateway is told to stop. */
  readonly draining: boolean;
}

const json = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };

/** `/livez`: the process answers. `/readyz`: send it traffic. `/health`: the guide's aggregate, with what each upstream is like. */
export function addHealth(chute: Chute<object>, chains: Chains, standing: Standing, { clock }: Runtime): void {
  chute.cord('livez', { method: 'GET' }, () => ({ status: 'ok' }));

  chute.cord('readyz', { method: 'GET' }, () => {
    if (standing.draining)
      throw new ModelOverloadedError('The service is stopping', { details: { reason: 'draining' } });
    if (!chains.all().some((chain) => chain.usable())) {
      throw new ModelLoadingError('No model can answer yet', { retryAfterMs: 1_000 });
    }
    return { status: 'ready' };
  });

  chute.cord('health', { method: 'GET' }, () => {
    const timestamp = clock.date().toISOString();
    const states = chains.upstreams();
    const critical_failures = chains
      .all()
      .filter((chain) => !chain.usable())
      .map(({ name }) => name);
    const overall_status = overall(states, critical_failures);
    const checks = Object.fromEntries(states.map((state) => [state.name, check(state, timestamp)]));
    const body = { overall_status, checks, critical_failures, timestamp };
    return respond(overall_status === 'critical' ? 503 : 200, json, JSON.stringify(body));
  });
}

/** Critical: some model has nobody left to answer for it. Degraded: somebody else answers. */
function overall(states: readonly UpstreamState[], criticalFailures: readonly string[]): string {
  if (criticalFailures.length > 0) return 'critical';
  return states.every(({ usable }) => usable) ? 'healthy' : 'degraded';
}

function check({ usable, details }: UpstreamState, timestamp: string): Record<string, unknown> {
  return { status: usable ? 'healthy' : 'unhealthy', details, timestamp };
}
