import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { createChute } from 'ripstop/serving';
import { afterEach, expect, test } from 'vitest';
import { root } from '../repository.js';

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface Service {
  readonly child: ChildProcess;
  readonly lines: string[];
  /** The first line that begins so. */
  said(beginning: string): Promise<string>;
  readonly exited: Promise<unknown[]>;
}

function start(env: Record<string, string> = {}): Service {
  const file = path.join(root, 'test/fixtures/chute-process.mjs');
  const child = spawn(process.execPath, [file], { cwd: root, env: { ...process.env, ...env }, stdio: 'pipe' });
  running.push(child);
  const lines: string[] = [];
  const news = createInterface({ input: child.stdout });
  news.on('line', (line) => lines.push(line));
  return {
    child,
    lines,
    exited: once(child, 'close'),
    async said(beginning) {
      for (;;) {
        const found = lines.find((line) => line.startsWith(beginning));
        if (found !== undefined) return found;
        await once(news, 'line');
      }
    },
  };
}

const addressIn = (line: string): string => line.replace('ready at ', '');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

test('D124: SIGTERM drains fifty streams without a reset, then runs the shutdown hooks and lets the process end', async () => {
  const service = start();
  const url = addressIn(await service.said('ready at'));
  const streams = await Promise.all(Array.from({ length: 50 }, () => fetch(`${url}/words`)));
  service.child.kill('SIGTERM');
  const texts = await Promise.all(streams.map((stream) => stream.text()));
  expect(texts.filter((text) => text.endsWith('{"done":true}\n'))).toHaveLength(50);
  expect(await service.exited).toEqual([0, null]);
  expect(service.lines.at(-1)).toBe('shut down, was ready');
  await expect(fetch(`${url}/words`)).rejects.toThrow();
});

test('D124: what outlasts the drain is told why, and answered', async () => {
  const service = start({ DRAIN_MS: '50' });
  const url = addressIn(await service.said('ready at'));
  const hanging = fetch(`${url}/hang`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  service.child.kill('SIGINT');
  const response = await hanging;
  expect([response.status, await response.json()]).toMatchObject([503, { details: { reason: 'draining' } }]);
  expect(await service.exited).toEqual([0, null]);
  expect(service.lines.slice(1)).toEqual(['told: draining', 'shut down, was ready']);
});

test('a second signal ends the process at once', async () => {
  const service = start();
  const url = addressIn(await service.said('ready at'));
  const hanging = fetch(`${url}/hang`).catch((error: unknown) => error);
  await new Promise((resolve) => setTimeout(resolve, 50));
  service.child.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 100));
  service.child.kill('SIGTERM');
  expect(await service.exited).toEqual([null, 'SIGTERM']);
  expect(await hanging).toBeInstanceOf(Error);
});

test('I11: while the startup hooks run, probes are answered and requests told to come back', async () => {
  const port = await freePort();
  const service = start({ STARTUP_MS: '600', PORT: String(port) });
  const url = `http://127.0.0.1:${port}`;
  let early: Response | undefined;
  while (early === undefined) early = await fetch(`${url}/words`).catch(() => undefined);
  expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1']);
  const statuses = ['/livez', '/startupz', '/readyz'].map(async (probe) => (await fetch(`${url}${probe}`)).status);
  expect(await Promise.all(statuses)).toEqual([200, 503, 503]);
  await service.said('ready at');
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
});

test('R202: a startup hook that fails frees the port, runs the shutdown hooks and rejects', async () => {
  const service = start({ STARTUP_FAILS: 'yes' });
  expect(await service.exited).toEqual([1, null]);
  expect(service.lines).toEqual(['shut down, was undefined', 'failed: no weights']);
});

test('close() drains and stops, a taken port rejects, and no signal handler stays behind', async () => {
  const before = process.listenerCount('SIGTERM');
  let stopped = 0;
  const app = createChute({ name: 'a' })
    .onShutdown(() => void (stopped += 1))
    .cord('hi', { method: 'GET' }, () => 'hi');
  const server = await app.listen({ port: 0 });
  expect(process.listenerCount('SIGTERM')).toBe(before + 1);
  expect(await (await fetch(`${server.url}/hi`)).json()).toBe('hi');
  await expect(createChute({ name: 'b' }).listen({ port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await Promise.all([server.close(), server.close()]);
  expect([stopped, process.listenerCount('SIGTERM')]).toEqual([1, before]);
});
