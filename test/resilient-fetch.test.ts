/** `resilientFetch` under the SDKs that people use: what they throw, and how often the service is asked. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, RetryError, streamText } from 'ai';
import OpenAI, { APIError, APIUserAbortError, InternalServerError, NotFoundError, RateLimitError } from 'openai';
import { describe, expect, onTestFinished, test } from 'vitest';
import { resilientFetch } from '../packages/ripstop/src/models/resilient-fetch.js';
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

const fetching = (): typeof globalThis.fetch =>
  resilientFetch({ policy: retry({ attempts: 2, baseDelayMs: 1 }), timeouts: { headersMs: 2_000, gapMs: 1_000 } });
const messages = [{ role: 'user' as const, content: 'What is the capital of France?' }];
const failureOf = (outcome: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(outcome).then(
    () => 'an answer',
    (error: unknown) => error,
  );

const ok = { kind: 'json', body: chatAnswer('Paris.') } as const;
const exhausted = {
  kind: 'json',
  status: 500,
  body: { detail: 'exhausted all available targets to no avail' },
} as const;
const busy = {
  kind: 'json',
  status: 429,
  headers: { 'retry-after': '0' },
  body: { detail: 'Infrastructure is at maximum capacity, try again later' },
} as const;
const begun = [chatChunk({ role: 'assistant', content: '' }), chatChunk({ content: 'Par' })];

describe('openai', () => {
  /** With its own retries, as it comes. */
  const client = ({ url }: ScriptedUpstream): OpenAI => new OpenAI({ apiKey: 'none', baseURL: url, fetch: fetching() });
  const ask = (upstream: ScriptedUpstream, signal?: AbortSignal) =>
    client(upstream).chat.completions.create({ model: 'm', messages }, signal === undefined ? {} : { signal });

  test('a failure that passes is not noticed', async () => {
    const upstream = await playing(busy, ok);
    expect((await ask(upstream)).choices[0]?.message.content).toBe('Paris.');
  });

  test('D27: one layer owns the retries: an answer that stays an error is asked for twice, not six times', async () => {
    const upstream = await playing(exhausted);
    const error = await failureOf(ask(upstream));
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({
      status: 500,
      message: '500 exhausted all available targets to no avail',
      type: expect.any(String),
    });
    expect(upstream.requests).toHaveLength(2);
  });

  test('I18: its own classes carry our words and types, where without us they say "no body"', async () => {
    const limited = await failureOf(ask(await playing(busy)));
    expect(limited).toBeInstanceOf(RateLimitError);
    expect(limited).toMatchObject({
      message: '429 Infrastructure is at maximum capacity, try again later',
      type: 'model_overloaded',
      code: 'model_overloaded',
    });
    const upstream = await playing({ kind: 'json', status: 404, body: { detail: 'model not found: m' } });
    const missing = await failureOf(ask(upstream));
    expect(missing).toBeInstanceOf(NotFoundError);
    expect(missing).toMatchObject({ message: '404 model not found: m', type: 'model_not_found' });
    expect(upstream.requests).toHaveLength(1);
  });

  test('D27: a lost connection is asked for twice too, and is an error of its with a status', async () => {
    const upstream = await playing({ kind: 'reset' });
    const error = await failureOf(ask(upstream));
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, type: 'upstream_unavailable' });
    expect(upstream.requests).toHaveLength(2);
  });

  test('a page of HTML becomes an error with a sentence', async () => {
    const upstream = await playing({
      kind: 'text',
      status: 504,
      headers: { 'content-type': 'text/html' },
      body: '<html>',
    });
    expect(await failureOf(ask(upstream))).toMatchObject({
      status: 504,
      type: 'inference_timeout',
      message: '504 Model inference timed out',
    });
  });

  test.each([
    ['ends', { kind: 'sse', frames: begun }],
    ['is cut', { kind: 'sse', frames: begun, end: 'cut' }],
    ['is cut in mid-event', { kind: 'sse', frames: [...begun, 'data: {"cho'], end: 'cut' }],
    ['ends in a bare line of JSON', { kind: 'sse', frames: [...begun, '{"error": "Unhandled exception"}\n'] }],
    ['stalls', { kind: 'sse', frames: begun, end: 'hang' }],
  ] as const)('I5: a stream that %s too early is an APIError, after what came before', async (_, scene) => {
    const upstream = await playing(scene);
    const received: string[] = [];
    const error = await failureOf(
      (async () => {
        const stream = await client(upstream).chat.completions.create({ model: 'm', messages, stream: true });
        for await (const chunk of stream) received.push(chunk.choices[0]?.delta.content ?? '');
      })(),
    );
    expect(received.join('')).toBe('Par');
    expect(error).toBeInstanceOf(APIError);
    expect(['stream_interrupted', 'inference_timeout']).toContain((error as APIError).type);
    expect(upstream.requests).toHaveLength(1);
  });

  test('GW5: a stream that fails before its first content is begun anew', async () => {
    const upstream = await playing(
      { kind: 'sse', frames: [begun[0] ?? '', { error: { message: 'overloaded' } }] },
      { kind: 'sse', frames: chatFrames(['Par', 'is.']) },
    );
    const stream = await client(upstream).chat.completions.create({ model: 'm', messages, stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect([text, upstream.requests.length]).toEqual(['Paris.', 2]);
  });

  test('a stream that a service answers in one piece is a stream all the same', async () => {
    const upstream = await playing(ok);
    const stream = await client(upstream).chat.completions.create({ model: 'm', messages, stream: true });
    const chunks: unknown[] = [];
    for await (const chunk of stream) chunks.push(chunk.choices[0]?.delta.content, chunk.choices[0]?.finish_reason);
    expect(chunks).toEqual(['Paris.', 'stop']);
  });

  test('a web page with status 200 is a failure, for a stream and for a whole answer', async () => {
    const page = { kind: 'text', headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<html>' } as const;
    const upstream = await playing(page, ok, page);
    expect((await ask(upstream)).choices[0]?.message.content).toBe('Paris.');
    const stream = client(upstream).chat.completions.create({ model: 'm', messages, stream: true });
    expect(await failureOf(stream)).toMatchObject({ status: 502, type: 'invalid_response' });
    expect(upstream.requests).toHaveLength(4);
  });

  test('I6: a caller who leaves ends the request, and gets the error that openai has for it', async () => {
    const upstream = await playing({ kind: 'hang' });
    const caller = new AbortController();
    const outcome = failureOf(ask(upstream, caller.signal));
    const request = await upstream.request(0);
    caller.abort();
    expect(await outcome).toBeInstanceOf(APIUserAbortError);
    await request.over;
    expect([request.aborted, upstream.requests.length]).toEqual([true, 1]);
  });

  test('I6: whoever leaves the loop of a stream ends the request', async () => {
    const upstream = await playing({ kind: 'sse', frames: begun, end: 'hang' });
    const stream = await client(upstream).chat.completions.create({ model: 'm', messages, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'Par') break;
    await upstream.requests[0]?.over;
    expect(upstream.requests[0]?.aborted).toBe(true);
  });
});

describe('the AI SDK', () => {
  const model = ({ url }: ScriptedUpstream) =>
    createOpenAICompatible({ name: 'chutes', baseURL: url, fetch: fetching() })('m');
  const ask = (upstream: ScriptedUpstream) => generateText({ model: model(upstream), messages });
  const told = (error: unknown): unknown => (RetryError.isInstance(error) ? error.lastError : error);

  test('a failure that passes is not noticed', async () => {
    const upstream = await playing({ kind: 'reset' }, ok);
    expect((await ask(upstream)).text).toBe('Paris.');
  });

  test.each([
    ['an answer', exhausted, 500, 'exhausted all available targets to no avail'],
    ['a rate limit', busy, 429, 'Infrastructure is at maximum capacity, try again later'],
    ['a lost connection', { kind: 'reset' }, 502, 'The model service is unavailable'],
  ] as const)(
    'D27: %s that stays is its APICallError, not retryable, after two requests and not six',
    async (_, scene, statusCode, message) => {
      const upstream = await playing(scene);
      const error = await failureOf(ask(upstream));
      expect(APICallError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ statusCode, message, isRetryable: false, data: { error: { message } } });
      expect((error as APICallError).url).toBe(`${upstream.url}/chat/completions`);
      expect(upstream.requests).toHaveLength(2);
    },
  );

  test('a stream that a service answers in one piece is a stream all the same', async () => {
    const { textStream } = streamText({ model: model(await playing(ok)), messages });
    let text = '';
    for await (const piece of textStream) text += piece;
    expect(text).toBe('Paris.');
  });

  test('I18: a fault of the request has the words of the service', async () => {
    const upstream = await playing({ kind: 'json', status: 404, body: { detail: 'model not found: m' } });
    const error = told(await failureOf(ask(upstream)));
    expect(APICallError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ statusCode: 404, message: 'model not found: m', isRetryable: false });
    expect(upstream.requests).toHaveLength(1);
  });

  test.each([
    ['ends', { kind: 'sse', frames: begun }],
    ['is cut', { kind: 'sse', frames: begun, end: 'cut' }],
    ['ends in a bare line of JSON', { kind: 'sse', frames: [...begun, '{"error": "Unhandled exception"}\n'] }],
  ] as const)('I5: a stream that %s too early ends in an error part', async (_, scene) => {
    const upstream = await playing(scene);
    const errors: unknown[] = [];
    const { textStream } = streamText({
      model: model(upstream),
      messages,
      onError: ({ error }) => void errors.push(error),
    });
    let text = '';
    for await (const piece of textStream) text += piece;
    expect(text).toBe('Par');
    expect(JSON.stringify(errors)).toContain('stream_interrupted');
    expect(errors).toHaveLength(1);
  });

  test('I6: a caller who leaves ends the request', async () => {
    const upstream = await playing({ kind: 'hang' });
    const caller = new AbortController();
    const outcome = failureOf(generateText({ model: model(upstream), messages, abortSignal: caller.signal }));
    const request = await upstream.request(0);
    caller.abort();
    expect(await outcome).toMatchObject({ name: 'AbortError' });
    await request.over;
    expect([request.aborted, upstream.requests.length]).toEqual([true, 1]);
  });
});
