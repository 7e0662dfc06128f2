import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { rawClient } from '../../../../../test/raw-client.js';
import { systemRuntime } from '../../call/runtime.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { createChute } from '../chute.js';
import { createErrorHandler } from '../error-handler.js';
import { type ExchangeHandler, type ExchangeRequest, type ExchangeResponse, respond } from '../exchange.js';
import type { Logger } from '../logger.js';
import { type NodeServer, nodeListener, type ServeOptions, serve } from './node.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const errorHandler = createErrorHandler({ logger: quiet });
const servers: NodeServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close({ drainMs: 0, graceMs: 0 })));
});

async function listen(handler: ExchangeHandler, options: ServeOptions = {}, runtime = systemRuntime) {
  const server = await serve(handler, { port: 0, errorHandler, ...options }, runtime);
  servers.push(server);
  return server;
}

const text = (body: string, status = 200): ExchangeResponse => respond(status, { 'content-type': 'text/plain' }, body);
const echo: ExchangeHandler = async (request) => {
  const bytes = await request.readBody(1_000);
  return text(`${request.method} ${request.path} ${request.query} ${new TextDecoder().decode(bytes)}`);
};
const tick = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Until `look` is true, with the milliseconds that took. */
async function eventually(look: () => boolean, limitMs = 5_000): Promise<number> {
  const start = performance.now();
  while (!look()) {
    if (performance.now() - start > limitMs) throw new Error(`not within ${limitMs} ms`);
    await tick(2);
  }
  return performance.now() - start;
}

describe('requests and answers', () => {
  test('method, path, query, headers and body come through, and the answer has its length', async () => {
    const seen: ExchangeRequest[] = [];
    const { url } = await listen((request) => {
      seen.push(request);
      return echo(request);
    });
    const response = await fetch(`${url}/a%2Fb?c=d`, { method: 'PUT', body: 'héllo', headers: { 'X-Some': 'Thing' } });
    expect(await response.text()).toBe('PUT /a%2Fb c=d héllo');
    expect(response.headers.get('content-length')).toBe('21');
    expect(seen[0]?.headers['x-some']).toBe('Thing');
    expect(seen[0]?.remoteAddress).toBe('127.0.0.1');
    expect(seen[0]?.signal.aborted).toBe(false);
  });

  test('the body is read once, and later readers get the same bytes', async () => {
    const { url } = await listen(async (request) => {
      const [first, second] = await Promise.all([request.readBody(10), request.readBody(10)]);
      return text(String(first === second));
    });
    expect(await (await fetch(url, { method: 'POST', body: 'x' })).text()).toBe('true');
  });

  test('text, bytes, nothing, several header lines and statuses without a body', async () => {
    const answers: Record<string, ExchangeResponse> = {
      '/bytes': respond(200, {}, Uint8Array.of(1, 2, 3)),
      '/nothing': respond(200),
      '/cookies': respond(200, { 'set-cookie': ['a=1', 'b=2'] }),
      '/gone': respond(204, {}, 'never sent'),
      '/same': respond(304, {}, 'never sent'),
    };
    const { url } = await listen(({ path }) => Promise.resolve(answers[path] ?? text('?')));
    expect(new Uint8Array(await (await fetch(`${url}/bytes`)).arrayBuffer())).toEqual(Uint8Array.of(1, 2, 3));
    expect((await fetch(`${url}/nothing`)).headers.get('content-length')).toBe('0');
    expect((await fetch(`${url}/cookies`)).headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    for (const path of ['/gone', '/same']) expect(await (await fetch(url + path)).text()).toBe('');
  });

  test('HEAD has the length and no body, of a stream no body either, and the stream is stopped', async () => {
    let stopped = false;
    const source: AsyncIterableIterator<string> = {
      next: () => Promise.resolve({ done: false, value: 'x' }),
      return: () => {
        stopped = true;
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => source,
    };
    const { port } = await listen(({ path }) =>
      Promise.resolve(path === '/s' ? respond(200, {}, source) : text('12345')),
    );
    const client = await rawClient(port);
    client.send('HEAD / HTTP/1.1\r\nHost: x\r\n\r\n');
    const head = await client.until('\r\n\r\n');
    expect(head).toMatch(/content-length: 5/i);
    client.send('HEAD /s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const both = await client.until();
    expect(both.slice(head.length)).toMatch(/^HTTP\/1\.1 200[^]*\r\n\r\n$/);
    expect(stopped).toBe(true);
  });

  test('pipelined requests are answered in order', async () => {
    const { port } = await listen(async ({ path }) => {
      if (path === '/slow') await tick(30);
      return text(path);
    });
    const client = await rawClient(port);
    client.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /fast HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const all = await client.until();
    expect(all.indexOf('/slow')).toBeLessThan(all.indexOf('/fast'));
  });

  test('the head and a first chunk that is ready go out together; a late chunk does not hold the head back', async () => {
    async function* late(ms: number): AsyncGenerator<string> {
      if (ms > 0) await tick(ms);
      yield 'first';
      await tick(300);
    }
    const { port } = await listen(({ path }) => Promise.resolve(respond(200, {}, late(path === '/late' ? 200 : 0))));
    const prompt = await rawClient(port);
    prompt.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await prompt.until('\r\n\r\n')).toContain('first');
    const client = await rawClient(port);
    client.send('GET /late HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await client.until('\r\n\r\n')).not.toContain('first');
    await client.until('first');
    for (const { socket } of [prompt, client]) socket.destroy();
  });

  test('what a caller keeps in an AsyncLocalStorage of his own is around the handler, however late the body is', async () => {
    const mine = new AsyncLocalStorage<string>();
    const app = createChute({ name: 'app', logger: quiet })
      .cord('at-once', {}, () => ({ around: mine.getStore() }))
      .cord('later', {}, async () => {
        await tick(1);
        return { around: mine.getStore() };
      });
    const reader: ExchangeHandler = async (request) => {
      await request.readBody(1_000);
      return text(String(mine.getStore()));
    };
    const around = { '/at-once': app.handle, '/later': app.handle, '/reader': reader };
    const server = createServer((request, response) => {
      const handler = around[request.url as keyof typeof around];
      mine.run(`that of ${request.url}`, () => nodeListener(handler, { errorHandler })(request, response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    for (const path of Object.keys(around)) {
      const client = await rawClient(port);
      client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{`);
      await tick(5);
      client.send('}');
      expect(await client.until()).toContain(`that of ${path}`);
    }
    server.close();
  });

  test('nodeListener alone serves in a server of the caller’s', async () => {
    const server = createServer(nodeListener(echo, { errorHandler }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/x`, { method: 'POST', body: 'y' });
    expect(await response.text()).toBe('POST /x  y');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('D62: the body', () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  /** One request over the one connection; `chunks` without a length. */
  function post(port: number, body: string | readonly string[]): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      }).on('error', reject);
      if (typeof body === 'string') request.end(body);
      else {
        for (const chunk of body) request.write(chunk);
        request.end();
      }
    });
  }

  test('D20: too large by its declared length or by its chunks is 413, and the connection goes on', async () => {
    let connections = 0;
    const { port, server } = await listen(echo);
    server.on('connection', () => (connections += 1));
    for (const body of ['x'.repeat(1_001), 'x'.repeat(300_000), Array.from({ length: 40 }, () => 'y'.repeat(1_000))]) {
      const response = await post(port, body);
      expect(response.status).toBe(413);
      expect(JSON.parse(response.body)).toMatchObject({ error_type: 'invalid_input', details: { limit_bytes: 1_000 } });
      expect(await post(port, 'next')).toEqual({ status: 200, body: 'POST /  next' });
    }
    expect(connections).toBe(1);
    expect((await post(port, 'z'.repeat(1_000))).status).toBe(200);
    agent.destroy();
  });

  test('D20: an endless body is refused at the limit, never buffered, and cut off soon after', async () => {
    const { port } = await listen(echo, { lingerMs: 100 });
    const client = await rawClient(port);
    client.socket.on('error', () => undefined);
    client.send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    const before = process.memoryUsage().rss;
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    let sent = 0;
    while (!client.closed && sent < 512 * 1024 * 1024) {
      if (!client.socket.write(chunk))
        await Promise.race([tick(5), new Promise((r) => client.socket.once('drain', r))]);
      sent += chunk.length;
    }
    expect(await client.until('413')).toContain('413');
    expect(client.closed).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });

  test('a body that is too slow is 408, and the connection ends with it', async () => {
    const { port } = await listen(echo, { bodyTimeoutMs: 50 });
    const client = await rawClient(port);
    client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this');
    const answer = await client.until();
    expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*connection: close/i);
    expect(answer).toContain('"error_type":"invalid_input"');
  });

  test('a time limit on the body leaves no timer behind', async () => {
    const runtime = virtualRuntime();
    const { url } = await listen(echo, {}, runtime);
    await (await fetch(url, { method: 'POST', body: 'x' })).text();
    expect(runtime.clock.pending).toBe(0);
  });

  test('Expect: 100-continue is granted when the body is wanted, and never when it is not', async () => {
    const { port } = await listen((request) => (request.path === '/no' ? Promise.resolve(text('no')) : echo(request)));
    const wanted = await rawClient(port);
    wanted.send('POST /yes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    await wanted.until('100 Continue');
    wanted.send('hi');
    expect(await wanted.until('POST /yes')).toContain('200 OK');
    const large = await rawClient(port);
    large.send('POST /yes HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n');
    const refused = await large.until('limit_bytes');
    expect(refused).toContain('413');
    expect(refused).not.toContain('100 Continue');
    const unread = await rawClient(port);
    unread.send('POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    expect(await unread.until()).not.toContain('100 Continue');
    for (const { socket } of [wanted, large, unread]) socket.destroy();
  });
});

describe('D66: handlers that fail', () => {
  test('a rejection, a throw, an impossible header or status are typed 500s, and the next request works', async () => {
    const { url } = await listen(({ path }) => {
      if (path === '/throws') throw new Error('hunter2');
      if (path === '/rejects') return Promise.reject(new Error('hunter2'));
      if (path === '/header') return Promise.resolve(respond(200, { 'x-bad': 'a\r\nb: c' }, 'x'));
      if (path === '/status') return Promise.resolve(respond(99, {}, 'x'));
      return Promise.resolve(text('fine'));
    });
    for (const path of ['/throws', '/rejects', '/header', '/status']) {
      const response = await fetch(url + path, { headers: { 'x-correlation-id': 'ticket-1' } });
      expect(response.status, path).toBe(500);
      expect(await response.json(), path).toMatchObject({ error_type: 'internal_error', correlation_id: 'ticket-1' });
      expect(await (await fetch(url)).text()).toBe('fine');
    }
  });

  test('D63: a stream that breaks is broken off: no second answer, no clean end', async () => {
    async function* breaking(): AsyncGenerator<string> {
      yield 'part';
      await tick(20);
      throw new Error('hunter2');
    }
    const { port, url } = await listen(({ path }) =>
      Promise.resolve(path === '/s' ? respond(200, {}, breaking()) : text('ok')),
    );
    const client = await rawClient(port);
    client.send('GET /s HTTP/1.1\r\nHost: x\r\n\r\n');
    const all = await client.until();
    expect(all.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(all).toContain('part');
    expect(all).not.toMatch(/hunter2|\r\n0\r\n\r\n$/);
    await expect(fetch(`${url}/s`).then((response) => response.text())).rejects.toThrowError();
    expect(await (await fetch(url)).text()).toBe('ok');
  });
});

describe('D64 GW10: clients that leave', () => {
  test('in the middle of their body: the reader is told, nobody is answered', async () => {
    const failures: unknown[] = [];
    const { port, url } = await listen((request) =>
      request.readBody(1_000).then(
        () => text('read'),
        (error: unknown) => {
          failures.push(error);
          throw error;
        },
      ),
    );
    for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const client = await rawClient(port);
      client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart');
      await tick(20);
      client.socket[leave]();
    }
    await eventually(() => failures.length === 3);
    expect(failures).toMatchObject([
      { errorType: 'cancelled' },
      { errorType: 'cancelled' },
      { errorType: 'cancelled' },
    ]);
    expect((await fetch(url)).status).toBe(200);
  });

  test.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'while the handler works, by %s: its signal aborts within 100 ms',
    async (leave) => {
      let signal: AbortSignal | undefined;
      const { port } = await listen((request) => {
        signal = request.signal;
        return new Promise(() => undefined);
      });
      const client = await rawClient(port);
      client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi');
      await eventually(() => signal !== undefined);
      client.socket[leave]();
      expect(await eventually(() => signal?.aborted === true)).toBeLessThan(100);
      expect(signal?.reason).toMatchObject({ errorType: 'cancelled' });
    },
  );

  test.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'while a stream runs, by %s: the signal aborts within 100 ms and the source is stopped',
    async (leave) => {
      let aborted = false;
      let stopped = false;
      let sent = 0;
      async function* words(): AsyncGenerator<string> {
        try {
          for (;;) {
            yield `word ${(sent += 1)}\n`;
            await tick(5);
          }
        } finally {
          stopped = true;
        }
      }
      const { port } = await listen(({ signal }) => {
        signal.addEventListener('abort', () => (aborted = true));
        return Promise.resolve(respond(200, {}, words()));
      });
      const client = await rawClient(port);
      client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await client.until('word 3');
      client.socket[leave]();
      expect(await eventually(() => aborted && stopped)).toBeLessThan(100);
    },
  );

  test('while their second request waits behind the first: both are told, and both sources stopped', async () => {
    const aborted: string[] = [];
    const stopped: string[] = [];
    async function* endless(path: string): AsyncGenerator<string> {
      try {
        for (;;) {
          yield path.repeat(1_000);
          await tick(5);
        }
      } finally {
        stopped.push(path);
      }
    }
    const server = await listen(({ path, signal }) => {
      signal.addEventListener('abort', () => aborted.push(path));
      return Promise.resolve(respond(200, {}, endless(path)));
    });
    const client = await rawClient(server.port);
    client.send('GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until('/a/a');
    client.socket.destroy();
    await eventually(() => aborted.length === 2 && stopped.length === 2 && server.inFlight === 0);
  });

  test('while the source hangs in a step: it is told to stop, and not waited for', async () => {
    let told = false;
    const hanging: AsyncIterableIterator<string> = {
      next: () => new Promise(() => undefined),
      return: () => {
        told = true;
        return new Promise(() => undefined);
      },
      [Symbol.asyncIterator]: () => hanging,
    };
    const server = await listen(() => Promise.resolve(respond(200, {}, hanging)));
    const client = await rawClient(server.port);
    client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until('200 OK');
    client.socket.destroy();
    expect(await eventually(() => told && server.inFlight === 0)).toBeLessThan(100);
  });

  test('200 that leave in every phase leave nothing behind', async () => {
    let open = 0;
    async function* words(): AsyncGenerator<string> {
      open += 1;
      try {
        for (;;) {
          yield 'word '.repeat(10_000);
          await tick(1);
        }
      } finally {
        open -= 1;
      }
    }
    const server = await listen(async (request) => {
      await request.readBody(1_000);
      await tick(5);
      return respond(200, {}, words());
    });
    const requests = ['POST / HTTP/1.1\r\nHost: x\r\nContent-', 'Length: 4\r\n\r\nab', 'cd'];
    for (let round = 0; round < 50; round += 1) {
      const clients = await Promise.all(Array.from({ length: 4 }, () => rawClient(server.port)));
      for (const [phase, client] of clients.entries()) {
        client.socket.on('error', () => undefined);
        client.send(requests.slice(0, phase + 1).join(''));
      }
      await tick(round % 10);
      for (const { socket } of clients) socket.destroy();
    }
    await eventually(() => server.inFlight === 0 && open === 0);
    const connections = await new Promise((resolve) => server.server.getConnections((_error, count) => resolve(count)));
    expect(connections).toBe(0);
    expect(await (await fetch(server.url, { method: 'HEAD' })).text()).toBe('');
  });
});

describe('GW9: clients that read slowly', () => {
  function endless(): { source: AsyncGenerator<string>; produced: () => number; stopped: () => boolean } {
    let count = 0;
    let stopped = false;
    const source = (async function* () {
      try {
        for (;;) {
          count += 1;
          yield 'x'.repeat(65_536);
        }
      } finally {
        stopped = true;
      }
    })();
    return { source, produced: () => count, stopped: () => stopped };
  }

  test('the source waits for them: memory does not grow', async () => {
    const { source, produced } = endless();
    const { port } = await listen(() => Promise.resolve(respond(200, {}, source)));
    const client = await rawClient(port);
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await tick(300);
    const held = produced();
    await tick(300);
    // The kernel's buffers on both sides, and one write of ours.
    expect(produced()).toBe(held);
    expect(held).toBeLessThan(256);
    client.socket.resume();
    await eventually(() => produced() > held + 50);
    client.socket.destroy();
  });

  test('one that takes nothing for the stall limit is dropped, and the source stopped', async () => {
    const { source, stopped } = endless();
    const server = await listen(() => Promise.resolve(respond(200, {}, source)), { writeStallMs: 200 });
    const client = await rawClient(server.port);
    client.socket.on('error', () => undefined);
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => stopped() && server.inFlight === 0);
    client.socket.destroy();
  });

  test('so is one that takes nothing of a whole answer, and one that takes a little is not', async () => {
    const large = 'x'.repeat(16_000_000);
    const server = await listen(() => Promise.resolve(text(large)), { writeStallMs: 1_000 });
    const silent = await rawClient(server.port);
    silent.socket.on('error', () => undefined);
    silent.socket.pause();
    silent.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => server.inFlight === 1);
    await eventually(() => server.inFlight === 0);
    const slow = await rawClient(server.port);
    slow.socket.pause();
    let taken = 0;
    slow.socket.removeAllListeners('data');
    slow.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    while (taken < large.length) {
      await tick(10);
      for (
        let chunk: string | null = slow.socket.read() as string;
        chunk !== null;
        chunk = slow.socket.read() as string
      ) {
        taken += chunk.length;
      }
      if (slow.closed) break;
    }
    expect(taken).toBeGreaterThan(large.length);
    for (const { socket } of [silent, slow]) socket.destroy();
  });

  test('a source that pauses longer than the stall limit is not a stalled client', async () => {
    async function* pausing(): AsyncGenerator<string> {
      yield 'a';
      await tick(300);
      yield 'b';
    }
    const { url } = await listen(() => Promise.resolve(respond(200, {}, pausing())), { writeStallMs: 100 });
    expect(await (await fetch(url)).text()).toBe('ab');
  });
});

test('a chute on a server: one connection, an error of every kind, and the next request works', async () => {
  const chute = createChute({ name: 'test', logger: quiet })
    .cord('json', {}, ({ input }) => input)
    .cord('stream', {}, async function* () {
      yield 1;
      throw new Error('broken');
    });
  const { port, server } = await listen(chute.handle);
  let connections = 0;
  server.on('connection', () => (connections += 1));
  const client = await rawClient(port);
  const send = (head: string, body: string): void =>
    client.send(`${head} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const failures: [string, string, string][] = [
    ['GET /nowhere', '', '404'],
    ['PUT /json', 'x'.repeat(70_000), '405'],
    ['POST /json', '{broken', '400'],
    ['POST /stream', '', 'event: error'],
    ['DELETE /json', '', '405'],
  ];
  for (const [index, [head, body, expected]] of failures.entries()) {
    send(head, body);
    await client.until(expected);
    send('POST /json', `{"round":${index}}`);
    await client.until(`{"round":${index}}`);
  }
  expect(connections).toBe(1);
  client.socket.destroy();
});
