import { getEventListeners } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { ModelError } from '../errors/model-error.js';
import { circuitBreaker } from '../policies/circuit-breaker.js';
import { type Policy, pipeline } from '../policies/policy.js';
import { retry } from '../policies/retry.js';
import {
  chatAnswer,
  chatChunk,
  chatFrames,
  type ScriptedUpstream,
  scriptedUpstream,
  type UpstreamFrame,
  type UpstreamScene,
} from '../testing/scripted-upstream.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { type ResilientFetchOptions, resilientFetch } from './resilient-fetch.js';

const quickly = (): Policy => retry({ attempts: 3, baseDelayMs: 1 });

async function playing(...script: UpstreamScene[]): Promise<ScriptedUpstream> {
  const upstream = await scriptedUpstream(script);
  onTestFinished(() => upstream.close());
  return upstream;
}

function fetching(options: ResilientFetchOptions = {}): typeof globalThis.fetch {
  return resilientFetch({ policy: quickly(), ...options });
}

const asked = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"messages":[]}' };
const stainless = { ...asked, headers: { ...asked.headers, 'x-stainless-lang': 'js' } };
const ok = { kind: 'json', body: chatAnswer('Paris.') } as const;
const busy = { kind: 'json', status: 503, body: { detail: 'No instances available (yet)' } } as const;
const sse = (frames: readonly UpstreamFrame[], end?: 'close' | 'cut' | 'hang'): UpstreamScene => {
  return { kind: 'sse', frames, ...(end === undefined ? {} : { end }) };
};
const role = chatChunk({ role: 'assistant', content: '' });
const word = (text: string): object => chatChunk({ content: text });
const failureOf = (outcome: Promise<unknown>): Promise<unknown> =>
  outcome.then(
    (value) => value,
    (error: unknown) => error,
  );

test('an answer passes through as it is: bytes, status, headers and address', async () => {
  const body = Buffer.from([0, 255, 13, 10, 10, 128]).toString('latin1');
  const upstream = await playing({ kind: 'text', status: 201, headers: { 'x-own': 'a' }, body });
  const response = await fetching()(`${upstream.url}/files?x=1`);
  expect(response.ok).toBe(true);
  expect([response.status, response.url, response.redirected, response.type]).toEqual([
    201,
    `${upstream.url}/files?x=1`,
    false,
    'basic',
  ]);
  expect(response.headers.get('x-own')).toBe('a');
  expect(await response.text()).toBe(body);
});

test('HEAD, 204 and a redirect that is not followed are left alone', async () => {
  const upstream = await playing(
    ok,
    { kind: 'text', status: 204, body: '' },
    { kind: 'text', status: 302, headers: { location: '/elsewhere' }, body: '' },
  );
  const fetch = fetching();
  expect((await fetch(upstream.url, { method: 'HEAD' })).body).toBeNull();
  expect((await fetch(upstream.url)).status).toBe(204);
  const redirect = await fetch(upstream.url, { redirect: 'manual' });
  expect([redirect.status, redirect.headers.get('location')]).toEqual([302, '/elsewhere']);
  expect(upstream.requests).toHaveLength(3);
});

test('a service that recovers is asked again, with the same bytes', async () => {
  const upstream = await playing(busy, { kind: 'reset' }, ok);
  const response = await fetching()(`${upstream.url}/chat/completions`, asked);
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'Paris.' } }] });
  expect(upstream.requests.map(({ method, body }) => [method, body])).toEqual(
    Array.from({ length: 3 }, () => ['POST', { messages: [] }]),
  );
});

test('D27: when its attempts are used up, the last answer comes back, and tells SDKs not to go on', async () => {
  const upstream = await playing({ ...busy, headers: { 'retry-after': '0', 'x-own': 'a' } });
  const response = await fetching()(upstream.url, asked);
  expect([response.status, response.statusText, response.url]).toEqual([503, 'Service Unavailable', upstream.url]);
  expect(response.headers.get('x-should-retry')).toBe('false');
  expect(response.headers.get('x-own')).toBe('a');
  expect(upstream.requests).toHaveLength(3);
});

test('I18: `{detail}` is told again as `{error}`, beside itself, with its type', async () => {
  const upstream = await playing(busy);
  const body = await (await fetching()(upstream.url, asked)).json();
  expect(body).toMatchObject({
    detail: 'No instances available (yet)',
    error: {
      message: 'No instances available (yet)',
      type: 'model_loading_failed',
      code: 'model_loading_failed',
      param: null,
    },
  });
});

test.each([
  [{ detail: { message: 'Quota exceeded', quota_reset_timestamp: 'x' } }, 402, 'Quota exceeded', 'quota_exceeded'],
  [{ error: 'model not found' }, 404, 'model not found', 'model_not_found'],
  [{ message: 'no such route' }, 404, 'no such route', undefined],
])('I18: %j is told again as an error with its own words', async (body, status, message, type) => {
  const upstream = await playing({ kind: 'json', status, body });
  const told = (await (await fetching()(upstream.url, asked)).json()) as { error: Record<string, unknown> };
  expect(told.error.message).toBe(message);
  expect(told.error.type).toEqual(type ?? expect.any(String));
  expect(upstream.requests).toHaveLength(1);
});

test('an envelope that SDKs can read, and a body that is no JSON, come back byte for byte', async () => {
  const known = { error: { message: 'No such model', type: 'x', code: null }, more: 1 };
  const upstream = await playing(
    { kind: 'json', status: 404, body: known },
    { kind: 'text', status: 404, body: 'not here' },
    { kind: 'text', status: 400, body: '' },
  );
  const fetch = fetching();
  const first = await fetch(upstream.url);
  expect(first.headers.get('x-should-retry')).toBeNull();
  expect(await first.text()).toBe(JSON.stringify(known));
  expect(await (await fetch(upstream.url)).text()).toBe('not here');
  expect(await (await fetch(upstream.url)).text()).toBe('');
});

test('an SDK, which reads nothing but `error`, gets a page and an empty body as errors too', async () => {
  const upstream = await playing(
    { kind: 'text', status: 400, headers: { 'content-type': 'text/html' }, body: '<html><h1>Bad</h1></html>' },
    { kind: 'text', status: 402, body: '' },
  );
  const fetch = fetching();
  for (const type of ['invalid_input', 'quota_exceeded']) {
    const response = await fetch(upstream.url, stainless);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toMatchObject({ error: { type, message: expect.any(String) } });
  }
});

test('a 200 with an error inside is a failure: retried, and told with a status that says so', async () => {
  const hidden = { kind: 'json', body: { error: { message: 'Provider returned error', code: 502 } } } as const;
  const upstream = await playing(hidden, ok, hidden);
  const fetch = fetching();
  expect(await (await fetch(upstream.url, asked)).json()).toEqual(ok.body);
  const response = await fetch(upstream.url, stainless);
  expect([response.status, response.headers.get('x-should-retry')]).toEqual([502, 'false']);
  expect(await response.json()).toMatchObject({ error: { type: 'upstream_unavailable' } });
  expect(upstream.requests).toHaveLength(5);
});

test.each([
  '{"error": null, "id": "a"}',
  '{"id": "a", "error": {"message": "one of many"}}',
  `{"error": "${'x'.repeat(500_000)}"}`,
  '{"error": "broken',
  '',
])('what only looks like an error passes byte for byte', async (body) => {
  const upstream = await playing({ kind: 'text', headers: { 'content-type': 'application/json' }, body });
  expect(await (await fetching()(upstream.url, asked)).text()).toBe(body);
  expect(upstream.requests).toHaveLength(1);
});

test('a large error comes back whole', async () => {
  const body = 'x'.repeat(500_000);
  const upstream = await playing({ kind: 'text', status: 400, body });
  expect(await (await fetching()(upstream.url, stainless)).text()).toBe(body);
});

test('the rest of a large error that is not the last one is cancelled', async () => {
  const upstream = await playing({ kind: 'text', status: 503, body: 'x'.repeat(50_000_000) }, ok);
  const response = await fetching()(upstream.url);
  expect(response.status).toBe(200);
  // So much fits into no socket's buffer: it is over when its reader has left.
  await upstream.requests[0]?.over;
  expect(upstream.requests.map(({ connection }) => connection)).toEqual([1, 2]);
});

test('D25 RT5: a stated wait is a floor', async () => {
  const runtime = virtualRuntime();
  const upstream = await playing({ kind: 'json', status: 429, headers: { 'retry-after': '7' }, body: {} }, ok);
  const waits: number[] = [];
  runtime.events.on((event) => {
    if (event.type === 'retry.scheduled') {
      waits.push(event.delayMs);
      queueMicrotask(() => void runtime.clock.advance(event.delayMs));
    }
  });
  const response = await resilientFetch({}, runtime)(upstream.url, asked);
  expect(response.status).toBe(200);
  expect(waits).toEqual([expect.any(Number)]);
  expect(waits[0]).toBeGreaterThanOrEqual(7_000);
});

test('a wait that is too long is handed on, not slept', async () => {
  const upstream = await playing({ kind: 'json', status: 429, headers: { 'retry-after': '3600' }, body: {} });
  const response = await fetching()(upstream.url, asked);
  expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3600']);
  expect(upstream.requests).toHaveLength(1);
});

test('RT7: a body that can be sent once is sent once; a `Request` can be sent again', async () => {
  const upstream = await playing(busy, busy, ok);
  const once = new Blob(['{}']).stream();
  expect((await fetching()(upstream.url, { method: 'POST', body: once, duplex: 'half' } as RequestInit)).status).toBe(
    503,
  );
  expect(upstream.requests).toHaveLength(1);
  const request = new Request(upstream.url, asked);
  expect((await fetching()(request)).status).toBe(200);
  expect(upstream.requests.map(({ body }) => body)).toEqual([{}, { messages: [] }, { messages: [] }]);
  expect(request.bodyUsed).toBe(true);
});

test('without an answer it fails as the ModelError that it means; for an SDK of Stainless it is an answer', async () => {
  const upstream = await playing({ kind: 'reset' });
  const error = await failureOf(fetching()(upstream.url, asked));
  expect(ModelError.isInstance(error)).toBe(true);
  expect(error).toMatchObject({
    errorType: 'upstream_unavailable',
    stopReason: 'attempts',
    cause: expect.any(TypeError),
  });
  const response = await fetching()(upstream.url, stainless);
  expect([response.status, response.headers.get('x-should-retry')]).toEqual([502, 'false']);
  expect(await response.json()).toMatchObject({ error: { type: 'upstream_unavailable', message: expect.any(String) } });
  expect(upstream.requests).toHaveLength(6);
});

test('a request that is wrong in itself is neither repeated nor translated', async () => {
  let calls = 0;
  const counted: typeof globalThis.fetch = (...args) => {
    calls += 1;
    return globalThis.fetch(...args);
  };
  const fetch = fetching({ fetch: counted });
  for (const address of ['no address', 'nowhere:1']) {
    expect(ModelError.isInstance(await failureOf(fetch(address)))).toBe(false);
  }
  expect(calls).toBe(2);
});

test('I6: a caller who leaves gets his own reason, and the request ends, before headers and after', async () => {
  const upstream = await playing({ kind: 'hang' }, sse([role, word('Hel')], 'hang'), {
    ...ok,
    bodyDelayMs: 60_000,
  });
  const fetch = fetching();
  for (const index of [0, 1, 2]) {
    const caller = new AbortController();
    const reason = new Error('left');
    const outcome = failureOf(
      fetch(upstream.url, { ...asked, signal: caller.signal }).then((response) => response.text()),
    );
    const request = await upstream.request(index);
    setTimeout(() => caller.abort(reason), 30);
    expect(await outcome).toBe(reason);
    await request.over;
    expect(request.aborted).toBe(true);
  }
});

test('G6: a signal that outlives its calls keeps nothing of them', async () => {
  const upstream = await playing(ok, sse(chatFrames(['Paris.'])), sse([role, word('Hel')], 'cut'), {
    ...busy,
    status: 404,
  });
  const { signal } = new AbortController();
  for (let call = 0; call < 4; call += 1) await (await fetching()(upstream.url, { ...asked, signal })).text();
  expect(upstream.requests).toHaveLength(4);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('GW10: leaving the body ends the request, of a stream and of a whole answer', async () => {
  const upstream = await playing(sse([role, word('Hel')], 'hang'), {
    kind: 'text',
    body: 'x'.repeat(50_000_000),
  });
  for (const index of [0, 1]) {
    const response = await fetching()(upstream.url, asked);
    await response.body?.cancel();
    await (await upstream.request(index)).over;
  }
  expect(upstream.requests[0]?.aborted).toBe(true);
});

test('GW25: headers, first content and gaps have their limits; comments are no content', async () => {
  const upstream = await playing(
    { kind: 'hang' },
    sse([role, ': still here\n\n', 20, ': still here\n\n'], 'hang'),
    sse([role, word('Hel'), 20, ': ping\n\n', 20, ': ping\n\n'], 'hang'),
    { ...ok, bodyDelayMs: 60_000 },
  );
  const fetch = resilientFetch({
    policy: retry({ attempts: 1 }),
    timeouts: { headersMs: 400, firstContentMs: 400, gapMs: 400 },
  });
  for (const phase of ['headers', 'first_content']) {
    expect(await failureOf(fetch(upstream.url, asked))).toMatchObject({
      errorType: 'inference_timeout',
      details: { phase },
    });
  }
  const stalled = await (await fetch(upstream.url, asked)).text();
  expect(stalled).toContain('"content":"Hel"');
  expect(stalled).toContain('"type":"inference_timeout"');
  expect(await failureOf(fetch(upstream.url, asked))).toMatchObject({ details: { phase: 'gap' } });
});

test('I7: the time for all attempts together ends the call', async () => {
  const upstream = await playing({ kind: 'hang' });
  const fetch = fetching({ timeouts: { totalMs: 400 } });
  expect(await failureOf(fetch(upstream.url, asked))).toMatchObject({
    errorType: 'inference_timeout',
    details: { phase: 'total' },
  });
  const [request] = upstream.requests;
  await request?.over;
  expect(request?.aborted).toBe(true);
});

test('by default each origin and path has a breaker of its own, named without its host', async () => {
  const runtime = virtualRuntime();
  const upstream = await playing((request) => (request.path.startsWith('/v1/bad') ? { kind: 'reset' } : ok));
  const opened: string[] = [];
  runtime.events.on((event) => {
    if (event.type === 'breaker.opened') opened.push(event.name);
    if (event.type === 'retry.scheduled') queueMicrotask(() => void runtime.clock.advance(event.delayMs));
  });
  const fetch = resilientFetch({}, runtime);
  for (let call = 0; call < 3; call += 1) await failureOf(fetch(`${upstream.url}/bad?${call}`));
  expect(opened[0]).toBe('/v1/bad');
  const sent = upstream.requests.length;
  const left = AbortSignal.abort('left');
  expect(await failureOf(fetch(`${upstream.url}/bad`, { signal: left }))).toBe('left');
  expect((await fetch(`${upstream.url}/good`)).status).toBe(200);
  expect(upstream.requests).toHaveLength(sent + 1);
});

test('a bad limit is refused', () => {
  expect(() => resilientFetch({ timeouts: { gapMs: 0 } })).toThrow(RangeError);
});

test('I23: what streams well passes unchanged, byte for byte, however it is cut', async () => {
  const text = chatFrames(['Pa', 'ris', '.'])
    .map((frame) => (typeof frame === 'string' ? frame : `data: ${JSON.stringify(frame)}\r\n\r\n`))
    .join(': ping\n\n');
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) =>
    bytes.subarray(index * 7, index * 7 + 7),
  );
  const upstream = await playing(sse(pieces));
  const response = await fetching()(upstream.url, asked);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(await response.text()).toBe(text);
});

test('GW5: what fails before the first content is retried: an error, a cut, and an end without a word', async () => {
  const upstream = await playing(
    sse([role, { error: { message: 'overloaded', code: 503 } }]),
    sse([role], 'cut'),
    sse([role]),
    sse([]),
    sse(['{"error": "Unhandled exception during response stream"}\n']),
    sse(chatFrames(['Paris.'])),
  );
  const fetch = resilientFetch({ policy: retry({ attempts: 6, baseDelayMs: 1 }) });
  const text = await (await fetch(upstream.url, asked)).text();
  expect(text).toContain('Paris.');
  expect(text).not.toContain('error');
  expect(upstream.requests).toHaveLength(6);
});

test.each<[string, readonly UpstreamFrame[], 'close' | 'cut']>([
  ['an end without a finish reason', [role, word('Hel')], 'close'],
  ['a cut connection', [role, word('Hel')], 'cut'],
  ['a cut in mid-event', [role, word('Hel'), 'data: {"choi'], 'cut'],
  ['an end in mid-event', [role, word('Hel'), 'data: {"choi'], 'close'],
  ['a bare line of JSON', [role, word('Hel'), '{"error": "Unhandled exception during response stream: x"}\n'], 'close'],
  [
    'Anthropic without message_stop',
    [{ type: 'message_start' }, { type: 'content_block_delta', delta: { text: 'Hel' } }],
    'close',
  ],
  [
    'a response that is never completed',
    [{ type: 'response.created' }, { type: 'response.output_text.delta', delta: 'Hel' }],
    'cut',
  ],
  ['Gemini without a finish reason', [{ candidates: [{ content: { parts: [{ text: 'Hel' }] } }] }], 'close'],
])('I5 GW6: %s after the first content ends in an error event', async (_, frames, end) => {
  const upstream = await playing(sse(frames, end));
  const text = await (await fetching()(upstream.url, asked)).text();
  expect(text).toContain('Hel');
  expect(text).not.toContain('[DONE]');
  const events = text.trimEnd().split('\n\n');
  const [name, data = ''] = events.at(-1)?.split('\n') ?? [];
  expect(name).toBe('event: error');
  expect(JSON.parse(data.slice(6))).toMatchObject({
    type: 'error',
    error: { type: 'stream_interrupted', code: 'stream_interrupted' },
  });
  for (const event of events) for (const line of event.split('\n')) expect(line).toMatch(/^(event: |data: \{.*\}$)/);
  expect(upstream.requests).toHaveLength(1);
});

test.each<[string, readonly UpstreamFrame[], 'close' | 'cut']>([
  ['a finish reason without [DONE]', [role, word('Hel'), chatChunk({}, 'stop')], 'close'],
  ['a connection cut after [DONE]', chatFrames(['Hel']), 'cut'],
  ['a last event without its blank line', [role, word('Hel'), 'data: [DONE]'], 'close'],
  [
    'message_stop',
    [{ type: 'message_start' }, { type: 'content_block_delta', delta: { text: 'Hel' } }, { type: 'message_stop' }],
    'close',
  ],
  [
    'response.completed',
    [
      { type: 'response.output_text.delta', delta: 'Hel' },
      { type: 'response.completed', response: {} },
    ],
    'cut',
  ],
  ['a stream of somebody else’s', ['data: Hel\n\n', { tick: 2 }], 'close'],
])('%s is a good end', async (_, frames, end) => {
  const upstream = await playing(sse(frames, end));
  const text = await (await fetching()(upstream.url, asked)).text();
  expect(text).toContain('Hel');
  expect(text).not.toContain('stream_interrupted');
});

test('a stream of somebody else’s that is cut fails as fetch lets it fail', async () => {
  const upstream = await playing(sse(['data: Hel\n\n', { tick: 2 }], 'cut'));
  const error = await failureOf((await fetching()(upstream.url)).text());
  expect(error).toBeInstanceOf(TypeError);
});

test('a stream that stays open after [DONE] ends all the same', async () => {
  const upstream = await playing(sse(chatFrames(['Hel']), 'hang'));
  const text = await (await fetching({ timeouts: { gapMs: 400 } })(upstream.url, asked)).text();
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
});

test('B17: a breaker of the default pipeline hears how a stream ends', async () => {
  const runtime = virtualRuntime();
  const upstream = await playing(sse([role, word('Hel')]));
  const fetch = resilientFetch({}, runtime);
  for (let call = 0; call < 10; call += 1) await (await fetch(upstream.url, asked)).text();
  expect(await failureOf(fetch(upstream.url, { ...asked, signal: AbortSignal.timeout(200) }))).toBeInstanceOf(
    DOMException,
  );
  expect(upstream.requests).toHaveLength(10);
});

test('GW9: nothing is read ahead of the reader', async () => {
  const piece = word('x'.repeat(60_000));
  const upstream = await playing(sse([role, ...Array.from({ length: 800 }, () => piece), 'data: [DONE]\n\n']));
  const response = await fetching()(upstream.url, asked);
  const reader = response.body?.getReader();
  await reader?.read();
  const [request] = upstream.requests;
  const over = await Promise.race([
    request?.over.then(() => 'over'),
    new Promise((resolve) => setTimeout(resolve, 100, 'waiting')),
  ]);
  expect(over).toBe('waiting');
  let bytes = 0;
  for (let step = await reader?.read(); step !== undefined && !step.done; step = await reader?.read()) {
    bytes += step.value.byteLength;
  }
  expect(bytes).toBeGreaterThan(48_000_000);
});

test('a policy of one’s own stands around the beginning of the answer, and sees the failures', async () => {
  const breaker = circuitBreaker({ name: 'own', consecutive: 3 });
  const upstream = await playing(busy);
  const fetch = resilientFetch({ policy: pipeline(retry({ attempts: 3, baseDelayMs: 1 }), breaker) });
  await fetch(upstream.url, asked);
  expect(breaker.state).toBe('closed'); // loading is no failure
  const down = await playing({ kind: 'reset' });
  await failureOf(fetch(down.url, asked));
  expect(breaker.state).toBe('open');
});
