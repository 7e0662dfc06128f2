/** The SDKs that people use, pointed at a chute: what their users see of each error, and what is asked again. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, RetryError, streamText } from 'ai';
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createError } from '../packages/ripstop/src/errors/create-error.js';
import { errorTypes } from '../packages/ripstop/src/errors/error-table.js';
import type { ErrorType } from '../packages/ripstop/src/errors/error-types.js';
import type { ModelError } from '../packages/ripstop/src/errors/model-error.js';
import { type NodeServer, serve } from '../packages/ripstop/src/serving/adapters/node.js';
import { createChute } from '../packages/ripstop/src/serving/chute.js';
import { createErrorHandler } from '../packages/ripstop/src/serving/error-handler.js';
import type { Logger } from '../packages/ripstop/src/serving/logger.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
/** A cancellation has nobody left to be told of it. */
const types = (Object.keys(errorTypes) as ErrorType[]).filter((type) => type !== 'cancelled');
const asked: string[] = [];
let server: NodeServer;

/** Fails with the error that the model's name says: `whole/rate_limited/who asks`; `stream` first begins to answer. */
beforeAll(async () => {
  const errorHandler = createErrorHandler({ logger: quiet });
  const chute = createChute({ name: 'failing', logger: quiet, errorHandler }).cord(
    'v1/chat/completions',
    { dialect: 'openai', stream: 'sse' },
    ({ input }) => {
      const { model } = input as { model: string };
      asked.push(model);
      const [how, type] = model.split('/');
      const error = (): ModelError => createError(type as ErrorType, { message: `What ${type} says`, retryAfterMs: 1 });
      if (how === 'stream') return begun(error);
      throw error();
    },
  );
  server = await serve(chute.handle, { port: 0, errorHandler });
});
afterAll(() => server.close({ drainMs: 0, graceMs: 0 }));

async function* begun(error: () => ModelError): AsyncGenerator<object> {
  const choice = { index: 0, delta: { role: 'assistant', content: 'Hel' }, finish_reason: null };
  yield { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [choice] };
  throw error();
}

/** What `ask` failed with, and how often the model was asked. Retries wait, so the cases run side by side. */
async function failure(model: string, ask: () => Promise<unknown>): Promise<{ error: unknown; times: number }> {
  const error = await ask().then(
    () => 'an answer',
    (reason: unknown) => reason,
  );
  return { error, times: asked.filter((name) => name === model).length };
}

const question = [{ role: 'user' as const, content: 'Hello' }];

describe('openai', () => {
  const client = (): OpenAI =>
    new OpenAI({
      apiKey: 'none',
      baseURL: `${server.url}/v1`,
      maxRetries: 1,
      defaultHeaders: { 'x-correlation-id': 'their.id' },
    });

  test.concurrent.each(types)(
    'D9 I16: %s has our message, type, status and id, and is asked again only if that helps',
    async (type) => {
      const name = `whole/${type}/openai`;
      const { error, times } = await failure(name, () =>
        client().chat.completions.create({ model: name, messages: question }),
      );
      expect(error).toBeInstanceOf(APIError);
      const told = error as InstanceType<typeof APIError>;
      const meant = createError(type);
      expect(told.status).toBe(meant.status);
      expect(told.message).toContain(`What ${type} says`);
      expect([told.type, told.code]).toEqual([type, type]);
      expect(told.error).toMatchObject({ correlation_id: 'their.id', is_retryable: meant.isRetryable });
      expect(told.headers?.get('x-correlation-id')).toBe('their.id');
      expect(times).toBe(meant.isRetryable ? 2 : 1);
    },
  );

  test('D63: a stream that breaks after its first chunk fails with our error, and is not asked again', async () => {
    const received: string[] = [];
    const model = 'stream/upstream_unavailable/openai';
    const { error, times } = await failure(model, async () => {
      const chunks = await client().chat.completions.create({ model, messages: question, stream: true });
      for await (const chunk of chunks) received.push(chunk.choices[0]?.delta.content ?? '');
    });
    expect([received, times]).toEqual([['Hel'], 1]);
    expect(error).toMatchObject({
      message: expect.stringContaining('What upstream_unavailable says'),
      error: { type: 'upstream_unavailable', correlation_id: 'their.id' },
    });
  });
});

describe('the AI SDK', () => {
  const model = (name: string) =>
    createOpenAICompatible({
      name: 'chute',
      baseURL: `${server.url}/v1`,
      headers: { 'x-correlation-id': 'their.id' },
    })(name);
  /** It knows no header, so what looks retryable by its status is asked again; see docs/adapters/node.md. */
  const statusMisleads = (type: ErrorType): boolean => createError(type).headers['x-should-retry'] === 'false';

  test.concurrent.each(types)(
    'D9 I16: %s has our message, type, status and id, and is asked again as its status says',
    async (type) => {
      const name = `whole/${type}/ai`;
      const { error, times } = await failure(name, () =>
        generateText({ model: model(name), prompt: 'Hello', maxRetries: 1 }),
      );
      const told = RetryError.isInstance(error) ? error.lastError : error;
      expect(APICallError.isInstance(told)).toBe(true);
      const meant = createError(type);
      const { statusCode, message, responseHeaders, data, responseBody } = told as APICallError;
      expect([statusCode, message]).toEqual([meant.status, `What ${type} says`]);
      expect(responseHeaders).toMatchObject({ 'x-correlation-id': 'their.id' });
      expect(data).toMatchObject({ error: { type, code: type } });
      expect(JSON.parse(responseBody ?? '')).toMatchObject({ error: { correlation_id: 'their.id' } });
      expect(times).toBe(meant.isRetryable || statusMisleads(type) ? 2 : 1);
    },
  );

  test('D63: a stream that breaks after its first chunk ends in our error', async () => {
    const parts: unknown[] = [];
    const { fullStream } = streamText({
      model: model('stream/upstream_unavailable/ai'),
      prompt: 'Hello',
      maxRetries: 1,
      onError: () => undefined,
    });
    for await (const part of fullStream) parts.push(part);
    expect(JSON.stringify(parts.filter((part) => (part as { type: string }).type === 'error'))).toContain(
      'What upstream_unavailable says',
    );
  });
});
