import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type UndiciTransport, undiciTransport } from './undici-transport.js';

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

type Answering = Parameters<typeof createServer>[1];

async function serving(
  answer: Answering,
): Promise<{ url: string; server: Server; send: UndiciTransport['transport'] }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { transport, close } = undiciTransport();
  cleanUp.push(
    () => new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))),
    close,
  );
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat`, server, send: transport };
}

const asking = (url: string, signal = new AbortController().signal) =>
  ({ method: 'POST', url, headers: { 'x-own': 'yes' }, body: '{}', signal }) as const;
const text = (chunk: Uint8Array): string => Buffer.from(chunk).toString();

test('an answer has its status, its headers by lower-case name, and its body in pieces', async () => {
  const { url, send } = await serving((request, response) => {
    response.writeHead(201, {
      'X-Path': request.url ?? '',
      'X-Own': String(request.headers['x-own']),
      'set-cookie': ['a', 'b'],
    });
    response.write('one ');
    setImmediate(() => response.end('two'));
  });
  const { status, headers, body } = await send(asking(`${url}?key=value`));
  let all = '';
  for await (const chunk of body) all += text(chunk);
  expect([status, headers['x-path'], headers['x-own'], headers['set-cookie'], all]).toEqual([
    201,
    '/v1/chat?key=value',
    'yes',
    'a, b',
    'one two',
  ]);
});

test('GW9: a body that nobody reads is not read from its connection either, beyond 64 KiB and what the kernel holds', async () => {
  const megabyte = Buffer.alloc(2 ** 20);
  let written = 0;
  const { url, send } = await serving((_, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (written < 64 && response.write(megabyte)) written += 1;
      if (written < 64) response.once('drain', drained);
      else response.end();
    };
    const drained = (): void => {
      written += 1;
      more();
    };
    more();
  });
  const { body } = await send(asking(url));
  // The server stands still long before it has written everything.
  let before = -1;
  while (written !== before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(written).toBeLessThan(32);
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.byteLength;
  expect(bytes).toBeGreaterThanOrEqual(64 * 2 ** 20);
});

test('a body that breaks off delivers what has come, then fails once, and is over', async () => {
  const { url, send } = await serving((_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half', () => response.socket?.destroy());
  });
  const { body } = await send(asking(url));
  const chunks = body[Symbol.asyncIterator]();
  expect(text((await chunks.next()).value as Uint8Array)).toBe('half');
  await expect(chunks.next()).rejects.toThrow();
  expect(await chunks.next()).toEqual({ done: true, value: undefined });
});

test.each(['before the head', 'in the body'])(
  'an abort %s is told with its own reason, and closes the connection',
  async (when) => {
    let arrived = (): void => undefined;
    const asked = new Promise<void>((resolve) => (arrived = resolve));
    let closed = (): void => undefined;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    const { url, send } = await serving((_, response) => {
      response.on('close', closed);
      if (when === 'in the body') response.writeHead(200).write('half');
      arrived();
    });
    const leaving = new AbortController();
    const answer = send(asking(url, leaving.signal));
    await asked;
    const chunks = when === 'in the body' ? (await answer).body[Symbol.asyncIterator]() : undefined;
    if (chunks !== undefined) await chunks.next();
    const outcome = expect(chunks?.next() ?? answer).rejects.toBe('enough');
    leaving.abort('enough');
    await outcome;
    await gone;
  },
);

test('a request that was aborted before it was sent is not sent', async () => {
  let requests = 0;
  const { url, send } = await serving((_, response) => {
    requests += 1;
    response.end();
  });
  await expect(send(asking(url, AbortSignal.abort('too late')))).rejects.toBe('too late');
  expect(requests).toBe(0);
});

test('a reader who leaves closes the connection, and nothing that he does not wait for fails', async () => {
  let closed = (): void => undefined;
  const gone = new Promise<void>((resolve) => (closed = resolve));
  const { url, send } = await serving((_, response) => {
    response.on('close', closed);
    response.writeHead(200).write('half');
  });
  const { body } = await send(asking(url));
  for await (const chunk of body) {
    expect(text(chunk)).toBe('half');
    break;
  }
  await gone;
  expect(await body[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
});
