/** Clients as their makers ship them, with nothing changed but the address: `openai`, the AI SDK, `curl`. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embedMany, generateImage, generateText, RetryError, stepCountIs, streamText, tool } from 'ai';
import { APIError, NotFoundError, UnprocessableEntityError } from 'openai';
import { chatAnswer, chatChunk, chatFrames, type UpstreamAnswer, type UpstreamRequest } from 'ripstop/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { clientOf, completed, completedInPieces, down, over, type Played, png } from './endpoint-scenes.js';

const vectors = [
  [0.5, -0.25],
  [1, 0],
];
const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } };
const callPieces = [
  { tool_calls: [{ index: 0, ...call, function: { name: 'weather', arguments: '' } }] },
  { tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] },
  { tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] },
];

interface Asked {
  readonly stream?: boolean;
  readonly tools?: unknown;
  readonly messages?: readonly { readonly role: string }[];
  readonly encoding_format?: string;
}

/** Answers as OpenAI does: with a tool where one is offered and nothing has come of it yet, else in words. */
const openai = ({ path, body }: UpstreamRequest): UpstreamAnswer => {
  const asked = body as Asked;
  if (path.endsWith('/embeddings')) return { kind: 'json', body: embeddings(asked) };
  if (path.endsWith('/images/generations')) return { kind: 'json', body: { created: 1, data: [{ b64_json: png }] } };
  if (!path.endsWith('/chat/completions'))
    return (asked.stream === true ? completedInPieces : completed) as UpstreamAnswer;
  const wantsTool = asked.tools !== undefined && asked.messages?.at(-1)?.role !== 'tool';
  if (asked.stream === true)
    return { kind: 'sse', frames: wantsTool ? toolFrames : chatFrames(['It is ', 'sunny', '.']) };
  return { kind: 'json', body: wantsTool ? toolAnswer : chatAnswer('It is sunny.') };
};
const toolFrames = [
  chatChunk({ role: 'assistant', content: null }),
  ...callPieces.map((piece) => chatChunk(piece)),
  chatChunk({}, 'tool_calls'),
  'data: [DONE]\n\n',
];
const toolAnswer = chatAnswer('', {
  choices: [
    { index: 0, message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' },
  ],
});

function embeddings({ encoding_format: format }: Asked): object {
  const inBase64 = (vector: readonly number[]): string =>
    Buffer.from(Float32Array.from(vector).buffer).toString('base64');
  const data = vectors.map((vector, index) => {
    return { object: 'embedding', index, embedding: format === 'base64' ? inBase64(vector) : vector };
  });
  return { object: 'list', model: 'embed', data, usage: { prompt_tokens: 4, total_tokens: 4 } };
}

/** The first upstream is down, so whatever works here works past a failure. */
let played: Played;
let broken: Played;
beforeAll(async () => {
  [played, broken] = await Promise.all([
    over([down], [openai]),
    over([{ kind: 'sse', frames: [chatChunk({ content: 'It is ' })], end: 'cut' }]),
  ]);
});
afterAll(async () => {
  await Promise.all([played[Symbol.asyncDispose](), broken[Symbol.asyncDispose]()]);
});

const question = 'How is the weather in Paris?';
const messages = [{ role: 'user' as const, content: question }];
const weather = {
  type: 'function' as const,
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};

describe('the openai package', () => {
  test('calls tools, whole and as a stream, and tells their results', async () => {
    const { client, upstreams } = played;
    const asked = { model: 'default', messages, tools: [weather], parallel_tool_calls: false };
    const whole = await client.chat.completions.create(asked);
    expect(whole.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { tool_calls: [call] } });
    expect(upstreams[1]?.requests.at(-1)?.body).toMatchObject({ tools: [weather], parallel_tool_calls: false });

    const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
    expect(streamed.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { tool_calls: [call] } });

    const told = [
      ...messages,
      { role: 'assistant' as const, tool_calls: [{ ...call, type: 'function' as const }] },
      { role: 'tool' as const, tool_call_id: 'call_1', content: 'sunny' },
    ];
    const answer = await client.chat.completions.create({ ...asked, messages: told });
    expect(answer.choices[0]?.message.content).toBe('It is sunny.');
    expect(upstreams[1]?.requests.at(-1)?.body).toMatchObject({ messages: told });
  });

  test('embeds as it does by itself, in base64', async () => {
    const { data } = await played.client.embeddings.create({ model: 'default', input: ['a', 'b'] });
    expect(data.map(({ embedding }) => embedding)).toEqual(vectors);
    expect(played.upstreams[1]?.requests.at(-1)?.body).toMatchObject({ encoding_format: 'base64' });
  });

  test('throws its own classes of errors, with our type and id', async () => {
    const { client } = played;
    const { chat, models } = client;
    await expect(chat.completions.create({ model: 'nobody', messages })).rejects.toBeInstanceOf(NotFoundError);
    const wrong = { model: 'default', messages: 'none' } as unknown as { model: string; messages: [] };
    await expect(chat.completions.create(wrong)).rejects.toBeInstanceOf(UnprocessableEntityError);
    const failure = await clientOf(broken.gateway)
      .chat.completions.stream({ model: 'default', messages })
      .finalChatCompletion()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ type: 'stream_interrupted', error: { correlation_id: expect.any(String) } });
    expect((await models.list()).data.map(({ id }) => id)).toEqual(['default']);
  });
});

describe('the AI SDK', () => {
  const provider = () => createOpenAICompatible({ name: 'gateway', baseURL: `${played.gateway.url}/v1` });
  const tools = {
    weather: tool({
      description: 'The weather in a city',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => `sunny in ${city}`,
    }),
  };
  const steps = { tools, stopWhen: stepCountIs(2), maxRetries: 0, prompt: question };

  test('generates text, whole and as a stream', async () => {
    const model = provider()('default');
    const { text, response } = await generateText({ model, prompt: question, maxRetries: 0 });
    expect([text, response.modelId]).toEqual(['It is sunny.', 'up1']);
    const streamed = streamText({ model, prompt: question, maxRetries: 0 });
    expect(await streamed.text).toBe('It is sunny.');
    expect(await streamed.finishReason).toBe('stop');
  });

  test('calls tools and goes on with their results, whole and as a stream', async () => {
    const whole = await generateText({ model: provider()('default'), ...steps });
    expect(whole.steps[0]?.toolResults).toMatchObject([{ input: { city: 'Paris' }, output: 'sunny in Paris' }]);
    expect(whole.text).toBe('It is sunny.');
    const streamed = streamText({ model: provider()('default'), ...steps });
    expect(await streamed.text).toBe('It is sunny.');
    expect((await streamed.steps)[0]?.toolResults).toMatchObject([{ output: 'sunny in Paris' }]);
  });

  test('completes, embeds and paints', async () => {
    const gateway = provider();
    const completion = await generateText({ model: gateway.completionModel('default'), prompt: 'Once', maxRetries: 0 });
    expect(completion.text).toBe(' upon a time');
    const model = gateway.embeddingModel('default');
    expect((await embedMany({ model, values: ['a', 'b'], maxRetries: 0 })).embeddings).toEqual(vectors);
    const { image } = await generateImage({ model: gateway.imageModel('default'), prompt: 'A lighthouse' });
    expect(image.base64).toBe(png);
  });

  test('throws its own errors, with our type, and sees a stream that breaks off', async () => {
    const failure = await generateText({ model: provider()('nobody'), prompt: question }).catch((error: unknown) =>
      RetryError.isInstance(error) ? error.lastError : error,
    );
    expect(APICallError.isInstance(failure)).toBe(true);
    expect(failure).toMatchObject({
      statusCode: 404,
      isRetryable: false,
      data: { error: { type: 'model_not_found' } },
    });
    const cut = createOpenAICompatible({ name: 'gateway', baseURL: `${broken.gateway.url}/v1` });
    const errors: unknown[] = [];
    const { fullStream } = streamText({
      model: cut('default'),
      prompt: question,
      onError: ({ error }) => void errors.push(error),
    });
    let text = '';
    for await (const part of fullStream) if (part.type === 'text-delta') text += part.text;
    expect(text).toBe('It is ');
    expect(JSON.stringify(errors)).toContain('stream_interrupted');
  });
});

const curlIsThere = await curl('--version').then(
  () => true,
  () => false,
);
if (!curlIsThere && process.env['CI'] === 'true')
  throw new Error('curl is missing, and with CI=true nothing is skipped');

describe.skipIf(!curlIsThere)('curl (skipped where it is not installed)', () => {
  const post = (path: string, body: object, ...options: readonly string[]): Promise<string> => {
    const json = ['-H', 'content-type: application/json', '-d', JSON.stringify(body)];
    return curl('-sS', ...options, ...json, `${played.gateway.url}${path}`);
  };

  test('chats, whole and as a stream, with tools and without', async () => {
    const whole = await post('/v1/chat/completions', { messages }, '-i');
    expect(whole).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*x-ripstop-fallback: true[^]*"content":"It is sunny\."/i);
    const streamed = await post('/v1/chat/completions', { messages, stream: true }, '-N');
    expect(streamed).toMatch(/^data: \{[^]*"content":"sunny"[^]*\ndata: \[DONE\]\n\n$/);
    const called = await post('/v1/chat/completions', { messages, tools: [weather], stream: true }, '-N');
    expect(called).toContain('"arguments":"{\\"city\\":"');
    expect(called).toContain('"finish_reason":"tool_calls"');
  });

  test('completes, embeds, paints, and reads errors', async () => {
    expect(await post('/v1/completions', { prompt: 'Once' })).toContain('" upon a time"');
    expect(await post('/v1/embeddings', { input: ['a', 'b'] })).toContain('"embedding":[0.5,-0.25]');
    expect(await post('/v1/images/generations', { prompt: 'A lighthouse' })).toContain(`"b64_json":"${png}"`);
    const refused = await post('/v1/chat/completions', { messages, model: 'nobody' }, '-w', '%{http_code}');
    expect(refused).toMatch(/"type":"model_not_found"[^]*404$/);
    await expect(post('/v1/chat/completions', { model: 'nobody', messages }, '--fail')).rejects.toMatchObject({
      code: 22,
    });
  });
});

async function curl(...options: readonly string[]): Promise<string> {
  return (await promisify(execFile)('curl', options)).stdout;
}
