import { expect, test } from 'vitest';
import { scriptedUpstream, type UpstreamFrame } from '../testing/scripted-upstream.js';
import { openaiCompletions } from './openai-completions.js';
import type { Delta } from './text-model.js';

const answer = {
  id: 'cmpl-1',
  object: 'text_completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, text: ' upon a time', finish_reason: 'length', logprobs: null }],
  usage: { prompt_tokens: 1, completion_tokens: 3, total_tokens: 4 },
};

function chunk(text: string, index = 0, reason: string | null = null): UpstreamFrame {
  return { ...answer, usage: undefined, choices: [{ index, text, finish_reason: reason }] };
}

async function collect(deltas: AsyncIterable<Delta>): Promise<{ text: string; last: Delta | undefined }> {
  let text = '';
  let last: Delta | undefined;
  for await (const delta of deltas) {
    text += delta.text ?? '';
    last = delta;
  }
  return { text, last };
}

test('a prompt goes to /completions, with the options as its fields, and the answer is its text', async () => {
  await using upstream = await scriptedUpstream([{ kind: 'json', body: answer }]);
  const model = openaiCompletions({ url: upstream.url, model: 'm' });
  expect(await model.generate('Once', { maxTokens: 3 })).toMatchObject({
    text: ' upon a time',
    finishReason: 'length',
    usage: { inputTokens: 1, outputTokens: 3 },
    raw: { object: 'text_completion' },
  });
  expect(upstream.requests[0]).toMatchObject({ path: '/v1/completions' });
  expect(upstream.requests[0]?.body).toEqual({ prompt: 'Once', max_tokens: 3, model: 'm' });
});

test('a request travels untouched, and one without a prompt is the caller’s mistake', async () => {
  await using upstream = await scriptedUpstream([{ kind: 'json', body: answer }]);
  const model = openaiCompletions({ url: upstream.url, model: 'm' });
  await model.generate({ prompt: [1, 2, 3], suffix: '.', model: 'theirs' });
  expect(upstream.requests[0]?.body).toEqual({ prompt: [1, 2, 3], suffix: '.', model: 'm' });
  await expect(model.generate({ messages: [] })).rejects.toMatchObject({ errorType: 'invalid_input' });
  await expect(collect(model.stream({ messages: [] }))).rejects.toMatchObject({ errorType: 'invalid_input' });
  expect(upstream.requests).toHaveLength(1);
});

test('GW6: a stream is a success when each of its choices has finished, of several prompts too', async () => {
  await using upstream = await scriptedUpstream([
    { kind: 'sse', frames: [chunk(' upon'), chunk(' a time', 0, 'stop'), 'data: [DONE]\n\n'] },
    { kind: 'sse', frames: [chunk('a'), chunk('b', 1), chunk('', 0, 'stop'), chunk('', 1, 'stop')] },
    { kind: 'sse', frames: [chunk('a'), chunk('b', 1), chunk('', 0, 'stop')] },
  ]);
  const model = openaiCompletions({ url: upstream.url, model: 'm' });
  expect(await collect(model.stream('Once'))).toMatchObject({ text: ' upon a time', last: { finishReason: 'stop' } });
  expect(upstream.requests[0]?.body).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  expect(await collect(model.stream({ prompt: ['x', 'y'] }))).toMatchObject({ last: { finishReason: 'stop' } });
  await expect(collect(model.stream({ prompt: ['x', 'y'] }))).rejects.toMatchObject({
    errorType: 'stream_interrupted',
  });
});

test('a whole answer where a stream was asked for is one delta, and its chunk is a completion still', async () => {
  await using upstream = await scriptedUpstream([{ kind: 'json', body: answer }]);
  const { text, last } = await collect(openaiCompletions({ url: upstream.url, model: 'm' }).stream('Once'));
  expect([text, last?.finishReason]).toEqual([' upon a time', 'length']);
  expect(last?.raw).toMatchObject({ object: 'text_completion', choices: [{ text: ' upon a time' }] });
});

test('an empty text is no answer', async () => {
  const empty = { ...answer, choices: [{ index: 0, text: '', finish_reason: 'stop' }] };
  await using upstream = await scriptedUpstream([{ kind: 'json', body: empty }]);
  await expect(openaiCompletions({ url: upstream.url, model: 'm' }).generate('Once')).rejects.toMatchObject({
    errorType: 'invalid_response',
  });
});
