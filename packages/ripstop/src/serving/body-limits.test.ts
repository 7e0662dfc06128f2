import { afterEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { rawClient } from '../../../../test/raw-client.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { fetchHandler } from './adapters/fetch.js';
import { type NodeServer, serve } from './adapters/node.js';
import type { BodyLimitOptions } from './body-limits.js';
import { createChute } from './chute.js';
import type { Logger } from './logger.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const servers: NodeServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close({ drainMs: 0, graceMs: 0 })));
});

function service(limits: BodyLimitOptions = {}, runtime: VirtualRuntime = virtualRuntime()) {
  return createChute({ name: 'test', logger: quiet, ...limits }, runtime)
    .cord('g', {}, ({ input }) => ({ kind: typeof input }))
    .cord('search', { method: 'GET', input: z.looseObject({}) }, ({ input }) => Object.keys(input).length);
}

async function outcome(response: Response): Promise<unknown[]> {
  const { error_type, details } = (await response.json()) as Record<string, unknown>;
  return [response.status, error_type, details];
}

const post = (app: ReturnType<typeof service>, body: string): Promise<Response> =>
  app.request('/g', { method: 'POST', body: new Blob([body], { type: 'application/json' }) });

describe('I10: JSON', () => {
  test('nested deeper than 128 levels is a 400, in a body that is broken too', async () => {
    const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    expect((await post(service(), nested(128))).status).toBe(200);
    expect(await outcome(await post(service(), nested(129)))).toEqual([400, 'invalid_input', { max_depth: 128 }]);
    expect(await outcome(await post(service(), '['.repeat(1_000_000)))).toEqual([
      400,
      'invalid_input',
      { max_depth: 128 },
    ]);
    expect((await post(service({ maxJsonDepth: 2 }), '{"a":[1]}')).status).toBe(200);
    expect((await post(service({ maxJsonDepth: 2 }), '{"a":[[]]}')).status).toBe(400);
  });

  test('with more than 100 000 fields is a 413', async () => {
    const list = (items: number): string => `[${'1,'.repeat(items - 1)}1]`;
    expect((await post(service(), list(100_000))).status).toBe(200);
    expect(await outcome(await post(service(), list(100_001)))).toEqual([
      413,
      'invalid_input',
      { max_fields: 100_000 },
    ]);
    expect((await post(service({ maxJsonFields: 3 }), '{"a":1,"b":[1]}')).status).toBe(200);
    expect((await post(service({ maxJsonFields: 3 }), '{"a":1,"b":[1,2]}')).status).toBe(413);
  });

  test('a query has a limit of fields too, and a forbidden key is a 400', async () => {
    const query = Array.from({ length: 5 }, (_, at) => `f${at}=1`).join('&');
    expect((await service({ maxJsonFields: 4 }).request(`/search?${query}`)).status).toBe(413);
    expect((await service({ maxJsonFields: 5 }).request(`/search?${query}`)).status).toBe(200);
    expect((await service().request('/search?__proto__=1')).status).toBe(400);
  });
});

describe('I10 D20: size', () => {
  test('a cord may have another limit than its chute, and a body is never read beyond it', async () => {
    const app = service({ bodyLimitBytes: 10 }).cord('large', { bodyLimitBytes: 100 }, () => 'fits');
    expect((await post(app, JSON.stringify('x'.repeat(20)))).status).toBe(413);
    expect((await app.request('/large', { json: 'x'.repeat(20) })).status).toBe(200);

    let taken = 0;
    const endless = new ReadableStream({
      pull(controller) {
        taken += 1_000;
        controller.enqueue(new Uint8Array(1_000).fill(0x20));
      },
    });
    const init = { method: 'POST', body: endless, duplex: 'half' } as RequestInit;
    const response = await app.request('/g', { ...init, headers: { 'content-type': 'application/json' } });
    expect(await outcome(response)).toEqual([413, 'invalid_input', { limit_bytes: 10 }]);
    expect(taken).toBeLessThan(10_000);
  });

  test('a bad limit is refused when it is stated', () => {
    expect(() => service({ maxJsonDepth: 0 })).toThrowError('maxJsonDepth must be a whole number of at least 1, got 0');
    expect(() => service({ maxJsonFields: 1.5 })).toThrowError('maxJsonFields');
    expect(() => service({ bodyTimeoutMs: -1 })).toThrowError('bodyTimeoutMs must be above 0, got -1');
    expect(() => service().cord('x', { bodyLimitBytes: 0 }, () => 1)).toThrowError('bodyLimitBytes');
  });
});

describe('I10: a slow body is a typed 408', () => {
  test('behind fetch', async () => {
    const runtime = virtualRuntime();
    const handle = fetchHandler(service({ bodyTimeoutMs: 5_000 }, runtime).handle, {}, runtime);
    const silent = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([0x7b])) });
    const init = { method: 'POST', body: silent, duplex: 'half' } as RequestInit;
    const pending = handle(new Request('http://a/g', { ...init, headers: { 'content-type': 'application/json' } }));
    await runtime.clock.advance(5_000);
    expect(await outcome(await pending)).toEqual([408, 'invalid_input', { timeout_seconds: 5 }]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('behind node:http, and the connection ends with the answer', async () => {
    const app = createChute({ name: 'test', logger: quiet, bodyTimeoutMs: 50 }).cord('g', {}, () => 1);
    const server = await serve(app.handle, { port: 0, lingerMs: 50 });
    servers.push(server);
    const client = await rawClient(server.port);
    client.send('POST /g HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a"');
    const answer = await client.until();
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('"error_type":"invalid_input"');
  });
});
