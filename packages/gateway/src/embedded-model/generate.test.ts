import { expect, test } from 'vitest';
import type { Engine } from './engine.js';
import { generate } from './generate.js';
import type { GenerationRequest } from './protocol.js';

const request: GenerationRequest = {
  turns: [{ role: 'user', text: 'four' }],
  temperature: 0,
  topP: 1,
  topK: 0,
  seed: 1,
  stop: [],
};

/** An engine that says what it is told, one letter a token, and reads one token for each letter of its prompt. */
function scripted(answer: string, contextLength = 20): Engine {
  return {
    runtime: 'interpreter',
    contextLength,
    maxTokenLength: 1,
    encode: (turns) => turns.flatMap(({ text }) => Array.from(text, (letter) => letter.charCodeAt(0))),
    async *generate() {
      for (const letter of answer) yield letter.charCodeAt(0);
    },
    decoder: () => ({ push: (token) => String.fromCharCode(token), end: () => '' }),
  };
}

async function run(engine: Engine, changes: Partial<GenerationRequest> = {}, signal = new AbortController().signal) {
  const texts: string[] = [];
  const end = await generate(engine, { ...request, ...changes }, { signal, onText: (text) => texts.push(text) });
  return { end, text: texts.join(''), texts };
}

test('an answer that the model ends has the reason stop and its tokens counted', async () => {
  const { end, text } = await run(scripted('yes'));
  expect(text).toBe('yes');
  expect(end).toEqual({ finishReason: 'stop', inputTokens: 4, outputTokens: 3 });
});

test('an answer at its limit has the reason length', async () => {
  const { end, text } = await run(scripted('yes indeed'), { maxTokens: 3 });
  expect(text).toBe('yes');
  expect(end).toMatchObject({ finishReason: 'length', outputTokens: 3 });
});

test('a stop string ends the answer and is not shown; what only looked like one is', async () => {
  const stopped = await run(scripted('one, two'), { stop: ['tw'] });
  expect(stopped.text).toBe('one, ');
  expect(stopped.end).toMatchObject({ finishReason: 'stop', outputTokens: 7 });
  expect((await run(scripted('one, t'), { stop: ['tw'] })).text).toBe('one, t');
  expect((await run(scripted('one, two'), { stop: ['tw'], maxTokens: 6 })).text).toBe('one, t');
});

test('input and output that do not fit the window are refused before any work', async () => {
  const { end, texts } = await run(scripted('never'), { maxTokens: 17 });
  expect(end).toEqual({ finishReason: 'too_long', inputTokens: 4, maxTokens: 17, contextLength: 20 });
  expect(texts).toEqual([]);
  expect((await run(scripted('fits'), { maxTokens: 16 })).end.finishReason).toBe('stop');
});

test('without a limit the answer may take what the window has left', async () => {
  const { end } = await run(scripted('x'.repeat(100)));
  expect(end).toMatchObject({ finishReason: 'length', outputTokens: 16 });
  const full = await run(scripted('x'), { turns: [{ role: 'user', text: 'x'.repeat(20) }] });
  expect(full.end).toMatchObject({ finishReason: 'too_long', maxTokens: 1 });
});

test('an answer that is cancelled says so', async () => {
  const cancelled = new AbortController();
  const engine = scripted('never');
  engine.generate = async function* () {
    yield 65;
    cancelled.abort();
  };
  expect((await run(engine, {}, cancelled.signal)).end.finishReason).toBe('cancelled');
});
