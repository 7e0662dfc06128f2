import { type NodeServer, serve } from 'ripstop/node';
import { createChute, type Logger, type RequestSummary } from 'ripstop/serving';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rawClient } from '../raw-client.js';

/** Milliseconds from a client's leaving until the service knows of it. */
const limitMs = 100;
/** A machine that is busy with other tests may be late; the service is not, three times in a row. */
const patience = { retry: 2 };

const lines: string[] = [];
const logger: Logger = {
  debug: () => undefined,
  info: (_, message) => lines.push(message),
  warn: (_, message) => lines.push(message),
  error: (_, message) => lines.push(message),
};
const heard: { readonly at: number; readonly what: string }[] = [];
const summaries: RequestSummary[] = [];
let server: NodeServer;

function listenTo(signal: AbortSignal): void {
  signal.addEventListener('abort', () => {
    heard.push({ at: performance.now(), what: (signal.reason as { errorType: string }).errorType });
  });
}
const never = (): Promise<never> => new Promise(() => undefined);

beforeAll(async () => {
  const app = createChute({
    name: 'test',
    logger,
    guard: ({ request }) => (request.query === 'guard' ? (listenTo(request.signal), never()) : undefined),
    onRequest: (summary) => summaries.push(summary),
  })
    .use(({ request }, next) => (request.query === 'middleware' ? (listenTo(request.signal), never()) : next()))
    .cord('g', {}, ({ signal }) => {
      listenTo(signal);
      return never();
    })
    .cord('limited', { timeoutMs: 60_000, concurrency: 1 }, ({ signal }) => {
      listenTo(signal);
      return never();
    })
    .cord('first', {}, async function* ({ signal }) {
      listenTo(signal);
      yield await never();
    })
    .cord('stream', {}, async function* ({ signal }) {
      listenTo(signal);
      yield 1;
      yield await never();
    });
  server = await serve(app.handle, { port: 0 });
});
afterAll(() => server.close({ drainMs: 0, graceMs: 0 }));

const head = (path: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

async function until(done: () => boolean): Promise<void> {
  for (const end = performance.now() + 5_000; !done() && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test.each([
  ['a middleware waits', '/g?middleware'],
  ['a guard waits', '/g?guard'],
  ['the handler works', '/g'],
  ['the handler works under a limit and in a slot', '/limited'],
  ['the first item of a stream is awaited', '/first'],
  ['a stream is silent', '/stream'],
])('I6 D64: a client that leaves while %s is heard of within 100 ms, and is no error', patience, async (_, path) => {
  heard.length = summaries.length = lines.length = 0;
  const client = await rawClient(server.port);
  client.send(`${head(path, 2)}{}`);
  await (path === '/stream' ? client.until('data: 1') : new Promise((resolve) => setTimeout(resolve, 50)));
  const leftAt = performance.now();
  client.socket.destroy();
  await until(() => heard.length > 0 && summaries.length > 0);
  expect(heard).toMatchObject([{ what: 'cancelled' }]);
  expect((heard[0]?.at ?? 0) - leftAt).toBeLessThan(limitMs);
  expect(summaries).toMatchObject([{ status: 499, errorType: 'cancelled' }]);
  expect(lines).toEqual([]);
});

test('I6: a client that leaves in the middle of its body is heard of within 100 ms', patience, async () => {
  summaries.length = 0;
  const client = await rawClient(server.port);
  client.send(`${head('/g', 100)}{"half":`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const leftAt = performance.now();
  client.socket.destroy();
  await until(() => summaries.length > 0);
  expect(performance.now() - leftAt).toBeLessThan(limitMs);
  expect(summaries).toMatchObject([{ status: 499, errorType: 'cancelled' }]);
});

test('I6: after them all nothing is in flight, and the slot is free', async () => {
  expect(server.inFlight).toBe(0);
  const client = await rawClient(server.port);
  client.send(`${head('/limited', 2)}{}`);
  heard.length = 0;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await Promise.race([client.until('HTTP/1.1'), Promise.resolve('still working')])).toBe('still working');
  client.socket.destroy();
  await until(() => heard.length > 0);
  expect(heard).toMatchObject([{ what: 'cancelled' }]);
});
