import { openaiCompletions, openaiModel } from 'ripstop/models';
import { afterEach, expect, test } from 'vitest';
import { sixtyWords } from './answers.js';
import { type ChaosRequest, type ChaosServer, chaosServer } from './chaos-server.js';
import { faults } from './faults.js';
import { namedScenes } from './scenes.js';
import { parseScene } from './scene.js';
import { scriptOf } from './script.js';

let server: ChaosServer | undefined;
afterEach(() => server?.close());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function ask(model: string, body: object = {}, path = '/chat/completions'): Promise<Answer> {
  const messages = [{ role: 'user', content: 'secret question' }];
  const request = { method: 'POST', body: JSON.stringify({ model, messages, ...body }) };
  const answer = await fetch(`${server?.url}${path}`, request);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

test('the answer has sixty words, whole and as a stream', async () => {
  expect(sixtyWords.split(' ')).toHaveLength(60);
  server = await chaosServer({ script: scriptOf('ok') });
  const model = openaiModel({ url: server.url, model: 'any' });
  expect((await model.generate('hi')).text).toBe(sixtyWords);
  let text = '';
  for await (const delta of model.stream('hi')) text += delta.text ?? '';
  expect(text).toBe(sixtyWords);
});

test('an answer that was begun is continued where it stopped', async () => {
  server = await chaosServer({ script: scriptOf('ok') });
  const begun = sixtyWords.slice(0, 100);
  const { text } = await ask('any', { messages: [{ role: 'assistant', content: begun }] });
  const { choices } = JSON.parse(text) as { choices: { message: { content: string } }[] };
  expect(begun + choices[0]?.message.content).toBe(sixtyWords);
});

test('a request chooses its scene by header, else by model, else plays the default', async () => {
  server = await chaosServer({ script: scriptOf('503 x1, ok') });
  const byHeader = await fetch(`${server.url}/chat/completions`, {
    method: 'POST',
    headers: { 'x-chaos-scene': '418' },
  });
  expect(byHeader.status).toBe(418);
  expect((await ask('429 x1, ok')).status).toBe(429);
  expect((await ask('429 x1, ok')).status).toBe(200);
  expect((await ask('gpt-x')).status).toBe(503);
  expect((await ask('gpt-x')).status).toBe(200);
});

test('a text is completed in the shapes of completions, whole and as a stream', async () => {
  server = await chaosServer({ script: scriptOf('ok') });
  const model = openaiCompletions({ url: server.url, model: 'any' });
  const whole = await model.generate('Once');
  expect(whole).toMatchObject({
    text: sixtyWords,
    raw: { object: 'text_completion', choices: [{ text: sixtyWords }] },
  });
  let text = '';
  for await (const { text: piece = '', raw } of model.stream('Once')) {
    text += piece;
    expect(raw).toMatchObject({ object: 'text_completion' });
  }
  expect(text).toBe(sixtyWords);
  expect((await ask('503', {}, '/completions')).status).toBe(503);
});

test('other endpoints answer too', async () => {
  server = await chaosServer({ script: scriptOf('ok') });
  expect((await ask('x', {}, '/embeddings')).text).toContain('"embedding":[');
  expect((await ask('x', {}, '/images/generations')).text).toContain('"b64_json"');
  expect((await ask('image-error', {}, '/images/generations')).status).toBe(400);
});

test('what was asked is told and counted, and no prompt is', async () => {
  const lines: ChaosRequest[] = [];
  server = await chaosServer({ script: scriptOf('503 x1, ok'), over: (request) => lines.push(request) });
  await ask('gpt-x');
  await ask('gpt-x', { stream: true });
  await expect.poll(() => lines).toHaveLength(2);
  expect(lines).toMatchObject([
    { number: 1, scene: '503 x1, ok', fault: '503', stream: false, left: false },
    { number: 2, fault: 'ok', stream: true, left: false },
  ]);
  const counters = await (await fetch(new URL('/chaos', server.url))).text();
  expect(JSON.parse(counters)).toMatchObject({ total: 2, scenes: { '503 x1, ok': { 503: 1, ok: 1 } } });
  expect(counters + JSON.stringify(lines)).not.toContain('secret');
});

test('a client that leaves is told apart from a connection that the fault itself broke', async () => {
  const lines: ChaosRequest[] = [];
  server = await chaosServer({ script: scriptOf('ok'), over: (request) => lines.push(request) });
  await expect(ask('reset')).rejects.toThrow();
  const leaving = AbortSignal.timeout(100);
  const left = fetch(`${server.url}/chat/completions`, { method: 'POST', body: '{"model":"hang"}', signal: leaving });
  await expect(left).rejects.toThrow();
  await expect
    .poll(() => lines.map(({ fault, left: gone }) => [fault, gone]))
    .toEqual([
      ['reset', false],
      ['hang', true],
    ]);
});

test('every fault answers a whole request and a stream, or breaks the connection as it says', async () => {
  server = await chaosServer({ script: scriptOf('ok') });
  const short = { duration: '=2ms', words: '=10', status: '', none: '' };
  const silent = new Set(['hang', 'silent-after', 'never-ends']);
  const broken = new Set(['reset', 'cut-after', 'reset-after']);
  const answering = Object.entries(faults).filter(([name]) => !silent.has(name));
  const asked = answering.flatMap(([name, { value }]) => [false, true].map((stream) => ({ name, value, stream })));
  const outcomes = await Promise.all(
    asked.map(({ name, value, stream }) =>
      ask(name + short[value], { stream }).then(
        () => 'answered',
        () => 'broken',
      ),
    ),
  );
  expect(outcomes).toEqual(asked.map(({ name }) => (broken.has(name) ? 'broken' : 'answered')));
});

test('rate limits say when they end: in seconds, or as a date', async () => {
  server = await chaosServer({ script: scriptOf('ok') });
  expect((await ask('rate-limit=90s')).headers.get('retry-after')).toBe('90');
  const until = Date.parse((await ask('rate-limit-date=90s')).headers.get('retry-after') ?? '');
  expect(until - Date.now()).toBeGreaterThan(85_000);
  expect(until - Date.now()).toBeLessThanOrEqual(90_000);
});

test('every named scene can be played', () => {
  for (const scene of Object.values(namedScenes)) expect(parseScene(scene).length).toBeGreaterThan(0);
});
