/** What every chute answers besides its own cords, which win where both have a path: probes, health, its description. */
import type { BodyLimits } from './body-limits.js';
import type { Cord, CordHandler, Guard } from './cord.js';
import { respond } from './exchange.js';
import type { HealthChecks } from './health-checks.js';
import type { JsonSchema } from './json-schema.js';
import type { Lifecycle } from './lifecycle.js';

const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
const everybody: Guard = () => undefined;

/**
 * `/livez`: the process answers. `/startupz`: the startup hooks are done. `/readyz`: send it traffic (I11). These three
 * ask for no credential, since probes have none. `/health`: the aggregate (R155), 503 when critical (D109).
 */
export function healthCords(
  limits: BodyLimits,
  lifecycle: Pick<Lifecycle<never>, 'started' | 'assertReady'>,
  checks: Pick<HealthChecks<never>, 'report'>,
): readonly Cord[] {
  return [
    builtIn('livez', limits, () => ({ status: 'ok' }), everybody),
    builtIn('startupz', limits, () => (lifecycle.started ? { status: 'started' } : lifecycle.assertReady()), everybody),
    builtIn(
      'readyz',
      limits,
      async () => {
        lifecycle.assertReady();
        const { overall_status: status } = await checks.report();
        return status === 'critical' ? respond(503, headers, JSON.stringify({ status })) : { status: 'ready' };
      },
      everybody,
    ),
    builtIn('health', limits, async () => {
      const report = await checks.report();
      return respond(report.overall_status === 'critical' ? 503 : 200, headers, JSON.stringify(report));
    }),
  ];
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
