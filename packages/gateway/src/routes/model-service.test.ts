import { systemRuntime } from 'ripstop';
import { type DegradationLevel, degradation } from 'ripstop/observation';
import { type Chute, createChute, type Logger } from 'ripstop/serving';
import { chatAnswer, chatFrames, type ScriptedUpstream, scriptedUpstream, type UpstreamScene } from 'ripstop/testing';
import { afterEach, expect, test } from 'vitest';
import { createChains } from '../chains/chains.js';
import { parseConfig } from '../config/load.js';
import { createUpstream } from '../upstreams/upstream.js';
import { addChatCompletions } from './chat-completions.js';
import { addCompletions } from './completions.js';
import { addGenerate } from './generate.js';
import { addGenerateResilient } from './generate-resilient.js';
import { addImageGenerations } from './image-generations.js';
import { ModelService } from './model-service.js';

const silent = (): void => undefined;
const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

const loads: Readonly<Record<DegradationLevel, number>> = { full: 10, reduced: 80, minimal: 95 };
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const outOfMemory: UpstreamScene = { kind: 'json', status: 507, body: { error: { message: 'CUDA out of memory' } } };
const hello: UpstreamScene = { kind: 'json', body: chatAnswer('Hello.') };

interface Setting {
  readonly level?: DegradationLevel;
  readonly degrade?: 'never' | 'by_level';
  readonly scenes?: readonly UpstreamScene[];
  /** Further keys of the model. */
  readonly settings?: string;
}

/** A model `default` over an upstream that plays the scenes, and a model `tiny` over another one. */
async function service({ level = 'full', degrade = 'by_level', scenes = [hello], settings = '' }: Setting) {
  const [main, small] = [await scriptedUpstream(scenes), await scriptedUpstream([hello])];
  const yaml = `
upstreams:
  main: { url: "${main.url}", model: x, images: diffusion }
  small: { url: "${small.url}", model: y }
models: { default: { chain: [main], ${settings} }, tiny: [small] }
images: { default: [main] }`;
  const config = parseConfig(yaml, {});
  const upstreams = Object.entries(config.upstreams).map(([name, one]) => createUpstream(name, one));
  const chains = createChains({ config, upstreams: new Map(upstreams.map((one) => [one.name, one])) }, systemRuntime);
  const load = degradation({ smoothingMs: 0, stepUpAfterMs: 0 });
  load.updateSystemLoad(loads[level]);
  const models = new ModelService({ chains, degradation: load, degrade }, systemRuntime);
  const chute = createChute({ name: 'models', logger });
  for (const add of [addChatCompletions, addCompletions, addGenerate, addGenerateResilient, addImageGenerations])
    add(chute, models);
  await chute.start();
  cleanUp.push(...[main, small].map((one) => () => one.close()), ...upstreams.map((one) => () => one.close()), () =>
    chute.stop(),
  );
  return { main, small, chute };
}

async function ask(chute: Chute, path: string, json: object, headers: Readonly<Record<string, string>> = {}) {
  const response = await chute.request(path, { method: 'POST', headers, json });
  const { status } = response;
  const text = await response.text();
  return { status, text, less: response.headers.get('x-ripstop-degraded'), headers: response.headers };
}

const messages = [{ role: 'user', content: 'Hi' }];
const chat = '/v1/chat/completions';
const fields = ({ requests }: ScriptedUpstream, ...names: string[]): unknown[] =>
  requests.map(({ body }) => Object.fromEntries(names.map((name) => [name, (body as Record<string, unknown>)[name]])));
const urgent = { 'x-ripstop-priority': '5' };
const idle = { 'x-ripstop-priority': '2' };
const allOrNothing = { 'x-ripstop-allow-degraded': 'false' };

test('GW16 R130: with load.degrade the levels shorten what OpenAI’s endpoints are asked for, and answers say what of it', async () => {
  const { chute, main } = await service({
    level: 'reduced',
    scenes: [
      hello,
      { kind: 'sse', frames: chatFrames(['Hello.']) },
      hello,
      { kind: 'json', body: { data: [{ b64_json: png }] } },
    ],
  });
  expect(await ask(chute, chat, { messages, max_tokens: 100 })).toMatchObject({ status: 200, less: 'max_tokens' });
  const streamed = await ask(chute, chat, { messages, max_completion_tokens: 10, stream: true });
  expect(streamed).toMatchObject({ status: 200, less: 'max_completion_tokens' });
  // Who does not say how much he wants gets what the upstream gives.
  expect(await ask(chute, chat, { messages })).toMatchObject({ status: 200, less: null });
  const picture = { prompt: 'A fox', num_inference_steps: 20 };
  expect(await ask(chute, '/v1/images/generations', picture)).toMatchObject({
    status: 200,
    less: 'num_inference_steps',
  });
  const [first, second, third, fourth] = fields(main, 'max_tokens', 'max_completion_tokens', 'num_inference_steps');
  expect([first, second, third, fourth]).toEqual([
    { max_tokens: 70 },
    { max_completion_tokens: 7 },
    {},
    { num_inference_steps: 14 },
  ]);
});

test('GW16: without it they are asked for all of it, however high the load', async () => {
  const { chute, main } = await service({ level: 'minimal', degrade: 'never' });
  expect(await ask(chute, chat, { messages, max_tokens: 100 }, urgent)).toMatchObject({ status: 200, less: null });
  expect(fields(main, 'max_tokens')).toEqual([{ max_tokens: 100 }]);
});

test('GW16: at minimal what is not urgent goes to the smaller model, and is shorter besides', async () => {
  const { chute, main, small } = await service({ level: 'minimal', settings: 'smaller: tiny' });
  const answer = await ask(chute, chat, { messages, max_tokens: 100 }, idle);
  expect(answer).toMatchObject({ status: 200, less: 'model,max_tokens' });
  expect(answer.headers.get('x-ripstop-model')).toBe('small');
  expect(JSON.parse(answer.text)).toMatchObject({ model: 'small' });
  expect(fields(small, 'max_tokens')).toEqual([{ max_tokens: 40 }]);
  expect(await ask(chute, '/generate', { prompt: 'Hi' }, idle)).toMatchObject({ status: 200, less: 'model' });
  expect(await ask(chute, '/generate_resilient', { prompt: 'Hi' }, idle)).toMatchObject({ status: 200, less: 'model' });
  expect(main.requests).toHaveLength(0);
  expect((await ask(chute, chat, { messages }, urgent)).headers.get('x-ripstop-model')).toBe('main');
});

test('GW16: without a smaller model it is shed, and at reduced nobody is', async () => {
  const minimal = await service({ level: 'minimal' });
  const shed = await ask(minimal.chute, chat, { messages }, idle);
  expect(shed.status).toBe(503);
  expect(JSON.parse(shed.text)).toMatchObject({
    error: { error_type: 'model_overloaded', details: { reason: 'shed' } },
  });
  const reduced = await service({ level: 'reduced', settings: 'smaller: tiny' });
  expect((await ask(reduced.chute, chat, { messages }, idle)).headers.get('x-ripstop-model')).toBe('main');
});

test.each([
  ['a shorter answer', { level: 'reduced' }, chat, { messages, max_tokens: 100 }, {}],
  ['a shorter completion', { level: 'reduced' }, '/v1/completions', { prompt: 'Hi', max_tokens: 100 }, {}],
  ['a shorter stream', { level: 'minimal' }, chat, { messages, max_tokens: 100, stream: true }, {}],
  ['fewer steps', { level: 'reduced' }, '/v1/images/generations', { prompt: 'A fox', num_inference_steps: 20 }, {}],
  ['a smaller model', { level: 'minimal', settings: 'smaller: tiny' }, '/generate', { prompt: 'Hi' }, idle],
] as const)(
  'GW16: a caller who wants all or nothing gets a 503 in place of %s',
  async (_, setting, path, json, headers) => {
    const { chute, main, small } = await service(setting);
    const refused = await ask(chute, path, json, { ...headers, ...allOrNothing });
    expect(refused.status).toBe(503);
    expect(refused.text).toContain('"reason":"shed"');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect([main.requests.length, small.requests.length]).toEqual([0, 0]);
  },
);

test('R100: after memory ran out half of the tokens are asked for, which the answer says, streams included', async () => {
  const { chute, main } = await service({
    scenes: [outOfMemory, hello, outOfMemory, { kind: 'sse', frames: chatFrames(['Hello.']) }, outOfMemory, hello],
  });
  expect(await ask(chute, chat, { messages, max_tokens: 81 })).toMatchObject({ status: 200, less: 'max_tokens' });
  const stream = { messages, max_tokens: 80, stream: true };
  expect(await ask(chute, chat, stream)).toMatchObject({ status: 200, less: 'max_tokens' });
  const native = await ask(chute, '/generate_resilient', { prompt: 'Hi', max_tokens: 8 });
  expect(native).toMatchObject({ status: 200, less: 'max_tokens' });
  expect(native.headers.get('x-ripstop-attempts')).toBe('2');
  expect(fields(main, 'max_tokens').map((field) => (field as { max_tokens: number }).max_tokens)).toEqual([
    81, 40, 80, 40, 8, 4,
  ]);
});

test('GW16: a caller who wants all or nothing is not answered with half of it after memory ran out', async () => {
  const { chute, main } = await service({ scenes: [outOfMemory, hello] });
  const refused = await ask(chute, chat, { messages, max_tokens: 80 }, allOrNothing);
  expect(refused.status).toBe(507);
  expect(main.requests).toHaveLength(1);
});
