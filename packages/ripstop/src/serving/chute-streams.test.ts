import { describe, expect, test } from 'vitest';
import { sleep } from '../call/abort.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { StreamInterruptedError } from '../errors/upstream-errors.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { fetchHandler } from './adapters/fetch.js';
import { createChute } from './chute.js';
import type { CordCall, CordHandler, CordOptions } from './cord.js';
import { respond } from './exchange.js';
import type { Logger } from './logger.js';
import type { RequestSummary } from './request-summary.js';

type Call = CordCall<object, unknown>;
type Handler = CordHandler<object, unknown>;

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function streaming(handler: Handler, options: CordOptions = {}, runtime = virtualRuntime()) {
  const summaries: RequestSummary[] = [];
  const chute = createChute({ name: 'test', logger: quiet, onRequest: (summary) => summaries.push(summary) }, runtime);
  chute.cord('s', { method: 'GET', ...options }, handler);
  const handle = fetchHandler(chute.handle, {}, runtime);
  const get = (init: RequestInit = {}): Promise<Response> => handle(new Request('http://127.0.0.1/s', init));
  return { summaries, get, runtime };
}

async function* words(): AsyncGenerator {
  yield { delta: 'tea' };
  yield { delta: 'pot' };
  yield { done: true, success: true };
}

test('a native stream is SSE with the headers that keep proxies from holding it back', async () => {
  const { get, summaries } = streaming(words);
  const response = await get();
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'x-correlation-id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
  });
  expect(summaries).toEqual([]);
  expect(await response.text()).toBe(
    'data: {"delta":"tea"}\n\ndata: {"delta":"pot"}\n\ndata: {"done":true,"success":true}\n\n',
  );
  expect(summaries).toMatchObject([{ status: 200, streamed: true, errorType: undefined }]);
});

test('NDJSON and OpenAI streams have their own framing', async () => {
  const ndjson = await streaming(words, { stream: 'ndjson' }).get();
  expect(ndjson.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
  expect((await ndjson.text()).split('\n')[0]).toBe('{"delta":"tea"}');
  const openai = await streaming(words, { dialect: 'openai' }).get();
  expect(await openai.text()).toMatch(/\ndata: \[DONE\]\n\n$/);
});

test('GW5: an error before the first item has its real status', async () => {
  // eslint-disable-next-line require-yield -- the failure comes first
  async function* refused(): AsyncGenerator {
    throw new ModelOverloadedError(undefined, { retryAfterMs: 2_000 });
  }
  const { get, summaries } = streaming(refused);
  const response = await get();
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(summaries).toMatchObject([{ status: 503, streamed: false }]);
});

test('D63: an error after the first item is a frame in the stream, then the end', async () => {
  async function* breaking(): AsyncGenerator {
    yield { delta: 'tea' };
    throw new StreamInterruptedError();
  }
  const { get, summaries } = streaming(breaking);
  const response = await get();
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text).toMatch(/^data: \{"delta":"tea"\}\n\nevent: error\ndata: \{.*\}\n\n$/);
  expect(text).toContain(response.headers.get('x-correlation-id'));
  expect(summaries).toMatchObject([{ status: 200, streamed: true, errorType: 'stream_interrupted' }]);
});

test('headers that the handler writes before its first item are sent', async () => {
  const { get } = streaming(async function* ({ reply }: Call) {
    reply.headers['x-ripstop-model'] = 'small';
    yield 1;
    reply.headers['x-too-late'] = 'yes';
    yield 2;
  });
  const response = await get();
  expect(response.headers.get('x-ripstop-model')).toBe('small');
  expect(response.headers.get('x-too-late')).toBeNull();
  await response.text();
});

describe('a limit that runs out', () => {
  function slow(after: number) {
    const runtime = virtualRuntime();
    return streaming(
      async function* ({ context }) {
        if (after === 0) await sleep(runtime.clock, 60_000, context);
        yield { delta: 'tea' };
        await sleep(runtime.clock, 60_000, context);
        yield { delta: 'late' };
      },
      {},
      runtime,
    );
  }
  const headers = { 'x-request-timeout-ms': '5000' };

  test('before the first item is a 504', async () => {
    const { get, runtime } = slow(0);
    const pending = get({ headers });
    await runtime.clock.advance(5_000);
    expect((await pending).status).toBe(504);
    expect(runtime.clock.pending).toBe(0);
  });

  test('after it is an error frame, and no timer stays behind', async () => {
    const { get, runtime, summaries } = slow(1);
    const response = await get({ headers });
    const text = response.text();
    await runtime.clock.advance(5_000);
    expect(await text).toMatch(/event: error\ndata: .*"inference_timeout".*\n\n$/);
    expect(summaries).toMatchObject([{ status: 200, errorType: 'inference_timeout' }]);
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('D64: a client that leaves', () => {
  function endless(stopped: string[]): Handler {
    return async function* ({ signal }: Call) {
      signal.addEventListener('abort', () => stopped.push((signal.reason as { errorType: string }).errorType));
      try {
        for (let count = 0; ; count += 1) {
          yield { count };
          await new Promise(setImmediate);
        }
      } finally {
        stopped.push('finally');
      }
    };
  }

  test('in the middle of a stream stops the handler, and is 499 in the summary', async () => {
    const stopped: string[] = [];
    const { get, summaries } = streaming(endless(stopped));
    const reader = (await get()).body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(stopped.sort()).toEqual(['cancelled', 'finally']);
    expect(summaries).toMatchObject([{ status: 499, streamed: true, errorType: 'cancelled' }]);
  });

  test('before the first item ends the wait for it', async () => {
    const controller = new AbortController();
    const reasons: unknown[] = [];
    const { get, summaries } = streaming(({ signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return new Promise(() => undefined);
    });
    const pending = get({ signal: controller.signal });
    await new Promise(setImmediate);
    controller.abort();
    expect((await pending).status).toBe(499);
    expect(reasons).toMatchObject([{ errorType: 'cancelled' }]);
    expect(summaries).toMatchObject([{ status: 499, streamed: false, errorType: 'cancelled' }]);
  });

  test('before the handler begins keeps it from beginning', async () => {
    let began = false;
    const { get, summaries } = streaming(() => (began = true));
    const response = await get({ signal: AbortSignal.abort() });
    expect([response.status, began]).toEqual([499, false]);
    expect(summaries).toMatchObject([{ status: 499 }]);
  });
});

describe('respond() with a stream of text', () => {
  async function* text(fail: boolean): AsyncGenerator<string> {
    yield 'a';
    if (fail) throw new Error('broken');
    yield 'b';
  }

  test('is sent as it is and summarised at its end', async () => {
    const { get, summaries } = streaming(() => respond(200, { 'content-type': 'text/plain' }, text(false)));
    const response = await get();
    expect(summaries).toEqual([]);
    expect(await response.text()).toBe('ab');
    expect(summaries).toMatchObject([{ status: 200, streamed: true }]);
  });

  test('breaks off where it breaks, and is logged', async () => {
    const { get, summaries } = streaming(() => respond(200, {}, text(true)));
    const response = await get();
    await expect(response.text()).rejects.toThrowError();
    expect(summaries).toMatchObject([{ status: 200, streamed: true, errorType: 'internal_error' }]);
  });
});

test('HEAD on a stream asks for its head only, and stops the stream', async () => {
  let stopped = false;
  const source: AsyncIterableIterator<unknown> = {
    next: () => new Promise(() => undefined),
    return: () => {
      stopped = true;
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => source,
  };
  const { get, summaries } = streaming(() => source);
  const response = await get({ method: 'HEAD' });
  expect([response.status, response.headers.get('content-type'), await response.text(), stopped]).toEqual([
    200,
    'text/event-stream; charset=utf-8',
    '',
    true,
  ]);
  expect(summaries).toMatchObject([{ status: 200, method: 'HEAD' }]);
});
