import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { rawClient } from '../../../../../test/raw-client.js';
import { createChute } from '../chute.js';
import { createErrorHandler } from '../error-handler.js';
import { type ExchangeHandler, respond } from '../exchange.js';
import type { Logger } from '../logger.js';
import { type NodeServer, serve } from './node.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const tick = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const listen = (handler: ExchangeHandler): Promise<NodeServer> =>
  serve(handler, { port: 0, errorHandler: createErrorHandler({ logger: quiet }) });

test('D124: a close lets requests and streams finish, refuses new connections, and ends idle ones', async () => {
  async function* words(): AsyncGenerator<string> {
    for (let count = 0; count < 10; count += 1) {
      yield `word ${count}\n`;
      await tick(20);
    }
  }
  const server = await listen(async ({ path }) => {
    if (path === '/slow') await tick(150);
    return respond(200, {}, path === '/stream' ? words() : 'whole');
  });
  const idle = await rawClient(server.port);
  idle.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await idle.until('whole');
  const slow = fetch(`${server.url}/slow`);
  const stream = await fetch(`${server.url}/stream`);
  await tick(20);

  const started = performance.now();
  const closing = server.close({ drainMs: 5_000 });
  expect(server.close()).toBe(closing);
  await idle.until();
  await expect(fetch(server.url)).rejects.toThrowError();
  const [answer, text] = await Promise.all([slow.then((response) => response.text()), stream.text()]);
  expect(answer).toBe('whole');
  expect((await slow).headers.get('connection')).toBe('close');
  expect(text).toContain('word 9');
  await closing;
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(server.inFlight).toBe(0);
});

test('D124: what outlasts the drain is told, in the stream and as a status, and then cut off', async () => {
  const chute = createChute({ name: 'test', logger: quiet })
    .cord('stream', { method: 'GET' }, async function* () {
      for (let count = 0; ; count += 1) {
        yield { count };
        await tick(10);
      }
    })
    .cord('never', { method: 'GET' }, () => new Promise(() => undefined));
  const server = await listen(chute.handle);
  const stream = await fetch(`${server.url}/stream`);
  const never = fetch(`${server.url}/never`);
  await tick(30);
  const closing = server.close({ drainMs: 100, graceMs: 1_000 });
  const text = await stream.text();
  expect(text).toMatch(/event: error\ndata: \{[^\n]*"model_overloaded"[^\n]*"draining"[^\n]*\}\n\n$/);
  const response = await never;
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ details: { reason: 'draining' } });
  await closing;
});

test('D124: a handler that ignores everything does not keep the server from closing', async () => {
  const server = await listen(() => new Promise(() => undefined));
  const pending = fetch(server.url).catch((error: unknown) => error);
  await tick(30);
  const started = performance.now();
  await server.close({ drainMs: 50, graceMs: 50 });
  expect(performance.now() - started).toBeLessThan(1_000);
  expect(await pending).toBeInstanceOf(Error);
});

test('an answer that is complete but not yet on the wire is not cut by a close', async () => {
  const large = 'x'.repeat(20_000_000);
  const server = await listen(() => Promise.resolve(respond(200, {}, large)));
  const agent = new Agent({ keepAlive: true });
  const received = new Promise<number>((resolve, reject) => {
    get(server.url, { agent }, (response) => {
      let length = 0;
      // It reads nothing until the server has begun to close.
      setTimeout(() => response.on('data', (chunk: Buffer) => (length += chunk.length)), 100);
      response.on('end', () => resolve(length)).on('error', reject);
    }).on('error', reject);
  });
  await tick(50);
  const closing = server.close({ drainMs: 10_000 });
  expect(await received).toBe(large.length);
  await closing;
  agent.destroy();
});

test('fifty streams outlive a close without a reset', async () => {
  async function* words(): AsyncGenerator<string> {
    for (let count = 0; count < 20; count += 1) {
      yield `${count} `;
      await tick(10);
    }
    yield 'end';
  }
  const server = await listen(() => Promise.resolve(respond(200, {}, words())));
  const streams = await Promise.all(Array.from({ length: 50 }, () => fetch(server.url)));
  const closing = server.close({ drainMs: 10_000 });
  const texts = await Promise.all(streams.map((stream) => stream.text()));
  expect(texts.filter((text) => text.endsWith('end'))).toHaveLength(50);
  await closing;
});

test('a port that is taken is node’s own error, and a bad limit a sentence', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const handler: ExchangeHandler = () => Promise.resolve(respond(200));
  await expect(serve(handler, { port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await new Promise((resolve) => other.close(resolve));
  await expect(serve(handler, { port: 0, bodyTimeoutMs: 0 })).rejects.toThrowError(/bodyTimeoutMs must be above 0/);
});
