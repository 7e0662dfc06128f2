import { expect, test } from 'vitest';
import { chunkMaker, completion } from './chat-wire.js';

const facts = { id: 'chatcmpl-1', created: 7, model: 'local' };
const local = { upstream: 'local', billed: [] };

test('an answer of a model that speaks no OpenAI is put into its shape', () => {
  const usage = { inputTokens: 3, outputTokens: 2 };
  expect(completion({ text: 'hi', finishReason: 'length', usage }, facts)).toEqual({
    ...facts,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'length' }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  });
});

test('an upstream’s own answer keeps all it holds, under the name it has here', () => {
  const raw = { id: 'x', model: 'gpt-secret', choices: [{ logprobs: [] }], system_fingerprint: 'fp' };
  expect(completion({ text: 'hi', raw }, facts)).toEqual({ ...raw, model: 'local' });
});

test('a stream begins with the role, has one id, and ends with its finish reason', () => {
  const chunks = chunkMaker(local, facts, 'without usage');
  const all = [...chunks({ text: 'a' }), ...chunks({ text: 'b' }), ...chunks({ finishReason: 'stop' })];
  expect(all.map((chunk) => (chunk['choices'] as object[])[0])).toEqual([
    { index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null },
    { index: 0, delta: { content: 'a' }, finish_reason: null },
    { index: 0, delta: { content: 'b' }, finish_reason: null },
    { index: 0, delta: {}, finish_reason: 'stop' },
  ]);
  expect(new Set(all.map(({ id }) => id))).toEqual(new Set(['chatcmpl-1']));
});

test('usage comes as a chunk of its own, and only to those who asked for it', () => {
  const last = { finishReason: 'stop', usage: { inputTokens: 1, outputTokens: 1 } };
  expect(chunkMaker(local, facts, 'with usage')(last).at(-1)).toMatchObject({
    choices: [],
    usage: { total_tokens: 2 },
  });
  expect(chunkMaker(local, facts, 'without usage')(last).some((chunk) => 'usage' in chunk)).toBe(false);
  const raw = { choices: [], usage: { total_tokens: 9 } };
  expect(chunkMaker(local, facts, 'without usage')({ raw })).toEqual([]);
  expect(chunkMaker(local, facts, 'with usage')({ raw })).toEqual([{ ...raw, model: 'local' }]);
});

test('GW7: a stream that is resumed keeps its id, names who speaks, and splits its usage', () => {
  const billed = [
    { model: 'main', usage: { inputTokens: 3, outputTokens: 2 }, counted: 'estimated' },
    { model: 'spare', usage: { inputTokens: 4, outputTokens: 5 }, counted: 'by_model' },
  ] as const;
  const speaker = { upstream: 'main', billed };
  const chunks = chunkMaker(speaker, facts, 'with usage');
  const raw = { id: 'chatcmpl-up', created: 1, model: 'gpt', choices: [{ index: 0, delta: { content: 'One ' } }] };
  const first = chunks({ text: 'One ', raw });
  speaker.upstream = 'spare';
  const later = [
    ...chunks({ text: 'two', usage: { inputTokens: 7, outputTokens: 6 } }),
    ...chunks({ finishReason: 'stop' }),
    ...chunks({ usage: { inputTokens: 7, outputTokens: 7 } }),
  ];
  expect(first).toEqual([{ ...raw, model: 'main' }]);
  const own = { id: 'chatcmpl-up', created: 1, model: 'spare', object: 'chat.completion.chunk' };
  expect(later).toEqual([
    { ...own, choices: [{ index: 0, delta: { content: 'two' }, finish_reason: null }] },
    { ...own, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    {
      ...own,
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: 7, total_tokens: 14 },
      x_resilience: {
        attempts: [
          { model: 'main', prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, estimated: true },
          { model: 'spare', prompt_tokens: 4, completion_tokens: 5, total_tokens: 9 },
        ],
      },
    },
  ]);
});
