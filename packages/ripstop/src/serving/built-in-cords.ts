/** What every chute answers besides its own cords, which win where both have a path: probes, health, its description. */
import type { HealthReport, HealthTag } from '../observation/health-check.js';
import type { HealthChecker } from '../observation/health-checker.js';
import type { BodyLimits } from './body-limits.js';
import type { Cord, CordHandler, Guard } from './cord.js';
import { type ExchangeResponse, respond } from './exchange.js';
import type { JsonSchema } from './json-schema.js';
import type { Lifecycle } from './lifecycle.js';

const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
const everybody: Guard = () => undefined;
/** When a probe that was refused may come again, in seconds. */
const againInSeconds = '1';

/**
 * `/livez`: the process answers. `/startupz`: the startup hooks are done, and it stays so. `/readyz`: send it traffic
 * (I11). Each is 503 while a critical check of its tag fails; they ask for no credential, since probes have none.
 * `/health`: the aggregate (R155), 503 when critical (D109).
 */
export function healthCords(
  limits: BodyLimits,
  lifecycle: Pick<Lifecycle<never>, 'started' | 'assertReady'>,
  checks: Pick<HealthChecker, 'runAllChecks'>,
): readonly Cord[] {
  let hasStarted = false;

  async function probe(tag: HealthTag, status: string): Promise<ExchangeResponse | { readonly status: string }> {
    const { overall_status } = await checks.runAllChecks({ tag });
    if (overall_status !== 'critical') return { status };
    return respond(503, { ...headers, 'retry-after': againInSeconds }, JSON.stringify({ status: overall_status }));
  }

  async function startup(): Promise<unknown> {
    if (hasStarted) return { status: 'started' };
    if (!lifecycle.started) lifecycle.assertReady();
    const answer = await probe('startup', 'started');
    hasStarted = answer.status === 'started';
    return answer;
  }

  function readiness(): Promise<unknown> {
    lifecycle.assertReady();
    return probe('readiness', 'ready');
  }

  return [
    builtIn('livez', limits, () => probe('liveness', 'ok'), everybody),
    builtIn('startupz', limits, startup, everybody),
    builtIn('readyz', limits, readiness, everybody),
    builtIn('health', limits, async () => healthAnswer(await checks.runAllChecks())),
  ];
}

function healthAnswer(report: HealthReport): ExchangeResponse {
  return respond(report.overall_status === 'critical' ? 503 : 200, headers, JSON.stringify(report));
}

export function openApiCord(limits: BodyLimits, document: () => JsonSchema): Cord {
  return { ...builtIn('openapi', limits, document), route: '/openapi.json' };
}

function builtIn(name: string, limits: BodyLimits, handler: CordHandler<never, never>, guard?: Guard): Cord {
  return {
    name,
    route: `/${name}`,
    method: 'GET',
    input: undefined,
    output: undefined,
    jsonSchema: {},
    summary: undefined,
    layers: undefined,
    dialect: 'native',
    stream: undefined,
    limits,
    guard,
    answers: 'always',
    handler,
  };
}
