import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createErrorHandler } from '../error-handler.js';
import { type ExchangeHandler, respond } from '../exchange.js';
import type { Logger } from '../logger.js';
import { fetchHandler } from './fetch.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const adapt = (handler: ExchangeHandler): ((request: Request) => Promise<Response>) =>
  fetchHandler(handler, { errorHandler: createErrorHandler({ logger: quiet }) });
const request = (path = '/', init?: RequestInit): Request => new Request(`http://127.0.0.1${path}`, init);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const echo: ExchangeHandler = async (exchange) => {
  const body = new TextDecoder().decode(await exchange.readBody(10));
  return respond(200, {}, [exchange.method, exchange.path, exchange.query, exchange.headers['x-a'], body].join('|'));
};

/** A body of chunks without a length. */
function chunked(chunks: readonly string[], cancelled?: () => void): RequestInit {
  const source = chunks.values();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = source.next();
      if (next.done === true) controller.close();
      else controller.enqueue(new TextEncoder().encode(next.value));
    },
    cancel: () => cancelled?.(),
  });
  return { method: 'POST', body, duplex: 'half' } as RequestInit;
}

test('a request comes through, and the answer goes back', async () => {
  const response = await adapt(echo)(request('/a%2Fb?c=d', { method: 'POST', body: 'é', headers: { 'X-A': '1' } }));
  expect(await response.text()).toBe('POST|/a%2Fb|c=d|1|é');
});

test('D20: a body beyond the limit is 413, by its header or by its chunks, and the rest is not read', async () => {
  const declared = await adapt(echo)(request('/', { method: 'POST', body: 'x', headers: { 'content-length': '11' } }));
  expect(declared.status).toBe(413);
  let cancelled = false;
  const response = await adapt(echo)(
    request(
      '/',
      chunked(Array(100).fill('12345'), () => (cancelled = true)),
    ),
  );
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({ error_type: 'invalid_input', details: { limit_bytes: 10 } });
  expect(cancelled).toBe(true);
  expect(await (await adapt(echo)(request('/', chunked(['12345', '67890'])))).text()).toBe('POST|/|||1234567890');
});

test('D66: a handler that fails is a typed 500 with the caller’s id', async () => {
  for (const handler of [
    () => Promise.reject(new Error('hunter2')),
    () => {
      throw new Error('hunter2');
    },
    () => Promise.resolve(respond(99)),
    () => Promise.resolve(respond(200, { 'x-a': 'b\r\nc: d' })),
  ] as ExchangeHandler[]) {
    const response = await adapt(handler)(request('/', { headers: { 'x-correlation-id': 'ticket-1' } }));
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error_type: 'internal_error', correlation_id: 'ticket-1' });
  }
});

test('HEAD and statuses without a body have none; several header lines stay several', async () => {
  const handler = adapt(({ path }) =>
    Promise.resolve(respond(path === '/gone' ? 204 : 200, { 'set-cookie': ['a=1', 'b=2'] }, 'text')),
  );
  for (const asked of [request('/', { method: 'HEAD' }), request('/gone')]) {
    const response = await handler(asked);
    expect(response.body).toBeNull();
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  }
});

describe('streams', () => {
  function counting(): { source: AsyncGenerator<string>; state: { produced: number; stopped: boolean } } {
    const state = { produced: 0, stopped: false };
    const source = (async function* () {
      try {
        for (;;) yield `é${(state.produced += 1)} `;
      } finally {
        state.stopped = true;
      }
    })();
    return { source, state };
  }

  test('are read no faster than the client reads, and stopped when it cancels', async () => {
    const { source, state } = counting();
    let reason: unknown;
    const response = await adapt((exchange) => {
      exchange.signal.addEventListener('abort', () => (reason = exchange.signal.reason));
      return Promise.resolve(respond(200, {}, source));
    })(request());
    await turn();
    expect(state.produced).toBe(0);
    const reader = response.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('é1 ');
    await turn();
    expect(state.produced).toBe(1);
    await reader?.cancel();
    await turn();
    expect(state.stopped).toBe(true);
    expect(reason).toMatchObject({ errorType: 'cancelled' });
  });

  test('D64: are stopped when the request is aborted, and their reader sees it', async () => {
    const { source, state } = counting();
    const controller = new AbortController();
    const response = await adapt(() => Promise.resolve(respond(200, {}, source)))(
      request('/', { signal: controller.signal }),
    );
    const reader = response.body?.getReader();
    await reader?.read();
    controller.abort();
    await expect(reader?.read()).rejects.toMatchObject({ errorType: 'cancelled' });
    await turn();
    expect(state.stopped).toBe(true);
  });

  test('D63: that break are broken for their reader too', async () => {
    async function* breaking(): AsyncGenerator<string> {
      yield 'a';
      throw new Error('hunter2');
    }
    const response = await adapt(() => Promise.resolve(respond(200, {}, breaking())))(request());
    expect(response.status).toBe(200);
    const told = await response.text().catch((error: unknown) => error);
    expect(told).toMatchObject({ errorType: 'internal_error' });
    // Servers log the error of a stream.
    expect(inspect(told)).not.toContain('hunter2');
  });

  test('are stopped unread where the answer has no body', async () => {
    const { source, state } = counting();
    await source.next();
    const response = await adapt(() => Promise.resolve(respond(200, {}, source)))(request('/', { method: 'HEAD' }));
    await turn();
    expect([response.body, state.stopped]).toEqual([null, true]);
  });
});

test('D64: a client that leaves in the middle of its body is a cancellation to whoever reads it', async () => {
  const controller = new AbortController();
  const endless = new ReadableStream<Uint8Array>({ start: (sink) => sink.enqueue(Uint8Array.of(1)) });
  let failure: unknown;
  const pending = adapt((exchange) =>
    exchange.readBody(100).then(
      () => respond(200),
      (error: unknown) => {
        failure = error;
        throw error;
      },
    ),
  )(request('/', { method: 'POST', body: endless, duplex: 'half', signal: controller.signal } as RequestInit));
  await turn();
  controller.abort();
  expect((await pending).status).toBe(499);
  expect(failure).toMatchObject({ errorType: 'cancelled' });
});
