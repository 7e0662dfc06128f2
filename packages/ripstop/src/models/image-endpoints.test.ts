/** The image models behind HTTP, against a real server. */
import { expect, test } from 'vitest';
import { scriptedUpstream, type UpstreamScene } from '../testing/scripted-upstream.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { chutesImages } from './chutes-images.js';
import type { ImageRequest } from './image-model.js';
import { openaiImages } from './openai-images.js';
import { safeGenerateImage } from './safe-generate-image.js';

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 16, 74, 70, 73, 70, 0, 1, 1, 1, 0, 72]);
const request: ImageRequest = {
  prompt: 'A red pixel',
  negativePrompt: 'blue',
  width: 768,
  height: 512,
  steps: 20,
  guidanceScale: 7.5,
  seed: 7,
};

const painted: UpstreamScene = { kind: 'json', body: { created: 1, data: [{ b64_json: png }] } };
const rawJpeg: UpstreamScene = {
  kind: 'sse',
  headers: { 'content-type': 'image/jpeg' },
  frames: [jpeg.subarray(0, 5), jpeg.subarray(5)],
};

async function failure(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => error,
  );
}

test('R108: openaiImages sends what OpenAI understands, and answers its base64', async () => {
  await using upstream = await scriptedUpstream([painted]);
  const model = openaiImages({ url: upstream.url, model: 'dall-e', key: 'sk-1' });
  expect(await model.generate(request, { correlationId: 'c-1' })).toBe(png);
  expect(upstream.requests[0]).toMatchObject({
    method: 'POST',
    path: '/v1/images/generations',
    headers: { authorization: 'Bearer sk-1', 'x-correlation-id': 'c-1', 'content-type': 'application/json' },
  });
  expect(upstream.requests[0]?.body).toEqual({
    model: 'dall-e',
    prompt: 'A red pixel',
    n: 1,
    size: '768x512',
    response_format: 'b64_json',
  });
});

test('R108: servers of open models get all parameters, and fields of one’s own win', async () => {
  await using upstream = await scriptedUpstream([painted]);
  const fields = { response_format: undefined, quality: 'low' };
  await openaiImages({ url: upstream.url, model: 'sdxl', parameters: 'diffusion', fields }).generate(request);
  expect(upstream.requests[0]?.body).toEqual({
    model: 'sdxl',
    prompt: 'A red pixel',
    n: 1,
    size: '768x512',
    num_inference_steps: 20,
    guidance_scale: 7.5,
    negative_prompt: 'blue',
    seed: 7,
    quality: 'low',
  });
});

test('R108: chutesImages sends the flat body of the platform’s template, and answers its bytes', async () => {
  await using upstream = await scriptedUpstream([rawJpeg]);
  const model = chutesImages({ url: `http://127.0.0.1:${upstream.port}`, key: 'cpk_1' });
  expect(await safeGenerateImage(model, 'A red pixel', { negativePrompt: 'blue', seed: 7 })).toEqual({
    image: Buffer.from(jpeg).toString('base64'),
    width: 512,
    height: 512,
    steps: 20,
    success: true,
    media_type: 'image/jpeg',
  });
  expect(upstream.requests[0]).toMatchObject({ path: '/generate', headers: { authorization: 'Bearer cpk_1' } });
  expect(upstream.requests[0]?.body).toEqual({
    prompt: 'A red pixel',
    negative_prompt: 'blue',
    width: 512,
    height: 512,
    num_inference_steps: 20,
    guidance_scale: 7.5,
    seed: 7,
  });
});

test.each<[string, UpstreamScene, object]>([
  ['a link', { kind: 'json', body: { data: [{ url: 'http://a.example/x.png' }] } }, { errorType: 'invalid_response' }],
  ['no picture', { kind: 'json', body: { data: [] } }, { errorType: 'invalid_response' }],
  ['a page', { kind: 'text', body: '<html>Oops</html>' }, { errorType: 'invalid_response' }],
  [
    'an error with 200',
    { kind: 'json', body: { error: { message: 'CUDA out of memory' } } },
    { errorType: 'out_of_memory' },
  ],
  [
    'busy',
    { kind: 'json', status: 429, body: { detail: 'Infrastructure is at maximum capacity, try again later' } },
    { errorType: 'model_overloaded' },
  ],
  [
    'cold',
    { kind: 'json', status: 503, body: { detail: 'No instances available (yet) for chute_id=1' } },
    { errorType: 'model_loading_failed' },
  ],
  [
    'no money',
    { kind: 'json', status: 402, body: { detail: { message: 'Quota exceeded and account balance is $0.0' } } },
    { errorType: 'quota_exceeded' },
  ],
  [
    'a wrong key',
    { kind: 'json', status: 401, body: { detail: 'Authentication required.' } },
    { errorType: 'authentication_failed', origin: 'upstream' },
  ],
  ['reset', { kind: 'reset' }, { errorType: 'upstream_unavailable' }],
])('R111 D68: %s is the error that it means, from both image models', async (_what, scene, expected) => {
  await using upstream = await scriptedUpstream([scene]);
  for (const model of [openaiImages({ url: upstream.url, model: 'm' }), chutesImages({ url: upstream.url })]) {
    const error = await failure(Promise.resolve(model.generate(request)));
    expect(error).toMatchObject({ name: expect.stringMatching(/Error$/), ...expected });
    expect((error as Error).message).not.toContain(String(upstream.port));
  }
});

test('D71: a caller who leaves ends the request, and his reason passes', async () => {
  await using upstream = await scriptedUpstream([{ kind: 'hang' }]);
  const controller = new AbortController();
  const call = failure(chutesImages({ url: upstream.url }).generate(request, { signal: controller.signal }));
  const arrived = await upstream.request(0);
  const reason = new Error('gone home');
  controller.abort(reason);
  expect(await call).toBe(reason);
  await arrived.over;
  expect(arrived.aborted).toBe(true);
});

test('D71: headers that do not come end the request, after two minutes where nothing else was said', async () => {
  const runtime = virtualRuntime();
  let aborted = false;
  const model = openaiImages(
    {
      url: 'http://127.0.0.1/v1',
      model: 'm',
      transport: ({ signal }) => new Promise(() => signal.addEventListener('abort', () => (aborted = true))),
    },
    runtime,
  );
  const call = failure(model.generate(request));
  await runtime.clock.advance(119_999);
  expect(aborted).toBe(false);
  await runtime.clock.advance(1);
  expect(await call).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'headers' } });
  expect([aborted, runtime.clock.pending]).toEqual([true, 0]);
});

test('an answer that is too large is not read', async () => {
  await using upstream = await scriptedUpstream([rawJpeg]);
  expect(await chutesImages({ url: upstream.url, maxBodyBytes: jpeg.length }).generate(request)).toHaveLength(16);
  const error = await failure(chutesImages({ url: upstream.url, maxBodyBytes: jpeg.length - 1 }).generate(request));
  expect(error).toMatchObject({ errorType: 'invalid_response', details: { max_bytes: 15 } });
});

test('a bad option is refused, and no secret is repeated', () => {
  expect(() => openaiImages({ url: 'http://127.0.0.1', model: '' })).toThrow(RangeError);
  expect(() => openaiImages({ url: 'http://127.0.0.1', model: 'm', parameters: 'all' as 'openai' })).toThrow(
    RangeError,
  );
  expect(() => chutesImages({ url: 'ftp://127.0.0.1' })).toThrow(RangeError);
  expect(() => chutesImages({ url: 'http://127.0.0.1', timeouts: { headersMs: 0 } })).toThrow(RangeError);
  expect(() => chutesImages({ url: 'http://127.0.0.1', key: 'line\nbreak' })).toThrow(
    new RangeError('key must hold what a header may hold'),
  );
});
