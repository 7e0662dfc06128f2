/** OpenAI's endpoints beside chat, with OpenAI's own package as the client. */
import { chatAnswer, type UpstreamScene } from 'ripstop/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientOf, completed, completedInPieces, down, embedded, over, painted, png, said } from './endpoint-scenes.js';
import { post, type RunningGateway, startGateway } from './harness.js';

describe('with no configuration', () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(async () => {
    await gateway.stop();
  });
  const question = { prompt: 'What is the capital of France?', temperature: 0, max_tokens: 40 };

  test('the embedded model completes what it is given, whole and as a stream, and embeds nothing', async () => {
    const client = clientOf(gateway);
    const asked = { model: 'default', ...question };
    const whole = await client.completions.create(asked);
    expect(whole).toMatchObject({
      object: 'text_completion',
      model: 'local',
      usage: { total_tokens: expect.any(Number) },
    });
    expect(whole.choices[0]?.text).toContain('Paris');
    let text = '';
    let reason: string | null = null;
    for await (const { choices } of await client.completions.create({ ...asked, stream: true })) {
      text += choices[0]?.text ?? '';
      reason = choices[0]?.finish_reason ?? reason;
    }
    expect(text).toBe(whole.choices[0]?.text);
    expect(reason).toBe('stop');
    await expect(client.completions.create({ ...asked, prompt: ['a', 'b'] })).rejects.toMatchObject({ status: 400 });
    await expect(client.embeddings.create({ model: 'default', input: 'a' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  test.each([
    ['/generate_resilient', { prompt: ' ' }],
    ['/adaptive_generate', { prompt: 'Hi', max_tokens: 0 }],
    ['/generate_image', { prompt: 'Hi', width: 'wide' }],
    ['/v1/completions', {}],
    ['/v1/embeddings', { input: [] }],
    ['/v1/images/generations', { prompt: 'Hi', size: 'large' }],
    ['/v1/images/generations', { prompt: 'Hi', response_format: 'url' }],
  ])('POST %s refuses what is no request: %j', async (path, body) => {
    const { status, text } = await post(`${gateway.url}${path}`, body);
    expect(status).toBe(422);
    expect(text).toContain('validation_error');
  });
});

describe('with upstreams', () => {
  test('the openai package completes, whole and as a stream, past a dead first upstream', async () => {
    await using played = await over([down], [completed, completedInPieces]);
    const { client, upstreams } = played;
    const asked = { model: 'default', prompt: 'Once', suffix: '!' };
    const whole = await client.completions.create(asked).withResponse();
    expect(whole.data).toMatchObject({ id: 'cmpl-up', model: 'up1', choices: [{ text: ' upon a time' }] });
    expect(whole.response.headers.get('x-ripstop-model')).toBe('up1');
    expect(whole.response.headers.get('x-ripstop-attempts')).toBe('4');
    let text = '';
    for await (const { choices, model } of await client.completions.create({ ...asked, stream: true })) {
      text += choices[0]?.text ?? '';
      expect(model).toBe('up1');
    }
    expect(text).toBe(' upon a time');
    expect(upstreams[1]?.requests[0]).toMatchObject({
      path: '/v1/completions',
      body: { model: 'm1', prompt: 'Once', suffix: '!' },
      headers: { 'x-correlation-id': whole.response.headers.get('x-correlation-id') },
    });
  });

  test('GW8: a completion that breaks off ends in an error that the openai package throws', async () => {
    await using played = await over([{ kind: 'sse', frames: [said(' upon')], end: 'cut' }]);
    const { client } = played;
    const read = async (): Promise<void> => {
      for await (const _ of await client.completions.create({ model: 'default', prompt: 'Once', stream: true }));
    };
    await expect(read()).rejects.toMatchObject({ code: 'stream_interrupted' });
  });

  test('the openai package embeds, past a dead first upstream', async () => {
    await using played = await over([down], [embedded]);
    const { client, upstreams } = played;
    const asked = { model: 'default', input: ['a', 'b'], dimensions: 2, encoding_format: 'float' as const };
    const { data, response } = await client.embeddings.create(asked).withResponse();
    expect(data.data.map(({ embedding }) => embedding)).toEqual([
      [0.5, -0.25],
      [1, 0],
    ]);
    expect(data.model).toBe('up1');
    expect(response.headers.get('x-ripstop-fallback')).toBe('true');
    expect(upstreams[1]?.requests[0]).toMatchObject({
      path: '/v1/embeddings',
      body: { model: 'm1', input: ['a', 'b'], dimensions: 2 },
    });
  });

  test('fewer vectors than texts are no answer', async () => {
    await using played = await over([{ kind: 'json', body: { object: 'list', data: [] } }]);
    const { client } = played;
    await expect(client.embeddings.create({ model: 'default', input: ['a', 'b'] })).rejects.toMatchObject({
      status: 502,
      code: 'invalid_response',
    });
  });

  test('the openai package paints, as many pictures as it asks for, past a dead first upstream', async () => {
    await using played = await over([down], [painted]);
    const { client, upstreams } = played;
    const asked = { model: 'default', prompt: 'A lighthouse', n: 2, size: '1792x1024', quality: 'hd' } as const;
    const { data, response } = await client.images.generate(asked).withResponse();
    expect(data.data).toEqual([{ b64_json: png }, { b64_json: png }]);
    expect(response.headers.get('x-ripstop-model')).toBe('up1');
    expect(upstreams[1]?.requests.map(({ body }) => body)).toMatchObject([
      { model: 'm1', n: 1, size: '1792x1024', quality: 'hd' },
      { model: 'm1', n: 1, size: '1792x1024', quality: 'hd' },
    ]);
  });

  test('GW11: an upstream that cannot embed is still the first to chat', async () => {
    const scene: UpstreamScene = ({ path }) => {
      return path.endsWith('/embeddings') ? { kind: 'reset' } : { kind: 'json', body: chatAnswer('Hello.') };
    };
    await using played = await over([scene], [scene]);
    const { gateway } = played;
    for (let round = 0; round < 3; round += 1)
      expect((await post(`${gateway.url}/v1/embeddings`, { input: 'a' })).status).toBeGreaterThanOrEqual(502);
    const health = (await (await fetch(`${gateway.url}/health`)).json()) as { checks: Record<string, unknown> };
    expect(health.checks['up0']).toMatchObject({ details: { breaker: expect.stringMatching(/open/) } });
    const chat = await post(`${gateway.url}/generate`, { prompt: 'Hi' });
    expect(chat.headers.get('x-ripstop-model')).toBe('up0');
  });
});
