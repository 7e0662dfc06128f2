/** Text completions that break off, over sockets: what a client of the gateway gets of two upstreams' answers. */
import { type ScriptedUpstream, scriptedUpstream, type UpstreamScene } from 'ripstop/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, type RunningGateway, startGateway } from './harness.js';

const words = Array.from({ length: 30 }, (_, index) => `word${index}${index === 29 ? '.' : ' '}`);
const canonical = words.join('');

const chunk = (text: string, more: object = {}): object => {
  return { id: 'cmpl-upstream', object: 'text_completion', created: 7, choices: [{ index: 0, text, ...more }] };
};
const end = chunk('', { finish_reason: 'stop' });
const good: UpstreamScene = { kind: 'sse', frames: [...words.map((word) => chunk(word)), end] };
const breaking: UpstreamScene = { kind: 'sse', frames: words.slice(0, 10).map((word) => chunk(word)), end: 'cut' };
const promptOf = (body: unknown): unknown => (body as { prompt: unknown }).prompt;
/** Goes on from the prompt, as such models do. */
const goesOn: UpstreamScene = ({ body }) => {
  const given = String(promptOf(body)).slice('Begin: '.length);
  const usage = { prompt_tokens: 12, completion_tokens: 20, total_tokens: 32 };
  return { kind: 'sse', frames: [chunk(canonical.slice(given.length)), end, { choices: [], usage }, '[DONE]'] };
};
const refuses: UpstreamScene = { kind: 'json', status: 400, body: { error: { message: 'prompt too odd' } } };
const different: UpstreamScene = { kind: 'sse', frames: [chunk('SOMETHING ELSE'), end] };

const spares: Readonly<Record<string, readonly UpstreamScene[]>> = {
  goingOn: [goesOn],
  restarting: [refuses, good],
  diverging: [refuses, different],
  tokens: [good],
  echo: [good],
};
const upstreams = new Map<string, ScriptedUpstream>();
let gateway: RunningGateway;

beforeAll(async () => {
  const lines = ['upstreams:'];
  const models = ['models:', '  off: { chain: [goingOn-main, goingOn-spare], resume: false }'];
  for (const [name, scenes] of Object.entries(spares)) {
    for (const [role, script] of [['main', [breaking]] as const, ['spare', scenes] as const]) {
      const upstream = await scriptedUpstream(script);
      upstreams.set(`${name}-${role}`, upstream);
      lines.push(`  ${name}-${role}: { url: "${upstream.url}", model: x }`);
    }
    models.push(`  ${name}: [${name}-main, ${name}-spare]`);
  }
  gateway = await startGateway({ yaml: `${[...lines, ...models].join('\n')}\n` });
});

afterAll(async () => {
  await gateway.stop();
  await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
});

interface Chunk {
  readonly id?: string;
  readonly model?: string;
  readonly choices?: readonly { readonly text?: string; readonly finish_reason?: string }[];
  readonly usage?: object;
  readonly x_resilience?: { readonly attempts: readonly { readonly model: string }[] };
  readonly error?: { readonly error_type?: string; readonly type?: string };
}

async function complete(model: string, fields: object = {}) {
  const body = { model, prompt: 'Begin: ', stream: true, stream_options: { include_usage: true }, ...fields };
  const { text: raw } = await post(`${gateway.url}/v1/completions`, body);
  const data = raw.split('\n\n').flatMap((event) => (event.startsWith('data: ') ? [event.slice(6)] : []));
  const chunks = data.filter((text) => text !== '[DONE]').map((text) => JSON.parse(text) as Chunk);
  const text = chunks.map(({ choices }) => choices?.[0]?.text ?? '').join('');
  const error = chunks.find((one) => one.error !== undefined)?.error;
  const prompts = upstreams.get(`${model}-spare`)?.requests.map(({ body: sent }) => promptOf(sent));
  return { text, chunks, error, prompts, done: data.includes('[DONE]') };
}

test('GW7: a completion that breaks off is gone on with: the prompt and the text so far are the next prompt', async () => {
  const { text, chunks, prompts, done } = await complete('goingOn', { max_tokens: 50 });
  expect([text, done]).toEqual([canonical, true]);
  expect(prompts).toEqual([`Begin: ${words.slice(0, 10).join('')}`]);
  expect(new Set(chunks.map(({ id }) => id))).toEqual(new Set(['cmpl-upstream']));
  expect(chunks.at(0)?.model).toBe('goingOn-main');
  expect(chunks.at(-2)?.model).toBe('goingOn-spare');
  expect(chunks.flatMap(({ choices }) => choices?.[0]?.finish_reason ?? [])).toEqual(['stop']);
  const last = chunks.at(-1);
  expect(last?.x_resilience?.attempts.map(({ model }) => model)).toEqual(['goingOn-main', 'goingOn-spare']);
  expect(last?.usage).toMatchObject({ completion_tokens: 30 });
});

test('GW7: whoever refuses that starts anew, and what the reader has is cut off', async () => {
  const { text, prompts, error, done } = await complete('restarting');
  expect([text, error, done]).toEqual([canonical, undefined, true]);
  expect(prompts).toEqual([`Begin: ${words.slice(0, 10).join('')}`, 'Begin: ']);
});

test('GW7 GW8: at the first difference, and where resuming is off, the stream ends in an error and without [DONE]', async () => {
  for (const model of ['diverging', 'off']) {
    const { text, error, done } = await complete(model);
    expect([text, error?.type, done]).toEqual([words.slice(0, 10).join(''), 'stream_interrupted', false]);
  }
});

test('GW7: a prompt in tokens, and an answer that repeats the prompt, are not resumed', async () => {
  for (const [model, fields] of [
    ['tokens', { prompt: [1, 2, 3] }],
    ['echo', { echo: true }],
  ] as const) {
    const { error, prompts } = await complete(model, fields);
    expect([error?.type, prompts]).toEqual(['stream_interrupted', []]);
  }
});
