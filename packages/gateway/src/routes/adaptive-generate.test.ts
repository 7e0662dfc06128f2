import { systemRuntime } from 'ripstop';
import { type DegradationLevel, degradation, degradationLevelDefaults } from 'ripstop/observation';
import { type Chute, createChute, type Logger } from 'ripstop/serving';
import { chatAnswer, chatFrames, type ScriptedUpstream, scriptedUpstream, type UpstreamScene } from 'ripstop/testing';
import { afterEach, expect, test } from 'vitest';
import { createChains } from '../chains/chains.js';
import { parseConfig } from '../config/load.js';
import { createUpstream } from '../upstreams/upstream.js';
import { addAdaptiveGenerate } from './adaptive-generate.js';
import { ModelService } from './model-service.js';

const silent = (): void => undefined;
const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

const loads: Readonly<Record<DegradationLevel, number>> = { full: 10, reduced: 80, minimal: 95 };
const outOfMemory: UpstreamScene = { kind: 'json', status: 507, body: { error: { message: 'CUDA out of memory' } } };

/** The cord at a level, in front of an upstream that plays the scenes. */
async function adaptive(
  level: DegradationLevel,
  scenes: readonly UpstreamScene[],
): Promise<{ upstream: ScriptedUpstream; chute: Chute }> {
  const upstream = await scriptedUpstream(scenes);
  const config = parseConfig(
    `upstreams: { main: { url: "${upstream.url}", model: x } }\nmodels: { default: [main] }`,
    {},
  );
  const main = createUpstream('main', config.upstreams['main']);
  const chains = createChains({ config, upstreams: new Map([['main', main]]) }, systemRuntime);
  const service = degradation({ smoothingMs: 0, stepUpAfterMs: 0 });
  service.updateSystemLoad(loads[level]);
  const chute = createChute({ name: 'adaptive', logger });
  addAdaptiveGenerate(chute, new ModelService({ chains, degradation: service }, systemRuntime));
  await chute.start();
  cleanUp.push(
    () => upstream.close(),
    () => main.close(),
    () => chute.stop(),
  );
  return { upstream, chute };
}

const tokensAsked = ({ requests }: ScriptedUpstream): unknown[] =>
  requests.map(({ body }) => (body as { max_tokens?: unknown }).max_tokens);

test('R132: at the full level a request gets what it asked for, and nothing is said about it', async () => {
  const { upstream, chute } = await adaptive('full', [{ kind: 'json', body: chatAnswer('Hello.') }]);
  const response = await chute.request('/adaptive_generate', {
    method: 'POST',
    json: { prompt: 'Hi', max_tokens: 80 },
  });
  expect(Object.keys((await response.json()) as object).toSorted()).toEqual([
    'generated_text',
    'input_tokens',
    'success',
  ]);
  expect(response.headers.get('x-ripstop-degraded')).toBeNull();
  expect(response.headers.get('x-ripstop-model')).toBe('main');
  expect(tokensAsked(upstream)).toEqual([80]);
});

test.each([
  ['reduced', 56],
  ['minimal', 32],
] as const)('R132 R133: at %s it asks for less, and the answer and its head say so', async (level, tokens) => {
  const { upstream, chute } = await adaptive(level, [{ kind: 'json', body: chatAnswer('Hello.') }]);
  const response = await chute.request('/adaptive_generate', {
    method: 'POST',
    json: { prompt: 'Hi', max_tokens: 80 },
  });
  expect(await response.json()).toMatchObject({
    generated_text: 'Hello.',
    degradation_level: level,
    warning: degradationLevelDefaults[level].warning,
  });
  expect(response.headers.get('x-ripstop-degraded')).toBe('max_tokens');
  expect(tokensAsked(upstream)).toEqual([tokens]);
});

test('R133: a stream says it where it says that it is done', async () => {
  const { upstream, chute } = await adaptive('reduced', [{ kind: 'sse', frames: chatFrames(['Hel', 'lo.']) }]);
  const response = await chute.request('/adaptive_generate', {
    method: 'POST',
    json: { prompt: 'Hi', max_tokens: 80, stream: true },
  });
  const events = (await response.text())
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => JSON.parse(event.slice(6)) as Record<string, unknown>);
  expect(events.slice(0, 2)).toEqual([{ delta: 'Hel' }, { delta: 'lo.' }]);
  expect(events.at(-1)).toMatchObject({ done: true, success: true, degradation_level: 'reduced' });
  expect(response.headers.get('x-ripstop-degraded')).toBe('max_tokens');
  expect(tokensAsked(upstream)).toEqual([56]);
});

test('R134: memory that ran out is met with half of the tokens once more, and the answer says so', async () => {
  const { upstream, chute } = await adaptive('reduced', [
    outOfMemory,
    outOfMemory,
    { kind: 'json', body: chatAnswer('Hello.') },
  ]);
  const ask = () => chute.request('/adaptive_generate', { method: 'POST', json: { prompt: 'Hi', max_tokens: 80 } });
  expect(await (await ask()).json()).toMatchObject({
    generated_text: 'Hello.',
    degradation_level: 'reduced',
    warning: expect.stringContaining('Used emergency conservative parameters due to system stress'),
  });
  // What the level allows, half of it after memory ran out, and then half of what was asked for at this level.
  expect(tokensAsked(upstream)).toEqual([56, 28, 28]);
});

test('R134 D96: where that fails too the first failure is told, before any part of a stream', async () => {
  const { upstream, chute } = await adaptive('reduced', [outOfMemory]);
  const response = await chute.request('/adaptive_generate', {
    method: 'POST',
    json: { prompt: 'Hi', max_tokens: 80, stream: true },
  });
  expect(response.status).toBe(507);
  expect(await response.json()).toMatchObject({ error_type: 'out_of_memory' });
  expect(response.headers.get('x-ripstop-model')).toBe('main');
  // A stream is not tried with less by itself: the level's, then half of it.
  expect(tokensAsked(upstream)).toEqual([56, 28]);
});

test('R134: at minimal nothing is tried again, and the failure is typed', async () => {
  const { upstream, chute } = await adaptive('minimal', [outOfMemory]);
  const response = await chute.request('/adaptive_generate', {
    method: 'POST',
    json: { prompt: 'Hi', max_tokens: 80 },
  });
  expect(response.status).toBe(507);
  expect(await response.json()).toMatchObject({ error_type: 'out_of_memory', is_retryable: false });
  expect(tokensAsked(upstream)).toEqual([32, 16]);
});

test('GW16: a caller who wants all or nothing gets a 503 and a wait', async () => {
  const { upstream, chute } = await adaptive('reduced', [{ kind: 'json', body: chatAnswer('Hello.') }]);
  const headers = { 'x-ripstop-allow-degraded': 'false' };
  const ask = (max_tokens: number) =>
    chute.request('/adaptive_generate', { method: 'POST', headers, json: { prompt: 'Hi', max_tokens } });
  const refused = await ask(80);
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await refused.json()).toMatchObject({ error_type: 'model_overloaded', details: { reason: 'shed' } });
  // One token cannot become less.
  expect((await ask(1)).status).toBe(200);
  expect(tokensAsked(upstream)).toEqual([1]);
});
