import OpenAI from 'openai';
import { scriptedUpstream } from 'ripstop/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { post, type RunningGateway, startGateway } from './harness.js';

const completion = (content: string) => ({
  id: 'chatcmpl-up',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-hidden',
  system_fingerprint: 'fp_1',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});
const chunk = (delta: object, finish_reason: string | null = null) => ({
  id: 'chatcmpl-up',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-hidden',
  choices: [{ index: 0, delta, finish_reason }],
});
const stream = (...words: readonly string[]) => ({
  kind: 'sse' as const,
  frames: [...words.map((content) => chunk({ content })), chunk({}, 'stop'), 'data: [DONE]\n\n'],
});

async function streamed(client: OpenAI, model = 'default'): Promise<{ text: string; models: Set<string> }> {
  const chunks = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'What is the capital of France?' }],
    temperature: 0,
    stream: true,
  });
  let text = '';
  const models = new Set<string>();
  for await (const { choices, model: served } of chunks) {
    text += choices[0]?.delta.content ?? '';
    models.add(served);
  }
  return { text, models };
}

describe('the embedded model', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(async () => {
    await gateway.stop();
  });

  test('R103 R99: POST /generate answers with the guide’s keys and real text', async () => {
    const { status, headers, body } = await post(`${gateway.url}/generate`, {
      prompt: 'What is a circuit breaker?',
      max_tokens: 40,
    });
    expect(status).toBe(200);
    expect(Object.keys(body).toSorted()).toEqual(['generated_text', 'input_tokens', 'success']);
    expect(body['generated_text']).toMatch(/call|service/);
    expect(body['input_tokens']).toBeGreaterThan(3);
    expect(headers.get('x-ripstop-model')).toBe('local');
    expect(headers.get('x-ripstop-attempts')).toBe('1');
    expect(headers.get('x-ripstop-fallback')).toBe('false');
    expect(headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('R103: POST /generate streams deltas, then says that it is done', async () => {
    const { text } = await post(`${gateway.url}/generate`, {
      prompt: 'What is the capital of France?',
      temperature: 0,
      stream: true,
    });
    const events = text
      .split('\n\n')
      .filter((event) => event.startsWith('data: '))
      .map((event) => JSON.parse(event.slice(6)) as Record<string, unknown>);
    expect(events.map(({ delta }) => (typeof delta === 'string' ? delta : '')).join('')).toContain('Paris');
    expect(events.at(-1)).toMatchObject({ done: true, success: true, input_tokens: expect.any(Number) });
  });

  test('the openai package chats with it, whole and as a stream', async () => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const whole = await client.chat.completions.create({
      model: 'default',
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      temperature: 0,
    });
    expect(whole.choices[0]?.message.content).toContain('Paris');
    expect(whole.model).toBe('local');
    expect(whole.usage?.total_tokens).toBe((whole.usage?.prompt_tokens ?? 0) + (whole.usage?.completion_tokens ?? 0));
    const { text, models } = await streamed(client);
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(models).toEqual(new Set(['local']));
  });

  test('the openai package gets a typed error that it understands', async () => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const failure = await streamed(client, 'gpt-9').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(OpenAI.NotFoundError);
    expect(failure).toMatchObject({ code: 'model_not_found' });
  });

  test('/v1/models lists what callers may ask for, and says what the model can do', async () => {
    const list = (await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: Record<string, unknown>[] };
    expect(list.data).toMatchObject([
      { id: 'default', object: 'model', context_length: 512, description: expect.stringContaining('is no assistant') },
    ]);
  });

  test('/health names the runtime; /livez and /readyz say ok', async () => {
    const health = await (await fetch(`${gateway.url}/health`)).json();
    expect(health).toMatchObject({
      overall_status: 'healthy',
      critical_failures: [],
      checks: {
        local: {
          status: 'healthy',
          details: { state: 'ready', runtime: expect.stringMatching(/^(interpreter|llama\.cpp)$/) },
        },
      },
    });
    expect((await fetch(`${gateway.url}/livez`)).status).toBe(200);
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  });

  test('every request is one log line: id, route, model, status, ms', async () => {
    await post(`${gateway.url}/generate`, { prompt: 'Hello', max_tokens: 8 }, { 'x-correlation-id': 'log-1' });
    await post(`${gateway.url}/generate`, { prompt: 'Hello', model: 'gpt-9' }, { 'x-correlation-id': 'log-2' });
    const lines = () => gateway.log().filter(({ id }) => id === 'log-1' || id === 'log-2');
    await expect.poll(lines).toHaveLength(2);
    expect(lines()).toMatchObject([
      { id: 'log-1', route: '/generate', model: 'local', status: 200, ms: expect.any(Number) },
      { id: 'log-2', route: '/generate', status: 404, error_type: 'model_not_found', ms: expect.any(Number) },
    ]);
  });
});

describe('upstreams in a configuration', () => {
  test('the openai package streams from an upstream, which hears nothing but what it must', async () => {
    await using upstream = await scriptedUpstream([stream('Par', 'is.')]);
    const gateway = await startGateway({
      yaml: `upstreams: { main: { url: "${upstream.url}", model: gpt-x, key: secret } }\nmodels: { default: [main] }\n`,
    });
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'callers-own', maxRetries: 0 });
    const { text, models } = await streamed(client);
    await gateway.stop();
    expect(text).toBe('Paris.');
    expect(models).toEqual(new Set(['main']));
    expect(upstream.requests).toHaveLength(1);
    expect(upstream.requests[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer secret', 'x-correlation-id': expect.any(String) },
      body: { model: 'gpt-x', stream: true, temperature: 0 },
    });
  });

  test('an answer keeps what the upstream said besides, and its own names stay inside', async () => {
    await using upstream = await scriptedUpstream([{ kind: 'json', body: completion('Paris.') }]);
    const gateway = await startGateway({
      yaml: `upstreams: { main: { url: "${upstream.url}", model: gpt-x } }\nmodels: { default: [main] }\n`,
    });
    const { body, headers } = await post(`${gateway.url}/v1/chat/completions`, {
      messages: [{ role: 'user', content: 'hi' }],
      tools: [{ type: 'function', function: { name: 'f' } }],
    });
    await gateway.stop();
    expect(body).toEqual({ ...completion('Paris.'), model: 'main' });
    expect(headers.get('x-ripstop-model')).toBe('main');
    expect(upstream.requests[0]?.body).toMatchObject({ tools: [{ type: 'function' }] });
  });

  test('a dead first upstream is replaced by the second without the caller noticing', async () => {
    await using spare = await scriptedUpstream([
      stream('Par', 'is.'),
      stream('Par', 'is.'),
      { kind: 'json', body: completion('Paris.') },
    ]);
    const dead = await scriptedUpstream([{ kind: 'hang' }]);
    const { url: deadUrl } = dead;
    await dead.close();
    const gateway = await startGateway({
      yaml: `upstreams:\n  main: { url: "${deadUrl}", model: gpt-x }\n  spare: { url: "${spare.url}", model: gpt-y }\nmodels: { default: [main, spare] }\n`,
    });
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const first = await streamed(client);
    const second = await streamed(client);
    const whole = await post(`${gateway.url}/v1/chat/completions`, { messages: [{ role: 'user', content: 'hi' }] });
    await gateway.stop();
    expect(first).toEqual({ text: 'Paris.', models: new Set(['spare']) });
    expect(second).toEqual(first);
    expect(whole.status).toBe(200);
    expect(whole.headers.get('x-ripstop-fallback')).toBe('true');
  });

  test('when all have failed, the first cause decides, all attempts are told, and no host is', async () => {
    await using main = await scriptedUpstream([
      {
        kind: 'json',
        status: 429,
        headers: { 'retry-after': '20' },
        body: { error: { message: 'Rate limit reached', code: 'rate_limit_exceeded' } },
      },
    ]);
    await using spare = await scriptedUpstream([
      {
        kind: 'json',
        status: 401,
        body: { error: { message: 'Incorrect API key provided: sk-canary', code: 'invalid_api_key' } },
      },
    ]);
    const gateway = await startGateway({
      yaml: `upstreams:\n  main: { url: "${main.url}", model: gpt-x }\n  spare: { url: "${spare.url}", model: gpt-y }\nmodels: { default: [main, spare] }\n`,
    });
    const { status, headers, body, text } = await post(`${gateway.url}/v1/chat/completions`, {
      messages: [{ role: 'user', content: 'hi' }],
    });
    const output = gateway.output();
    await gateway.stop();
    expect(status).toBe(429);
    expect(headers.get('retry-after')).toBe('20');
    expect(body['error']).toMatchObject({
      error_type: 'rate_limited',
      origin: 'upstream',
      attempts: [
        { model: 'main', error_type: 'rate_limited', status: 429 },
        { model: 'spare', error_type: 'authentication_failed', status: 401 },
      ],
    });
    for (const hidden of ['127.0.0.1', 'sk-canary', String(main.port)]) expect(text).not.toContain(hidden);
    expect(output.slice(output.indexOf('Ctrl-C'))).not.toContain('sk-canary');
  });

  test('a credential of ours that is refused is a 502, since the caller’s key is fine', async () => {
    await using upstream = await scriptedUpstream([
      { kind: 'json', status: 401, body: { error: { message: 'no', code: 'invalid_api_key' } } },
    ]);
    const gateway = await startGateway({
      yaml: `upstreams: { main: { url: "${upstream.url}", model: gpt-x } }\nmodels: { default: [main] }\n`,
    });
    const { status, body } = await post(`${gateway.url}/generate`, { prompt: 'hi' });
    await gateway.stop();
    expect(status).toBe(502);
    expect(body).toMatchObject({ error_type: 'authentication_failed', is_retryable: false });
  });

  test('a stream that breaks off after its first word ends in an error frame, and in no [DONE]', async () => {
    await using upstream = await scriptedUpstream([{ kind: 'sse', frames: [chunk({ content: 'Par' })], end: 'cut' }]);
    const gateway = await startGateway({
      yaml: `upstreams: { main: { url: "${upstream.url}", model: gpt-x } }\nmodels: { default: [main] }\n`,
    });
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const failure = await streamed(client).catch((error: unknown) => error);
    await gateway.stop();
    expect(failure).toBeInstanceOf(OpenAI.APIError);
    expect(failure).toMatchObject({ code: 'stream_interrupted' });
  });
});

describe('keys', () => {
  test('server.keys and adminKeys are enforced, and OpenAI’s client presents them as it always does', async () => {
    const gateway = await startGateway({
      yaml: 'server: { keys: ["${CALLER_KEY}"], adminKeys: [root] }\n',
      env: { CALLER_KEY: 'alpha' },
    });
    const prompt = { prompt: 'What is 12 - 4?', max_tokens: 8 };
    const refused = await post(`${gateway.url}/generate`, prompt);
    const wrong = await post(`${gateway.url}/generate`, prompt, { 'x-api-key': 'canary-key' });
    const passed = await post(`${gateway.url}/generate`, prompt, { 'x-api-key': 'alpha' });
    const inside = await fetch(`${gateway.url}/status`, { headers: { 'x-api-key': 'alpha' } });
    const insideUnknown = await fetch(`${gateway.url}/status`);
    const probe = await fetch(`${gateway.url}/livez`);
    const models = await new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'alpha' }).models.list();
    const output = gateway.output();
    await gateway.stop();
    expect(refused).toMatchObject({ status: 401, body: { error_type: 'authentication_failed' } });
    expect(wrong.status).toBe(401);
    expect(passed.status).toBe(200);
    expect(inside.status).toBe(403);
    expect(insideUnknown.status).toBe(401);
    expect(probe.status).toBe(200);
    expect(models.data.map(({ id }) => id)).toEqual(['default']);
    expect(output).not.toContain('canary-key');
  });
});
