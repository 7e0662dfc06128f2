import { getEventListeners } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { errorContext } from '../call/error-context.js';
import { ModelError } from '../errors/model-error.js';
import {
  chatAnswer,
  chatFrames,
  type ScriptedUpstream,
  scriptedUpstream,
  type UpstreamScene,
} from '../testing/scripted-upstream.js';
import { type OpenaiModel, type OpenaiModelOptions, openaiModel } from './openai-client.js';

const key = 'sk-canary-4711';
let upstream: ScriptedUpstream | undefined;

afterEach(async () => {
  await upstream?.close();
  upstream = undefined;
});

async function modelOn(
  script: readonly UpstreamScene[],
  options: Partial<OpenaiModelOptions> = {},
): Promise<{ model: OpenaiModel; server: ScriptedUpstream }> {
  const server = await scriptedUpstream(script);
  upstream = server;
  return { server, model: openaiModel({ url: server.url, model: 'gpt-x', key, ...options }) };
}

async function failure(call: Promise<unknown>): Promise<ModelError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!ModelError.isInstance(error)) throw new Error('expected a ModelError', { cause: error });
  return error;
}

async function toEnd(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const item of stream) expect(item).toBeDefined();
}

test('a chat goes out in OpenAI’s words and comes back as text, usage, finish reason and the raw answer', async () => {
  const { model, server } = await modelOn([{ kind: 'json', body: chatAnswer('Hello there') }]);
  const generation = await model.generate('Hi', { maxTokens: 7, temperature: 0, topP: 0.9, seed: 3, stop: ['END'] });

  expect(generation).toMatchObject({
    text: 'Hello there',
    finishReason: 'stop',
    usage: { inputTokens: 5, outputTokens: 2 },
    raw: { object: 'chat.completion' },
  });
  const [request] = server.requests;
  expect(request).toMatchObject({ method: 'POST', path: '/v1/chat/completions' });
  expect(request?.headers).toMatchObject({ authorization: `Bearer ${key}`, 'content-type': 'application/json' });
  expect(request?.body).toEqual({
    model: 'gpt-x',
    messages: [{ role: 'user', content: 'Hi' }],
    max_tokens: 7,
    temperature: 0,
    top_p: 0.9,
    seed: 3,
    stop: ['END'],
  });
});

test('what the caller sent travels untouched, but for the model’s name and the way of answering', async () => {
  const { model, server } = await modelOn([{ kind: 'json', body: chatAnswer('ok') }]);
  await model.generate({
    model: 'default',
    stream: true,
    stream_options: { include_usage: false },
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }], name: 'ada' }],
    temperature: 0.1,
    response_format: { type: 'json_object' },
    x_vendor: { a: [1, null] },
  });
  expect(server.requests[0]?.body).toEqual({
    model: 'gpt-x',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }], name: 'ada' }],
    temperature: 0.1,
    response_format: { type: 'json_object' },
    x_vendor: { a: [1, null] },
  });
});

test('the limit on tokens goes where the request has it', async () => {
  const { model, server } = await modelOn([{ kind: 'json', body: chatAnswer('ok') }]);
  await model.generate({ messages: [], max_completion_tokens: 500 }, { maxTokens: 9 });
  expect(server.requests[0]?.body).toEqual({ model: 'gpt-x', messages: [], max_completion_tokens: 9 });
});

test('a correlation id is forwarded, and one that is none is not', async () => {
  const { model, server } = await modelOn([{ kind: 'json', body: chatAnswer('ok') }]);
  await model.generate('Hi', { correlationId: 'call-1' });
  await model.generate('Hi', { correlationId: 'a\r\nx-evil: 1' });
  expect(server.requests.map(({ headers }) => headers['x-correlation-id'])).toEqual(['call-1', undefined]);
});

test('the correlation id of the request around a call is forwarded, whole or as a stream', async () => {
  const answer = { kind: 'json', body: chatAnswer('ok') } as const;
  const { model, server } = await modelOn([answer, answer, answer]);
  await errorContext.run({ correlationId: 'req-1' }, async () => {
    await model.generate('Hi');
    await model.generate('Hi', { correlationId: 'given' });
    await toEnd(model.stream('Hi'));
  });
  expect(server.requests.map(({ headers }) => headers['x-correlation-id'])).toEqual(['req-1', 'given', 'req-1']);
});

test('own headers win, and a query in the base URL stays', async () => {
  const { server } = await modelOn([{ kind: 'json', body: chatAnswer('ok') }]);
  const url = `${server.url}/?api-version=2`;
  await openaiModel({ url, model: 'm', headers: { 'Api-Key': 'k', 'Content-Type': 'application/json; v=1' } }).generate(
    'Hi',
  );
  expect(server.requests[0]?.path).toBe('/v1/chat/completions?api-version=2');
  expect(server.requests[0]?.headers).toMatchObject({ 'api-key': 'k', 'content-type': 'application/json; v=1' });
  expect(server.requests[0]?.headers.authorization).toBeUndefined();
});

test('an answer may be tool calls, reasoning, a refusal, or text in parts', async () => {
  const says = (message: object): UpstreamScene => {
    return { kind: 'json', body: { choices: [{ index: 0, message, finish_reason: 'stop' }] } };
  };
  const calls = [{ id: '1', type: 'function', function: { name: 'f', arguments: '{}' } }];
  const { model } = await modelOn([
    says({ content: null, tool_calls: calls }),
    says({ content: null, reasoning_content: 'hm' }),
    says({ content: null, refusal: 'I will not' }),
    says({
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    }),
  ]);
  expect((await model.generate('Hi')).raw).toMatchObject({ choices: [{ message: { tool_calls: calls } }] });
  expect((await model.generate('Hi')).text).toBe('');
  expect((await model.generate('Hi')).text).toBe('I will not');
  expect((await model.generate('Hi')).text).toBe('ab');
});

const failures: readonly (readonly [what: string, scene: UpstreamScene, expected: object])[] = [
  [
    'a 503',
    { kind: 'json', status: 503, body: { error: { message: 'overloaded' } } },
    { errorType: 'model_overloaded' },
  ],
  [
    'a 429 with a wait',
    { kind: 'json', status: 429, headers: { 'retry-after': '2' }, body: { error: { message: 'Too many requests' } } },
    { errorType: 'rate_limited', retryAfterMs: 2_000 },
  ],
  [
    'a refused key, which is ours and never the caller’s',
    { kind: 'json', status: 401, body: { error: { message: `Incorrect API key provided: ${key}` } } },
    { errorType: 'authentication_failed', origin: 'upstream', status: 502 },
  ],
  [
    'an input that is too long',
    {
      kind: 'json',
      status: 400,
      body: { error: { code: 'context_length_exceeded', message: 'maximum context length is 8 tokens' } },
    },
    { errorType: 'context_length_exceeded' },
  ],
  [
    'a 502 page',
    { kind: 'text', status: 502, body: '<html>Bad gateway</html>' },
    { errorType: 'upstream_unavailable' },
  ],
  ['a redirect', { kind: 'text', status: 307, headers: { location: 'http://127.0.0.1:1/' }, body: '' }, {}],
  [
    'a 200 with an error inside',
    { kind: 'json', body: { error: { message: 'The engine is currently overloaded', code: 503 } } },
    { errorType: 'model_overloaded' },
  ],
  ['a 200 with a page', { kind: 'text', headers: { 'content-type': 'text/html' }, body: '<html></html>' }, invalid()],
  ['a 200 with half a JSON', { kind: 'text', body: '{"choices":[{"mess' }, invalid()],
  ['a 200 with JSON that is no answer', { kind: 'json', body: ['?'] }, invalid()],
  ['a 200 with nothing', { kind: 'text', body: '' }, invalid()],
  ['no choices', { kind: 'json', body: { object: 'chat.completion', choices: [] } }, invalid()],
  [
    'an empty answer',
    { kind: 'json', body: { choices: [{ index: 0, message: { content: '' }, finish_reason: 'stop' }] } },
    invalid(),
  ],
  [
    'an empty answer of a filter',
    { kind: 'json', body: { choices: [{ index: 0, message: { content: '' }, finish_reason: 'content_filter' }] } },
    { errorType: 'content_filtered' },
  ],
  ['a reset before the headers', { kind: 'reset' }, { errorType: 'upstream_unavailable', isRetryable: true }],
];

function invalid(): object {
  return { errorType: 'invalid_response' };
}

for (const [what, scene, expected] of failures) {
  test(`${what} is a ModelError that tells nothing private, for a whole answer and for a stream`, async () => {
    const { model, server } = await modelOn([scene]);
    for (const call of [() => model.generate('Hi'), () => model.stream('Hi').next()]) {
      const error = await failure(call());
      expect(error).toMatchObject(expected);
      expect(JSON.stringify(error)).not.toMatch(new RegExp(`canary|127\\.0\\.0\\.1|${server.port}`));
    }
    expect(server.requests).toHaveLength(2);
  });
}

test('nobody listening is upstream_unavailable, retryable, and names no port', async () => {
  const { model, server } = await modelOn([{ kind: 'hang' }]);
  await server.close();
  for (const call of [() => model.generate('Hi'), () => model.stream('Hi').next()]) {
    const error = await failure(call());
    expect(error).toMatchObject({ errorType: 'upstream_unavailable', isRetryable: true });
    expect(JSON.stringify(error)).not.toContain(String(server.port));
    expect(error.cause).toBeDefined();
  }
});

test('an answer with content that was cut by the filter is an answer', async () => {
  const choices = [{ index: 0, message: { content: 'Once upon' }, finish_reason: 'content_filter' }];
  const { model } = await modelOn([{ kind: 'json', body: { choices } }]);
  expect(await model.generate('Hi')).toMatchObject({ text: 'Once upon', finishReason: 'content_filter' });
});

test('GW25: silence before the headers ends at headersMs, and the connection with it', async () => {
  const { model, server } = await modelOn([{ kind: 'hang' }], { timeouts: { headersMs: 50 } });
  expect(await failure(model.generate('Hi'))).toMatchObject({
    errorType: 'inference_timeout',
    details: { phase: 'headers', timeout_seconds: 0.05 },
  });
  await server.requests[0]?.over;
  expect(server.requests[0]?.aborted).toBe(true);
});

test('GW25: a body that stalls after its headers ends at gapMs', async () => {
  const scene: UpstreamScene = { kind: 'json', body: chatAnswer('late'), bodyDelayMs: 3_000 };
  const { model, server } = await modelOn([scene], { timeouts: { gapMs: 50 } });
  expect(await failure(model.generate('Hi'))).toMatchObject({
    errorType: 'inference_timeout',
    details: { phase: 'gap', timeout_seconds: 0.05 },
  });
  await server.requests[0]?.over;
  expect(server.requests[0]?.aborted).toBe(true);
});

test('a body beyond the limit is an invalid response, and is not read to its end', async () => {
  const endless: UpstreamScene = { kind: 'sse', frames: ['x'.repeat(200_000)], end: 'hang' };
  const { model, server } = await modelOn([endless], { maxBodyBytes: 100_000 });
  expect(await failure(model.generate('Hi'))).toMatchObject({
    errorType: 'invalid_response',
    details: { max_bytes: 100_000 },
  });
  await server.requests[0]?.over;
  expect(server.requests[0]?.aborted).toBe(true);
});

test('GW10: an abort before the headers closes the connection within 100 ms, and its reason passes through', async () => {
  const { model, server } = await modelOn([{ kind: 'hang' }]);
  for (const ask of [
    (signal: AbortSignal) => model.generate('Hi', { signal }),
    (signal: AbortSignal) => model.stream('Hi', { signal }).next(),
  ]) {
    const controller = new AbortController();
    const call = ask(controller.signal);
    const request = await server.request(server.requests.length);
    const reason = new Error('user pressed stop');
    const before = performance.now();
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await request.over;
    expect(performance.now() - before).toBeLessThan(100);
    expect(request.aborted).toBe(true);
  }
});

test('a caller who has left already is not sent for', async () => {
  const { model, server } = await modelOn([{ kind: 'json', body: chatAnswer('ok') }]);
  const signal = AbortSignal.abort('gone');
  await expect(model.generate('Hi', { signal })).rejects.toBe('gone');
  await expect(model.stream('Hi', { signal }).next()).rejects.toBe('gone');
  expect(server.requests).toHaveLength(0);
});

test('connections are used again, after whole answers, streams and errors', async () => {
  const { model, server } = await modelOn([
    ({ body }) => {
      if ((body as { stream?: boolean }).stream) return { kind: 'sse', frames: chatFrames(['two']) };
      return { kind: 'json', status: server.requests.length % 3 === 0 ? 503 : 200, body: chatAnswer('one') };
    },
  ]);
  for (let round = 0; round < 5; round += 1) {
    await model.generate('Hi').catch((error: unknown) => expect(error).toBeInstanceOf(ModelError));
    await toEnd(model.stream('Hi'));
  }
  expect(server.requests).toHaveLength(10);
  // fetch may open a second one before it has seen the end of an answer.
  expect(new Set(server.requests.map(({ connection }) => connection)).size).toBeLessThanOrEqual(2);
});

test('a caller’s signal is left as it was found', async () => {
  const { model } = await modelOn([{ kind: 'json', body: chatAnswer('ok') }]);
  const { signal } = new AbortController();
  for (const ask of [() => model.generate('Hi', { signal }), () => toEnd(model.stream('Hi', { signal }))]) {
    const call = ask();
    expect(getEventListeners(signal, 'abort').length).toBe(1);
    await call;
    expect(getEventListeners(signal, 'abort').length).toBe(0);
  }
});

test('a transport can be brought along; it is handed the whole request', async () => {
  const bytes = new TextEncoder().encode(JSON.stringify(chatAnswer('from elsewhere')));
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 10);
    yield bytes.subarray(10);
  }
  const seen: unknown[] = [];
  const model = openaiModel({
    url: 'https://models.example/v1',
    model: 'm',
    timeouts: { connectMs: 2_000 },
    transport: ({ signal, body: _body, ...request }) => {
      seen.push(request, signal.aborted);
      return Promise.resolve({ status: 200, headers: { 'content-type': 'application/json' }, body: body() });
    },
  });
  expect(await model.generate('Hi')).toMatchObject({ text: 'from elsewhere' });
  expect(seen).toEqual([
    {
      method: 'POST',
      url: 'https://models.example/v1/chat/completions',
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      connectMs: 2_000,
    },
    false,
  ]);
});

test('a bad option is refused at once, and a secret in it is not repeated', () => {
  const make = (options: Partial<OpenaiModelOptions>) => () =>
    openaiModel({ url: 'http://127.0.0.1/v1', model: 'm', ...options });
  expect(make({ url: 'localhost:1' })).toThrow(new RangeError('url must be an http or https URL, got "localhost:1"'));
  expect(make({ model: '' })).toThrow(new RangeError('model must be a name, got ""'));
  expect(make({ timeouts: { headersMs: 0 } })).toThrow(new RangeError('headersMs must be above 0, got 0'));
  expect(make({ timeouts: { gapMs: Number.NaN } })).toThrow(RangeError);
  expect(make({ contextLength: 0 })).toThrow(RangeError);
  expect(make({ maxBodyBytes: 1.5 })).toThrow(RangeError);
  for (const secret of [
    { key: `${key}\n` },
    { url: `http://me:${key}@127.0.0.1/` },
    { headers: { 'x-key': `${key}\r` } },
  ]) {
    expect(make(secret)).toThrow(RangeError);
    expect(make(secret)).not.toThrow(key);
  }
});
