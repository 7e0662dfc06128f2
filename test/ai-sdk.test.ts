/** The AI SDK middleware, with the real AI SDK on real connections. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, type LanguageModel, stepCountIs, streamText, tool, wrapLanguageModel } from 'ai';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { ModelError } from '../packages/ripstop/src/errors/model-error.js';
import { type ResilienceOptions, resilience } from '../packages/ripstop/src/models/ai-sdk.js';
import { resilientFetch } from '../packages/ripstop/src/models/resilient-fetch.js';
import { circuitBreaker } from '../packages/ripstop/src/policies/circuit-breaker.js';
import { type Policy, pipeline } from '../packages/ripstop/src/policies/policy.js';
import { retry } from '../packages/ripstop/src/policies/retry.js';
import {
  chatAnswer,
  chatChunk,
  chatFrames,
  type ScriptedUpstream,
  scriptedUpstream,
  type UpstreamScene,
} from '../packages/ripstop/src/testing/scripted-upstream.js';

async function playing(...script: UpstreamScene[]): Promise<ScriptedUpstream> {
  const upstream = await scriptedUpstream(script);
  onTestFinished(() => upstream.close());
  return upstream;
}

const bare = ({ url }: ScriptedUpstream, name = 'm') => createOpenAICompatible({ name: 'chutes', baseURL: url })(name);
const quickly = (): Policy => retry({ attempts: 2, baseDelayMs: 1 });

function wrapped(upstream: ScriptedUpstream, options: ResilienceOptions = {}): LanguageModel {
  return wrapLanguageModel({ model: bare(upstream), middleware: resilience({ policyFor: quickly, ...options }) });
}

const prompt = 'What is the capital of France?';
const ok = { kind: 'json', body: chatAnswer('Paris.') } as const;
const busy = { kind: 'json', status: 503, body: { detail: 'No instances available (yet)' } } as const;
const begun = [chatChunk({ role: 'assistant', content: '' }), chatChunk({ content: 'Par' })];
const spoken = { kind: 'sse', frames: chatFrames(['Par', 'is.']) } as const;
const failureOf = (outcome: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(outcome).then(
    () => 'an answer',
    (error: unknown) => error,
  );

interface Read {
  readonly text: string;
  readonly types: readonly string[];
  readonly errors: readonly unknown[];
}

async function read(model: LanguageModel, more: object = {}): Promise<Read> {
  const errors: unknown[] = [];
  const { fullStream } = streamText({ model, prompt, onError: ({ error }) => void errors.push(error), ...more });
  let text = '';
  const types: string[] = [];
  for await (const part of fullStream) {
    types.push(part.type);
    if (part.type === 'text-delta') text += part.text;
  }
  return { text, types, errors };
}

describe('generateText', () => {
  test('a failure that passes is not noticed, and the answer is the provider’s own', async () => {
    const upstream = await playing(busy, ok);
    const { text, usage, finishReason } = await generateText({ model: wrapped(upstream), prompt });
    expect([text, usage.inputTokens, finishReason]).toEqual(['Paris.', 5, 'stop']);
  });

  test('R114 D78: when a model has failed for good, the next one answers the same request', async () => {
    const [main, spare] = [await playing(busy), await playing(ok)];
    const model = wrapped(main, { fallbacks: [bare(spare)] });
    const { text } = await generateText({ model, prompt, temperature: 0.5, maxOutputTokens: 7 });
    expect(text).toBe('Paris.');
    expect(main.requests).toHaveLength(2);
    expect(spare.requests.map(({ body }) => body)).toMatchObject([
      { temperature: 0.5, max_tokens: 7, messages: [{ role: 'user', content: prompt }] },
    ]);
  });

  test('D27: a failure is the ModelError that it means, after our attempts and none of the AI SDK’s', async () => {
    const upstream = await playing(busy);
    const error = await failureOf(generateText({ model: wrapped(upstream), prompt }));
    expect(ModelError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({
      errorType: 'model_loading_failed',
      details: { status: 503 },
      attempts: [{ model: 'chutes.chat/m', errorType: 'model_loading_failed', status: 503 }, {}],
    });
    expect(upstream.requests).toHaveLength(2);
  });

  test('D25: by default a wait that is stated as long leads to the next model at once', async () => {
    const [main, spare] = [
      await playing({ kind: 'json', status: 429, headers: { 'retry-after': '20' }, body: { detail: 'busy' } }),
      await playing(ok),
    ];
    const model = wrapLanguageModel({ model: bare(main), middleware: resilience({ fallbacks: [bare(spare)] }) });
    expect((await generateText({ model, prompt })).text).toBe('Paris.');
    expect([main.requests.length, spare.requests.length]).toEqual([1, 1]);
  });

  test('D82: a fault of the caller’s ends the call, and asks nobody else', async () => {
    const [main, spare] = [
      await playing({ kind: 'json', status: 400, body: { error: { message: 'Invalid value: temperature' } } }),
      await playing(ok),
    ];
    const error = await failureOf(generateText({ model: wrapped(main, { fallbacks: [bare(spare)] }), prompt }));
    expect(error).toMatchObject({ errorType: 'invalid_input', origin: 'client' });
    expect([main.requests.length, spare.requests.length]).toEqual([1, 0]);
  });

  test('D81: when all have failed, each is told', async () => {
    const [main, spare] = [await playing(busy), await playing({ kind: 'reset' })];
    const model = wrapped(main, { fallbacks: [bare(spare)] });
    const error = await failureOf(generateText({ model, prompt }));
    expect(error).toMatchObject({
      errorType: 'model_overloaded',
      details: { tried_models: ['chutes.chat/m', 'chutes.chat/m#2'] },
      attempts: [{}, {}, { errorType: 'upstream_unavailable' }, {}],
    });
  });

  test('D79: a model that keeps failing has its own breaker, which leaves it out', async () => {
    const [main, spare] = [await playing(busy, busy, { kind: 'reset' }), await playing(ok)];
    const policyFor = (name: string): Policy =>
      pipeline(retry({ attempts: 2, baseDelayMs: 1 }), circuitBreaker({ name, consecutive: 2 }));
    const model = wrapped(main, { fallbacks: [bare(spare)], policyFor });
    for (let call = 0; call < 4; call += 1) expect((await generateText({ model, prompt })).text).toBe('Paris.');
    expect([main.requests.length, spare.requests.length]).toEqual([4, 4]);
  });

  test('tools pass through, both ways', async () => {
    const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } };
    const message = { role: 'assistant', content: null, tool_calls: [call] };
    const [main, spare] = [
      await playing(busy),
      await playing(
        { kind: 'json', body: chatAnswer('', { choices: [{ index: 0, message, finish_reason: 'tool_calls' }] }) },
        ok,
      ),
    ];
    const weather = tool({ inputSchema: z.object({ city: z.string() }), execute: ({ city }) => `${city}: sunny` });
    const { text, steps } = await generateText({
      model: wrapped(main, { fallbacks: [bare(spare)] }),
      prompt,
      tools: { weather },
      stopWhen: stepCountIs(2),
    });
    expect(text).toBe('Paris.');
    expect(steps[0]?.toolResults).toMatchObject([{ toolName: 'weather', output: 'Paris: sunny' }]);
    expect(spare.requests[1]?.body).toMatchObject({ messages: [{}, {}, { role: 'tool', content: 'Paris: sunny' }] });
  });

  test('I6: a caller who leaves ends the request, and no other is made', async () => {
    const [main, spare] = [await playing({ kind: 'hang' }), await playing(ok)];
    const caller = new AbortController();
    const model = wrapped(main, { fallbacks: [bare(spare)] });
    const outcome = failureOf(generateText({ model, prompt, abortSignal: caller.signal }));
    const request = await main.request(0);
    caller.abort();
    expect(await outcome).toMatchObject({ name: 'AbortError' });
    await request.over;
    expect([request.aborted, main.requests.length, spare.requests.length]).toEqual([true, 1, 0]);
  });

  test('D85 I7: an attempt has a limit, and so have all of them together', async () => {
    const [main, spare] = [await playing({ kind: 'hang' }), await playing(ok)];
    const one = wrapped(main, { fallbacks: [bare(spare)], timeouts: { generateMs: 500 } });
    expect((await generateText({ model: one, prompt })).text).toBe('Paris.');
    expect(main.requests).toHaveLength(2);
    const all = wrapped(main, { timeouts: { totalMs: 40 } });
    expect(await failureOf(generateText({ model: all, prompt }))).toMatchObject({
      errorType: 'inference_timeout',
      details: { phase: 'total' },
    });
  });
});

describe('streamText', () => {
  test('a stream passes through as the provider sends it', async () => {
    const upstream = await playing(spoken);
    const plain = await read(bare(upstream));
    expect(await read(wrapped(upstream))).toEqual(plain);
    expect(plain.text).toBe('Paris.');
  });

  test.each([
    ['answers with an error', busy],
    ['resets the connection', { kind: 'reset' }],
    [
      'sends an error in place of the content',
      { kind: 'sse', frames: [begun[0] ?? '', { error: { message: 'overloaded' } }] },
    ],
    ['ends without a word', { kind: 'sse', frames: [begun[0] ?? ''] }],
    ['is silent', { kind: 'sse', frames: [begun[0] ?? ''], end: 'hang' }],
  ] as const)('GW5 D85: a model that %s before its first content is replaced', async (_, scene) => {
    const [main, spare] = [await playing(scene), await playing(spoken)];
    const model = wrapped(main, { fallbacks: [bare(spare)], timeouts: { firstContentMs: 500 } });
    const { text, errors, types } = await read(model);
    expect([text, errors]).toEqual(['Paris.', []]);
    expect(types.filter((type) => type === 'text-start')).toHaveLength(1);
    expect([main.requests.length, spare.requests.length]).toEqual([2, 1]);
  });

  test.each([
    ['ends without a finish reason', { kind: 'sse', frames: begun }, 'stream_interrupted'],
    ['is cut', { kind: 'sse', frames: begun, end: 'cut' }, 'stream_interrupted'],
    ['sends an error', { kind: 'sse', frames: [...begun, { error: { message: 'overloaded' } }] }, 'stream_interrupted'],
    ['stalls', { kind: 'sse', frames: begun, end: 'hang' }, 'inference_timeout'],
  ] as const)('I5 D85: a stream that %s after its first content ends in an error part', async (_, scene, errorType) => {
    const [main, spare] = [await playing(scene), await playing(spoken)];
    const { text, errors, types } = await read(wrapped(main, { fallbacks: [bare(spare)], timeouts: { gapMs: 500 } }));
    expect(text).toBe('Par');
    expect(errors).toMatchObject([{ errorType }]);
    expect(ModelError.isInstance(errors[0])).toBe(true);
    expect(types.filter((type) => type === 'error')).toHaveLength(1);
    expect(spare.requests).toHaveLength(0);
  });

  test('B17: a breaker hears that a stream broke off', async () => {
    const upstream = await playing({ kind: 'sse', frames: begun });
    const model = wrapped(upstream, { policyFor: (name) => circuitBreaker({ name, consecutive: 2 }) });
    await read(model);
    await read(model);
    expect((await read(model)).errors).toMatchObject([
      { errorType: 'model_overloaded', details: { reason: 'circuit_open' } },
    ]);
    expect(upstream.requests).toHaveLength(2);
  });

  test('when nobody can begin, the error part is the ModelError', async () => {
    const upstream = await playing(busy);
    const { errors } = await read(wrapped(upstream));
    expect(errors).toMatchObject([{ errorType: 'model_loading_failed' }]);
    expect(upstream.requests).toHaveLength(2);
  });

  test('the total ends with the first content: a long stream is not cut', async () => {
    const frames = [...begun, 600, chatChunk({ content: 'is.' }), chatChunk({}, 'stop'), 'data: [DONE]\n\n'];
    const upstream = await playing({ kind: 'sse', frames });
    const { text, errors } = await read(wrapped(upstream, { timeouts: { totalMs: 500 } }));
    expect([text, errors]).toEqual(['Paris.', []]);
  });

  test('I6: a caller who leaves in the middle ends the request', async () => {
    const upstream = await playing({ kind: 'sse', frames: begun, end: 'hang' });
    const caller = new AbortController();
    const { fullStream } = streamText({
      model: wrapped(upstream),
      prompt,
      abortSignal: caller.signal,
      onError: () => undefined,
    });
    const types: string[] = [];
    for await (const part of fullStream) {
      types.push(part.type);
      if (part.type === 'text-delta') caller.abort();
    }
    await upstream.requests[0]?.over;
    expect(upstream.requests[0]?.aborted).toBe(true);
    expect(types).toContain('abort');
    expect(types).not.toContain('error');
  });
});

test('D27: with resilientFetch beneath it, the fetch owns the retries, and the middleware the models', async () => {
  const [main, spare] = [await playing(busy), await playing(ok)];
  const fetch = resilientFetch({ policy: retry({ attempts: 3, baseDelayMs: 1 }) });
  const model = createOpenAICompatible({ name: 'chutes', baseURL: main.url, fetch })('m');
  const middleware = resilience({ fallbacks: [bare(spare)] });
  expect((await generateText({ model: wrapLanguageModel({ model, middleware }), prompt })).text).toBe('Paris.');
  expect([main.requests.length, spare.requests.length]).toEqual([3, 1]);
});

test('one middleware may wrap several models, and each has a breaker of its own', async () => {
  const [bad, good] = [await playing({ kind: 'reset' }), await playing(ok)];
  const middleware = resilience({ policyFor: (name) => circuitBreaker({ name, consecutive: 1 }) });
  const [one, other] = [bad, good].map((upstream) => wrapLanguageModel({ model: bare(upstream), middleware }));
  await failureOf(generateText({ model: one as LanguageModel, prompt }));
  expect(await failureOf(generateText({ model: one as LanguageModel, prompt }))).toMatchObject({
    details: { reason: 'circuit_open' },
  });
  expect((await generateText({ model: other as LanguageModel, prompt })).text).toBe('Paris.');
});

test('a bad limit is refused', () => {
  expect(() => resilience({ timeouts: { gapMs: 0 } })).toThrow(RangeError);
});
