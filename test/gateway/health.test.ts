/** `/health`, the probes and `/status` of a gateway in a process of its own. */
import { chatAnswer, chatFrames, scriptedUpstream, type ScriptedUpstream, type UpstreamAnswer } from 'ripstop/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readJson } from '../repository.js';
import { post, type RunningGateway, startGateway } from './harness.js';
import { freePort } from './programs.js';

type Json = Record<string, unknown>;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
  readonly text: string;
}

async function get(url: string, key?: string): Promise<Answer> {
  const response = await fetch(url, key === undefined ? {} : { headers: { 'x-api-key': key } });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text) as Json, text };
}

const fine: UpstreamAnswer = {
  kind: 'json',
  body: { ...chatAnswer('Hello.'), usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 } },
};
const down: UpstreamAnswer = { kind: 'json', status: 500, body: { error: { message: 'at host db-7.internal' } } };
const vectors: UpstreamAnswer = {
  kind: 'json',
  body: { object: 'list', model: 'm', data: [{ object: 'embedding', index: 0, embedding: [1] }], usage: {} },
};

/** A gateway over two upstreams that are well or not, each endpoint by itself, as the test says. */
interface Scene extends AsyncDisposable {
  readonly gateway: RunningGateway;
  readonly upstreams: readonly ScriptedUpstream[];
  readonly out: Set<string>;
}

async function scene(yaml: readonly string[] = []): Promise<Scene> {
  const out = new Set<string>();
  const upstreams = await Promise.all(
    ['main', 'spare'].map((name) =>
      scriptedUpstream([
        ({ path, body }) => {
          if (out.has(name) || out.has(path)) return down;
          if (path.endsWith('/embeddings')) return vectors;
          return (body as Json)['stream'] === true ? { kind: 'sse', frames: chatFrames(['Hel', 'lo.']) } : fine;
        },
      ]),
    ),
  );
  const gateway = await startGateway({
    yaml: [
      'upstreams:',
      `  main: { url: "${upstreams[0]?.url}", model: m1, key: "sk-canary-upstream-key" }`,
      `  spare: { url: "${upstreams[1]?.url}", model: m2 }`,
      'models:',
      '  default: { chain: [main, spare], retry: { attempts: 1 }, breaker: { consecutive: 1, cooldown: 60s } }',
      ...yaml,
    ].join('\n'),
  });
  return {
    gateway,
    upstreams,
    out,
    async [Symbol.asyncDispose]() {
      await gateway.stop('SIGKILL');
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    },
  };
}

const ask = ({ url }: RunningGateway): Promise<{ status: number }> => post(`${url}/generate`, { prompt: 'Hi' });
const embed = ({ url }: RunningGateway): Promise<{ status: number }> => post(`${url}/v1/embeddings`, { input: 'a' });

describe('/health', () => {
  test('R155 R150 R181 D109: every upstream, every model and the machine have a check; 200 while degraded, 503 when critical', async () => {
    await using played = await scene();
    const { gateway, out } = played;
    const well = await get(`${gateway.url}/health`);
    expect(well.status).toBe(200);
    expect(well.body).toMatchObject({ overall_status: 'healthy', critical_failures: [] });
    expect(Object.keys(well.body['checks'] as Json)).toEqual([
      'main',
      'spare',
      'model:default',
      'system:memory',
      'system:disk',
      'system:event_loop',
    ]);

    out.add('main');
    expect((await ask(gateway)).status).toBe(200);
    const degraded = await get(`${gateway.url}/health`);
    expect(degraded.status).toBe(200);
    expect(degraded.body).toMatchObject({
      overall_status: 'degraded',
      critical_failures: [],
      checks: { main: { status: 'unhealthy', details: { breaker: 'open', reason: 'circuit breaker open for chat' } } },
    });

    out.add('spare');
    expect((await ask(gateway)).status).toBe(502);
    const critical = await get(`${gateway.url}/health`);
    expect(critical.status).toBe(503);
    expect(critical.body).toMatchObject({ overall_status: 'critical', critical_failures: ['model:default'] });
    expect(critical.text).not.toMatch(/127\.0\.0\.1|canary|db-7/);
  });

  test('GW22 D112: however often it is asked, nothing is sent to an upstream that is not out', async () => {
    await using played = await scene(['observation: { health: { interval: 50ms } }']);
    const { gateway, upstreams } = played;
    for (let round = 0; round < 50; round += 1) {
      for (const path of ['/health', '/readyz', '/livez']) expect((await get(gateway.url + path)).status).toBe(200);
    }
    expect(upstreams.map(({ requests }) => requests.length)).toEqual([0, 0]);
  });

  test('R190 D118: a change is told in the log when it happens, whoever asks or does not', async () => {
    await using played = await scene(['observation: { health: { interval: 1h } }']);
    const { gateway, out } = played;
    out.add('main');
    await ask(gateway);
    const changes = (): unknown => gateway.log().filter(({ event }) => String(event).startsWith('health.'));
    await expect.poll(changes).toMatchObject([
      { level: 'warn', event: 'health.changed', check: 'main', status: 'unhealthy', previous: 'healthy' },
      { level: 'warn', event: 'health.overall_changed', status: 'degraded', previous: 'healthy' },
    ]);
  });
});

describe('the probes', () => {
  test('GW19 I11: /readyz is refused with a wait when all upstreams of every model are out, and /livez is not', async () => {
    await using played = await scene();
    const { gateway, out } = played;
    out.add('main');
    await ask(gateway);
    expect((await get(`${gateway.url}/readyz`)).status).toBe(200);
    out.add('spare');
    await ask(gateway);
    const refused = await get(`${gateway.url}/readyz`);
    expect(refused).toMatchObject({ status: 503, body: { error_type: 'model_loading_failed' } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await get(`${gateway.url}/livez`)).status).toBe(200);
    expect((await get(`${gateway.url}/startupz`)).status).toBe(200);
  });

  test('GW19: upstreams that cannot chat and can embed are still of use', async () => {
    await using played = await scene();
    const { gateway, out } = played;
    expect((await embed(gateway)).status).toBe(200);
    out.add('/v1/chat/completions');
    for (let round = 0; round < 2; round += 1) await ask(gateway);
    const health = await get(`${gateway.url}/health`);
    expect(health).toMatchObject({ status: 503, body: { critical_failures: ['model:default'] } });
    expect((await get(`${gateway.url}/readyz`)).status).toBe(200);
    out.add('/v1/embeddings');
    for (let round = 0; round < 2; round += 1) await embed(gateway);
    expect((await get(`${gateway.url}/readyz`)).status).toBe(503);
  });

  test('GW19 I11: while the gateway drains, /readyz says so, and /livez is fine', async () => {
    const gateway = await startGateway();
    gateway.child.kill('SIGTERM');
    await expect
      .poll(async () => (await get(`${gateway.url}/readyz`)).body)
      .toMatchObject({
        error_type: 'model_overloaded',
        details: { reason: 'draining' },
      });
    expect((await get(`${gateway.url}/livez`)).status).toBe(200);
    // A second signal ends it at once.
    expect(await gateway.stop('SIGINT')).toBe(130);
  });

  test('I11: until the engine is loaded, /startupz and /readyz are refused with a wait, and nothing is wrong', async () => {
    const port = await freePort();
    const answers: Answer[] = [];
    const before: Answer[] = [];
    let isUp = false;
    async function poll(): Promise<void> {
      const asked = (path: string): Promise<Answer> => get(`http://127.0.0.1:${port}${path}`);
      while (!isUp) {
        try {
          const others = [await asked('/health'), await asked('/readyz')];
          const answer = await asked('/startupz');
          answers.push(answer);
          if (answer.status === 503) before.push(...others);
        } catch {
          // Nobody listens yet.
        }
      }
    }
    const polling = poll();
    const gateway = await startGateway({ args: ['--port', String(port)] }).finally(() => (isUp = true));
    await polling;
    const started = await get(`${gateway.url}/startupz`);
    const ready = await get(`${gateway.url}/readyz`);
    await gateway.stop('SIGKILL');
    const unknown = { status: 'unknown', details: { reason: 'engine starting' } };
    expect(before.slice(0, 2)).toMatchObject([
      { status: 200, body: { critical_failures: [], checks: { local: unknown, 'model:default': unknown } } },
      { status: 503, body: { error_type: 'model_loading_failed' } },
    ]);
    expect(gateway.output()).not.toContain('unhealthy');
    expect(answers[0]).toMatchObject({ status: 503, body: { error_type: 'model_loading_failed' } });
    expect(answers[0]?.headers.get('retry-after')).toBe('1');
    expect([started.status, ready.status]).toEqual([200, 200]);
  });
});

describe('/status', () => {
  let played: Scene;
  beforeAll(async () => {
    played = await scene(['server: { keys: [caller], adminKeys: [operator] }']);
    const { gateway, out } = played;
    const key = { 'x-api-key': 'caller' };
    for (let round = 0; round < 3; round += 1) await post(`${gateway.url}/generate`, { prompt: 'canary-prompt' }, key);
    await post(`${gateway.url}/generate`, { prompt: 'canary-prompt', stream: true }, key);
    out.add('main');
    await post(`${gateway.url}/generate`, { prompt: 'canary-prompt' }, key);
  });
  afterAll(() => played[Symbol.asyncDispose]());
  const status = (key?: string): Promise<Answer> => get(`${played.gateway.url}/status`, key);

  test('R156 D116: health, errors, uptime, version and timestamp', async () => {
    const { status: code, body } = await status('operator');
    expect(code).toBe(200);
    expect(body).toMatchObject({
      health: { overall_status: 'degraded', checks: { main: { status: 'unhealthy' }, spare: { status: 'healthy' } } },
      errors: { total_errors_1h: 0, models: { total_errors_1h: 1 } },
      version: (readJson('packages/gateway/package.json') as Json)['version'],
    });
    expect(body['uptime']).toBeGreaterThan(0);
    expect(body['uptime']).toBeLessThan(600);
    expect(Date.parse(String(body['timestamp']))).toBeGreaterThan(Date.parse('2026-01-01'));
  });

  test('GW19: level, requests, and per model its times, tokens and failures', async () => {
    const { body } = await status('operator');
    expect(body).toMatchObject({
      draining: false,
      degradation: { level: 'full' },
      requests: { in_flight: 0, max_in_flight: 256, waiting: 0, max_waiting: 64 },
      models: {
        main: { answers: 4, failures: 1, tokens: { input: 3 * 7 + 5, output: 3 * 2 + 2 } },
        spare: { answers: 1, failures: 0, first_content_ms: null, tokens: { input: 7, output: 2 } },
      },
    });
    const { main } = body['models'] as Record<string, Record<string, { p50: number; p95: number }>>;
    for (const times of [main?.['latency_ms'], main?.['first_content_ms']]) {
      expect(times?.p50).toBeGreaterThanOrEqual(0);
      expect(times?.p95).toBeGreaterThanOrEqual(times?.p50 ?? 0);
      expect(times?.p95).toBeLessThan(5_000);
    }
  });

  test('GW19: breakers with their last trip and its cause; the last changes with their reasons', async () => {
    const { body } = await status('operator');
    expect(body).toMatchObject({
      breakers: {
        main: {
          state: 'open',
          cause: 'failures',
          trips: 1,
          last_trip: { reason: '1 failures in a row', at: expect.stringMatching(/^\d{4}-.*Z$/) },
        },
        spare: { state: 'closed', trips: 0, last_trip: null },
      },
      incidents: [{ subject: 'main', status: 'open', failures: 1, answered_instead: { spare: 1 } }],
      transitions: [
        { check: 'main', status: 'unhealthy', previous: 'healthy', reason: 'circuit breaker open for chat' },
      ],
    });
  });

  test('GW19: it is for operators, and tells no URL, host, key or prompt', async () => {
    expect((await status()).status).toBe(401);
    expect((await status('caller')).status).toBe(403);
    const { text } = await status('operator');
    expect(text).not.toMatch(/https?:|127\.0\.0\.1|localhost|db-7|canary|sk-|caller|operator/);
  });

  test('/health is for callers as well, and tells no host or key', async () => {
    const { gateway } = played;
    expect((await get(`${gateway.url}/health`)).status).toBe(401);
    const [forCaller, forOperator] = await Promise.all(
      ['caller', 'operator'].map((key) => get(`${gateway.url}/health`, key)),
    );
    expect(forCaller?.body['overall_status']).toBe('degraded');
    expect(forOperator?.body['overall_status']).toBe('degraded');
    expect(forCaller?.text).not.toMatch(/127\.0\.0\.1|db-7|canary/);
  });
});
