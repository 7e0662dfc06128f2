import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rawClient } from '../../../../../test/raw-client.js';
import { createErrorHandler } from '../error-handler.js';
import { respond } from '../exchange.js';
import type { Logger } from '../logger.js';
import { type NodeServer, serve } from './node.js';

const lines: [string, Record<string, unknown>][] = [];
const at = (level: string) => (fields: object) => void lines.push([level, fields as Record<string, unknown>]);
const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };

let server: NodeServer;
let release: () => void;

beforeEach(async () => {
  lines.length = 0;
  const gate = new Promise<void>((resolve) => (release = resolve));
  server = await serve(
    async (request) => {
      if (request.path === '/slow') await gate;
      const body = new TextDecoder().decode(await request.readBody(1_000));
      return respond(200, {}, `read ${body}`);
    },
    { port: 0, errorHandler: createErrorHandler({ logger }), headersTimeoutMs: 300, bodyTimeoutMs: 300 },
  );
});

afterEach(() => server.close({ drainMs: 0, graceMs: 0 }));

async function works(): Promise<void> {
  const response = await fetch(server.url, { method: 'POST', body: 'on' });
  expect(await response.text()).toBe('read on');
}

describe('R90 D62: what is no HTTP is a typed 400, once, and the connection ends', () => {
  test.each([
    ['no HTTP at all', 'hello there\r\n\r\n', 400],
    ['a control character in a header', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\u0001b\r\n\r\n', 400],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\nX B: c\r\n\r\n', 400],
    [
      'two lengths that disagree',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      400,
    ],
    [
      'a length and chunks at once',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['headers without end', `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`, 431],
  ])('%s', async (_what, bytes, status) => {
    const client = await rawClient(server.port);
    client.send(bytes);
    const answer = await client.until();
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    const envelope = JSON.parse(body) as Record<string, unknown>;
    expect(envelope).toMatchObject({ error_type: 'invalid_input', is_retryable: false });
    expect(head.toLowerCase()).toContain(`x-correlation-id: ${envelope['correlation_id'] as string}`);
    expect(head.toLowerCase()).toContain(`content-length: ${body.length}`);
    expect(lines).toMatchObject([['info', { error_type: 'invalid_input', status }]]);
    await works();
  });
});

test('headers that never end in time are 408', async () => {
  const client = await rawClient(server.port);
  client.send('GET / HTTP/1.1\r\nHost: x\r\n');
  expect(await client.until()).toMatch(/^HTTP\/1\.1 408 [^]*invalid_input/);
  await works();
});

test('a body with broken chunks is answered by the route, once, and the connection ends', async () => {
  const client = await rawClient(server.port);
  client.send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n');
  const answer = await client.until();
  expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*"error_type":"invalid_input"/);
  expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  await works();
});

test('garbage after a complete request does not cost that request its answer', async () => {
  const client = await rawClient(server.port);
  client.send('POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi and more than was said\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 50));
  release();
  const answer = await client.until();
  expect(answer).toContain('read hi');
  expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  await works();
});

test('garbage after an answered request is a 400 of its own', async () => {
  const client = await rawClient(server.port);
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi');
  await client.until('read hi');
  client.send('garbage\r\n\r\n');
  expect((await client.until()).match(/HTTP\/1\.1 (200|400)/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
});

test('a connection that opens and leaves, or leaves in the middle of its headers, is nobody’s error', async () => {
  for (const bytes of ['', 'GET / HT', 'GET / HTTP/1.1\r\nHo']) {
    for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const client = await rawClient(server.port);
      if (bytes !== '') client.send(bytes);
      await new Promise((resolve) => setTimeout(resolve, 10));
      client.socket[leave]();
    }
  }
  await works();
  expect(lines).toEqual([]);
});

test('D62: what node would refuse with a bare status has an envelope too: no Host, an unknown expectation', async () => {
  for (const [line, status] of [
    ['', 400],
    ['Host: a\r\nExpect: something\r\n', 417],
  ] as const) {
    const client = await rawClient(server.port);
    client.send(`GET / HTTP/1.1\r\n${line}X-Correlation-ID: abc\r\nConnection: close\r\n\r\n`);
    const answer = await client.until();
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/x-correlation-id: abc\r\n[^]*"error_type":"invalid_input"/i);
  }
  const old = await rawClient(server.port);
  old.send('GET / HTTP/1.0\r\n\r\n');
  expect(await old.until()).toMatch(/^HTTP\/1.1 200 /);
});
