/** The guide's cords beside `/generate`, as a client meets them. */
import { chatAnswer, chatFrames, scriptedUpstream, type UpstreamScene } from 'ripstop/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientOf, down, events, outOfMemory, over, painted, png } from './endpoint-scenes.js';
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

  test('R124 R116: POST /generate_resilient answers with the guide’s keys', async () => {
    const { status, headers, body } = await post(`${gateway.url}/generate_resilient`, question);
    expect(status).toBe(200);
    expect(body).toEqual({
      generated_text: expect.stringContaining('Paris'),
      model_used: 'local',
      was_fallback: false,
    });
    expect(headers.get('x-ripstop-model')).toBe('local');
    expect(headers.get('server-timing')).toMatch(/^gw;dur=/);
  });

  test('R124: POST /generate_resilient streams, and says at the end who spoke', async () => {
    const { text } = await post(`${gateway.url}/generate_resilient`, { ...question, stream: true });
    const all = events(text);
    expect(all.map(({ delta }) => (typeof delta === 'string' ? delta : '')).join('')).toContain('Paris');
    expect(all.at(-1)).toMatchObject({ done: true, model_used: 'local', was_fallback: false, success: true });
  });

  test('R132: POST /adaptive_generate answers with the guide’s keys, and streams', async () => {
    const { status, body } = await post(`${gateway.url}/adaptive_generate`, question);
    expect(status).toBe(200);
    expect(Object.keys(body).toSorted()).toEqual(['generated_text', 'input_tokens', 'success']);
    const { text } = await post(`${gateway.url}/adaptive_generate`, { ...question, stream: true });
    expect(events(text).at(-1)).toMatchObject({ done: true, success: true });
  });

  test('R105: POST /generate_image says which line of configuration is missing', async () => {
    const { status, body } = await post(`${gateway.url}/generate_image`, { prompt: 'A lighthouse' });
    expect(status).toBe(404);
    expect(body).toMatchObject({
      error_type: 'model_not_found',
      error: expect.stringContaining('images: { default: [main] }'),
      details: { missing: 'images: { default: [main] }' },
    });
    const client = clientOf(gateway);
    await expect(client.images.generate({ prompt: 'A lighthouse' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });
});

describe('with upstreams', () => {
  test('R124: a dead first model is replaced, and the answer says so, whole and as a stream', async () => {
    await using played = await over(
      [down],
      [
        { kind: 'json', body: chatAnswer('Hello.') },
        { kind: 'sse', frames: chatFrames(['Hel', 'lo.']) },
      ],
    );
    const { gateway } = played;
    const whole = await post(`${gateway.url}/generate_resilient`, { prompt: 'Hi' });
    expect(whole.body).toEqual({ generated_text: 'Hello.', model_used: 'up1', was_fallback: true });
    expect(whole.headers.get('x-ripstop-fallback')).toBe('true');
    const streamed = await post(`${gateway.url}/generate_resilient`, { prompt: 'Hi', stream: true });
    expect(events(streamed.text)).toEqual([
      { delta: 'Hel' },
      { delta: 'lo.' },
      expect.objectContaining({ done: true, model_used: 'up1', was_fallback: true, success: true }),
    ]);
  });

  test('R105 R109: POST /generate_image asks with the guide’s parameters and answers with its keys', async () => {
    await using played = await over([painted]);
    const { gateway, upstreams } = played;
    const { status, headers, body } = await post(`${gateway.url}/generate_image`, {
      prompt: 'A lighthouse',
      width: 768,
    });
    expect(status).toBe(200);
    expect(body).toEqual({ image: png, width: 768, height: 512, steps: 20, success: true });
    expect(headers.get('x-ripstop-model')).toBe('up0');
    expect(upstreams[0]?.requests[0]).toMatchObject({
      path: '/v1/images/generations',
      body: { model: 'm0', prompt: 'A lighthouse', size: '768x512', num_inference_steps: 20, guidance_scale: 7.5 },
    });
  });

  test('R106 R110: what is too large is refused, and memory that ran out is met with a smaller picture', async () => {
    await using played = await over([outOfMemory, painted]);
    const { gateway } = played;
    const large = await post(`${gateway.url}/generate_image`, { prompt: 'A lighthouse', width: 2_048, height: 1_024 });
    expect(large).toMatchObject({
      status: 400,
      body: { error_type: 'invalid_input', details: { max_resolution: '1024x1024', requested: '2048x1024' } },
    });
    const reduced = await post(`${gateway.url}/generate_image`, { prompt: 'A lighthouse', width: 1_024, height: 768 });
    expect(reduced.body).toMatchObject({
      width: 512,
      height: 384,
      steps: 10,
      warning: 'Parameters reduced due to memory constraints',
    });
  });

  test('R111 D69: a picture that cannot be had is a typed failure without the prompt in it', async () => {
    const prompt = 'A lighthouse of canaries';
    const scene: UpstreamScene = { kind: 'json', status: 400, body: { error: { message: `Cannot paint: ${prompt}` } } };
    await using played = await over([scene]);
    const { gateway } = played;
    for (const path of ['/generate_image', '/v1/images/generations']) {
      const { status, text } = await post(`${gateway.url}${path}`, { prompt });
      expect(status).toBe(400);
      expect(text).toContain('invalid_input');
      expect(text).not.toContain(prompt);
    }
    expect(gateway.output()).not.toContain(prompt);
  });

  test('R108: an upstream of Chutes is asked its own way, and its bytes become base64', async () => {
    const bytes: UpstreamScene = {
      kind: 'sse',
      headers: { 'content-type': 'image/png' },
      frames: [Buffer.from(png, 'base64')],
    };
    await using upstream = await scriptedUpstream([bytes]);
    const gateway = await startGateway({
      yaml: [
        `upstreams: { local: { engine: embedded }, painter: { url: "http://127.0.0.1:${upstream.port}", model: p, images: chutes } }`,
        'images: { default: [painter] }',
      ].join('\n'),
    });
    const { body } = await post(`${gateway.url}/generate_image`, { prompt: 'A lighthouse', seed: 7 });
    await gateway.stop('SIGKILL');
    expect(body['image']).toBe(png);
    expect(upstream.requests[0]).toMatchObject({
      path: '/generate',
      body: { model: 'p', prompt: 'A lighthouse', width: 512, height: 512, num_inference_steps: 20, seed: 7 },
    });
  });
});

test('R133 GW16: the gateway’s own pressure shortens answers, and they say so', async () => {
  const scene: UpstreamScene = ({ path }) => {
    return path.endsWith('/embeddings') ? { kind: 'hang' } : { kind: 'json', body: chatAnswer('Hello.') };
  };
  await using upstream = await scriptedUpstream([scene]);
  const gateway = await startGateway({
    yaml: [
      `upstreams: { main: { url: "${upstream.url}", model: x } }`,
      'models: { default: [main] }',
      'load: { maxInFlight: 10, levels: { reduced: 0.15, minimal: 0.9 } }',
    ].join('\n'),
  });
  const leaving = new AbortController();
  const held = [1, 2, 3].map(() =>
    fetch(`${gateway.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input: 'a' }),
      signal: leaving.signal,
    }).catch((error: unknown) => error),
  );
  const ask = () => post(`${gateway.url}/adaptive_generate`, { prompt: 'Hi', max_tokens: 100 });
  await expect
    .poll(async () => (await ask()).body['degradation_level'], { timeout: 15_000, interval: 300 })
    .toBe('reduced');
  const { headers, body } = await ask();
  expect(headers.get('x-ripstop-degraded')).toBe('max_tokens');
  expect(body['warning']).toEqual(expect.any(String));
  leaving.abort();
  await Promise.all(held);
  await gateway.stop('SIGKILL');
});
