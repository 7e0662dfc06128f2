import { expect, test } from 'vitest';
import { scriptedUpstream, type UpstreamScene } from '../testing/scripted-upstream.js';
import { openaiEmbeddings } from './openai-embeddings.js';

function vectors(...entries: readonly unknown[]): UpstreamScene {
  const data = entries.map((embedding, index) => ({ object: 'embedding', index, embedding }));
  return { kind: 'json', body: { object: 'list', data, model: 'm', usage: { prompt_tokens: 4, total_tokens: 4 } } };
}

test('texts become vectors, in their order, whatever the order of the answer', async () => {
  const swapped: UpstreamScene = {
    kind: 'json',
    body: {
      data: [
        { index: 1, embedding: [2] },
        { index: 0, embedding: [1] },
      ],
    },
  };
  await using upstream = await scriptedUpstream([vectors([0.1, 0.2]), swapped, vectors([5])]);
  const model = openaiEmbeddings({ url: upstream.url, model: 'm', key: 'sk-1' });
  expect(await model.embed('Paris', { correlationId: 'c-1' })).toMatchObject({
    vectors: [[0.1, 0.2]],
    usage: { inputTokens: 4, outputTokens: 0 },
    raw: { object: 'list' },
  });
  expect(upstream.requests[0]).toMatchObject({
    path: '/v1/embeddings',
    headers: { authorization: 'Bearer sk-1', 'x-correlation-id': 'c-1' },
    body: { input: 'Paris', model: 'm' },
  });
  expect((await model.embed(['a', 'b'])).vectors).toEqual([[1], [2]]);
  expect((await model.embed({ input: [101, 102], model: 'theirs', dimensions: 1 })).vectors).toEqual([[5]]);
  expect(upstream.requests[2]?.body).toEqual({ input: [101, 102], dimensions: 1, model: 'm' });
});

test('vectors in base64 are passed on as they are', async () => {
  await using upstream = await scriptedUpstream([vectors('AACAPw==')]);
  const model = openaiEmbeddings({ url: upstream.url, model: 'm' });
  expect((await model.embed({ input: 'Paris', encoding_format: 'base64' })).vectors).toEqual(['AACAPw==']);
});

test('fewer vectors than texts, an error with 200 and a page are no answer', async () => {
  await using upstream = await scriptedUpstream([
    vectors([1]),
    vectors([1], []),
    { kind: 'json', body: { error: { message: 'Something odd' } } },
    { kind: 'text', body: '<html>' },
  ]);
  const model = openaiEmbeddings({ url: upstream.url, model: 'm' });
  for (let scene = 0; scene < 4; scene += 1) {
    await expect(model.embed(['a', 'b'])).rejects.toMatchObject({ name: expect.stringMatching(/Error$/) });
  }
  expect(upstream.requests).toHaveLength(4);
});

test('a failure is the error that it means, and a caller’s reason passes', async () => {
  await using upstream = await scriptedUpstream([
    { kind: 'json', status: 429, headers: { 'retry-after': '2' }, body: { error: { message: 'Rate limit reached' } } },
    { kind: 'hang' },
  ]);
  const model = openaiEmbeddings({ url: upstream.url, model: 'm' });
  await expect(model.embed('Paris')).rejects.toMatchObject({ errorType: 'rate_limited', retryAfterMs: 2_000 });
  const controller = new AbortController();
  const call = model.embed('Paris', { signal: controller.signal });
  await upstream.request(1);
  controller.abort(new Error('gone home'));
  await expect(call).rejects.toThrow('gone home');
});
