import { describe, expect, test } from 'vitest';
import { AuthenticationError } from '../errors/input-errors.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { createChute } from './chute.js';
import type { ChuteOptions } from './chute-options.js';
import type { Logger } from './logger.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function service(options: Partial<ChuteOptions> = {}, runtime = virtualRuntime()) {
  return createChute({ name: 'test', logger: quiet, ...options }, runtime);
}

const json = (response: Response): Promise<Record<string, unknown>> =>
  response.json() as Promise<Record<string, unknown>>;

describe('R145 R146 R147 R148 R149 R150 R155: health checks', () => {
  test('D113: a check may say nothing, yes, no, an object or an error', async () => {
    const app = service()
      .healthCheck('nothing', () => undefined)
      .healthCheck('yes', () => true)
      .healthCheck('object', () => Promise.resolve({ healthy: true, devices: 2 }))
      .healthCheck('no', () => false)
      .healthCheck('sick', () => ({ healthy: false, error: 'host-7 is down' }))
      .healthCheck('thrown', () => {
        throw new Error('host-7 is down');
      })
      .healthCheck('typed', () => Promise.reject(new ModelOverloadedError()));
    const response = await app.request('/health');
    expect(response.status).toBe(200);
    const report = await json(response);
    expect(report).toMatchObject({
      overall_status: 'degraded',
      critical_failures: [],
      checks: {
        nothing: { status: 'healthy' },
        yes: { status: 'healthy' },
        object: { status: 'healthy', details: { devices: 2 } },
        no: { status: 'unhealthy' },
        sick: { status: 'unhealthy' },
        thrown: { status: 'error', error: 'The check failed' },
        typed: { status: 'error', error: 'The model is overloaded; try again later' },
      },
    });
    // D117
    expect(JSON.stringify(report)).not.toContain('host-7');
  });

  test('D109: a critical failure is 503, on /health and on /readyz', async () => {
    const app = service().healthCheck('model', { critical: true }, () => false);
    const health = await app.request('/health');
    expect(health.status).toBe(503);
    expect(await json(health)).toMatchObject({ overall_status: 'critical', critical_failures: ['model'] });
    expect((await app.request('/readyz')).status).toBe(503);
    expect((await app.request('/livez')).status).toBe(200);
  });

  test('D110 D111 D112: checks run side by side, under a limit, and no oftener than their results last', async () => {
    const runtime = virtualRuntime();
    let runs = 0;
    const app = service({}, runtime)
      .healthCheck('hangs', { timeoutMs: 1_000, ttlMs: 5_000 }, () => new Promise(() => void (runs += 1)))
      .healthCheck('hangs too', { timeoutMs: 1_000 }, () => new Promise(() => undefined));
    const both = Promise.all([app.health(), app.health()]);
    await runtime.clock.advance(1_000);
    const [report] = await both;
    expect(report.checks).toMatchObject({
      hangs: { status: 'timeout', duration_ms: 1_000 },
      'hangs too': { status: 'timeout' },
    });
    await app.health();
    expect(runs).toBe(1);
    await runtime.clock.advance(5_000);
    const again = app.health();
    await runtime.clock.advance(1_000);
    await again;
    expect(runs).toBe(2);
    expect(runtime.clock.pending).toBe(0);
  });

  test('probes need no credential, /health does, and a cord of one’s own wins', async () => {
    const guarded = service({
      guard: () => {
        throw new AuthenticationError();
      },
    });
    const statuses = ['/livez', '/readyz', '/startupz', '/health', '/openapi.json'].map(
      async (path) => (await guarded.request(path)).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 200, 200, 401, 401]);
    const own = service({ health: 'none', openApi: 'none' }).cord('health', { method: 'GET' }, () => 'mine');
    expect(await json(await own.request('/health'))).toBe('mine');
    expect((await own.request('/livez')).status).toBe(404);
    expect((await own.request('/openapi.json')).status).toBe(404);
  });

  test('the same name replaces, and a bad limit is refused', async () => {
    const app = service()
      .healthCheck('a', () => false)
      .healthCheck('a', () => true);
    expect(await app.health()).toMatchObject({ overall_status: 'healthy' });
    expect(() => app.healthCheck('b', { timeoutMs: 0 }, () => true)).toThrowError('timeoutMs');
  });
});

describe('I11 D114: the three probes', () => {
  test('each is refused, with a wait, while a critical check of its tag fails, and by no other', async () => {
    const failing = new Set<string>();
    const app = service();
    for (const tag of ['liveness', 'readiness', 'startup'] as const) {
      app.healthCheck(tag, { critical: true, ttlMs: 0, failures: 1, tags: [tag] }, () => !failing.has(tag));
      app.healthCheck(`${tag}, not critical`, { tags: [tag] }, () => false);
    }
    const statuses = async (): Promise<number[]> =>
      Promise.all(['/livez', '/readyz', '/startupz'].map(async (path) => (await app.request(path)).status));
    failing.add('startup');
    expect(await statuses()).toEqual([200, 200, 503]);
    failing.clear();
    failing.add('readiness');
    expect(await statuses()).toEqual([200, 503, 200]);
    failing.clear();
    failing.add('liveness');
    const refused = await app.request('/livez');
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await json(refused)).toEqual({ status: 'critical' });
    expect((await app.request('/health')).status).toBe(503);
  });

  test('what has started stays so, though a check of the start fails later', async () => {
    let works = true;
    const app = service().healthCheck(
      'loaded',
      { critical: true, ttlMs: 0, failures: 1, tags: ['startup'] },
      () => works,
    );
    expect((await app.request('/startupz')).status).toBe(200);
    works = false;
    expect((await app.request('/startupz')).status).toBe(200);
  });

  test('until the hooks are done, /startupz and /readyz are refused and /livez is not', async () => {
    let done = (): void => undefined;
    const app = service().onStartup(() => new Promise<void>((resolve) => (done = resolve)));
    const starting = app.start();
    const ask = async (path: string): Promise<number> => (await app.request(path)).status;
    expect([await ask('/livez'), await ask('/startupz'), await ask('/readyz')]).toEqual([200, 503, 503]);
    done();
    await starting;
    expect([await ask('/livez'), await ask('/startupz'), await ask('/readyz')]).toEqual([200, 200, 200]);
    await app.stop();
    expect([await ask('/livez'), await ask('/readyz')]).toEqual([200, 503]);
  });
});

test('D112: checks with an interval run by themselves from the start to the end of the chute', async () => {
  const runtime = virtualRuntime();
  let runs = 0;
  let closed = 0;
  const check = Object.assign(({ state }: { readonly state: object }) => void (runs += Object.keys(state).length), {
    close: () => (closed += 1),
  });
  const app = service({ state: { one: 1 } }, runtime).healthCheck('it', { intervalMs: 10_000 }, check);
  await app.start();
  await runtime.clock.advance(35_000);
  expect(runs).toBe(4);
  await app.stop();
  await runtime.clock.advance(60_000);
  expect([runs, closed, runtime.clock.pending]).toEqual([4, 1, 0]);
});

test('D117: the chute itself is told the texts of errors, /health is not', async () => {
  const app = service().healthCheck('it', () => Promise.reject(new Error('host-7 is down')));
  expect((await app.health({ view: 'full' })).checks['it']?.error).toBe('host-7 is down');
  expect(await (await app.request('/health')).text()).not.toContain('host-7');
});
