/** `/health`, `/readyz`, `/startupz`: is the gateway well, may it get requests, has it started? */
import type { CallEvent } from 'ripstop';
import { ModelLoadingError, ModelOverloadedError } from 'ripstop/errors';
import { diskCheck, memoryCheck } from 'ripstop/node';
import { eventLoopCheck, type HealthChecker, healthChecker, type HealthCheckOptions } from 'ripstop/observation';
import { respond } from 'ripstop/serving';
import { operatorsOf } from '../authentication.js';
import type { Chains, UpstreamState } from '../chains/chains.js';
import type { Observed, Observer } from './observed.js';

const json = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
/** A machine that is as full as this is in trouble, whatever it is for. In percent. */
const fullMemory = 97;
const leastFreeDisk = 2;
/** When a probe that was refused may come again. */
const retryAfterMs = 1_000;

/** After these an upstream may be another than it was. A trial that has only begun says nothing yet. */
const turns: readonly CallEvent['type'][] = [
  'breaker.opened',
  'breaker.paused',
  'breaker.closed',
  'breaker.overridden',
  'breaker.released',
  'engine.started',
  'engine.stopped',
  'chain.down',
  'chain.recovered',
];

/** What the gateway knows of its health, for pages of others. */
export interface GatewayHealth extends Observer {
  readonly checker: HealthChecker;
}

/** Registers the checks, runs them from time to time, and serves what they say. `/livez` is the chute's own. */
export function observeHealth(observed: Observed): GatewayHealth {
  const { chute, config, runtime } = observed;
  const checker = healthChecker({}, runtime);
  registerChecks(checker, observed);
  checker.start();
  let isTurning = false;
  const look = (): void => {
    isTurning = false;
    void checker.runAllChecks();
  };
  const off = runtime.events.on(
    () => {
      // Whoever tells of a turn may not have made it yet; turns that come together are looked at together.
      if (isTurning) return;
      isTurning = true;
      queueMicrotask(look);
    },
    { name: 'health', types: turns },
  );

  const isOperator = operatorsOf(config.server);
  chute.cord('health', { method: 'GET' }, async ({ request }) => {
    const report = await checker.runAllChecks({ view: isOperator(request.headers) ? 'full' : 'public' });
    return respond(report.overall_status === 'critical' ? 503 : 200, json, JSON.stringify(report));
  });
  addProbes(observed);

  return {
    checker,
    close() {
      off();
      checker.close();
    },
  };
}

/**
 * Upstreams are judged by callers' requests, and nothing is sent to them here (GW22). Names of ours have a colon, which
 * no upstream's has.
 */
function registerChecks(checker: HealthChecker, { chains, config, runtime }: Observed): void {
  const { interval: intervalMs, timeout: timeoutMs } = config.observation.health;
  // What is known without asking is told as it is; that it holds for some time has been seen to by its breaker.
  const known: HealthCheckOptions = { intervalMs, timeoutMs, ttlMs: 0, failures: 1, tags: [] };
  for (const { name } of chains.upstreams()) {
    checker.registerCheck(name, () => told(chains.upstream(name)), known);
  }
  for (const name of chains.standings().keys()) {
    const check = (): object => standing(chains, name);
    checker.registerCheck(`model:${name}`, check, { ...known, critical: true });
  }

  const measured: HealthCheckOptions = { intervalMs, timeoutMs, tags: [] };
  checker.registerCheck('system:memory', memoryCheck({ maxPercent: fullMemory }), measured);
  checker.registerCheck('system:disk', diskCheck({ path: '.', minFreePercent: leastFreeDisk }), measured);
  checker.registerCheck('system:event_loop', eventLoopCheck({}, runtime), measured);
}

function told(state: UpstreamState | undefined): object {
  if (state === undefined) return { healthy: null };
  const { usable, details, breakers } = state;
  if (usable) return { healthy: true, ...details };
  const { state: engine } = details;
  const open = breakers.filter((breaker) => breaker.state === 'open').map(({ endpoint }) => endpoint);
  if (engine === 'starting') return { healthy: null, ...details, reason: 'engine starting' };
  const isDown = typeof engine === 'string' && engine !== 'ready';
  const reason = isDown ? `engine ${engine}` : `circuit breaker open for ${open.join(', ')}`;
  return { healthy: false, ...details, reason };
}

function standing(chains: Chains, name: string): object {
  const found = chains.standing(name);
  if (found === 'loading') return { healthy: null, reason: 'engine starting' };
  return found === 'down' ? { healthy: false, reason: 'nobody is left to answer' } : { healthy: true };
}

/**
 * Might any upstream answer anything? One that is out for chats may still embed, so that what else has been asked for
 * counts too (GW19).
 */
function isOfUse(chains: Chains): boolean {
  if ([...chains.standings().values()].some((name) => name === 'well' || name === 'unsure')) return true;
  return chains.upstreams().some(({ details, breakers }) => {
    const isReady = details['state'] === undefined || details['state'] === 'ready';
    return isReady && breakers.some(({ endpoint, state }) => endpoint !== 'chat' && state !== 'open');
  });
}

function addProbes({ chute, chains, standing }: Observed): void {
  let hasStarted = false;

  chute.cord('readyz', { method: 'GET' }, () => {
    if (standing.draining)
      throw new ModelOverloadedError('The service is stopping', { retryAfterMs, details: { reason: 'draining' } });
    if (!isOfUse(chains)) throw new ModelLoadingError('No model can answer now', { retryAfterMs });
    return { status: 'ready' };
  });

  chute.cord('startupz', { method: 'GET' }, () => {
    hasStarted ||= chains.upstreams().every(({ details }) => details['state'] !== 'starting');
    if (!hasStarted) throw new ModelLoadingError('A model is still being loaded', { retryAfterMs });
    return { status: 'started' };
  });
}
