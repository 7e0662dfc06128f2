// What callers are told when memory runs out, and what the service does before it tells them.
import { OutOfMemoryError } from 'ripstop';
import { safeGenerate } from 'ripstop/models';
import { createChute, createErrorHandler } from 'ripstop/serving';
import { scriptedModel } from 'ripstop/testing';
import { expect, test } from 'vitest';

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const ranOut = new OutOfMemoryError({ memoryUsed: 8_000, memoryAvailable: 500 });

test('R158 R160: memory that ran out is told with its numbers, and not to be tried again as it was', () => {
  const errors = createErrorHandler({ logger });
  const { status, headers, body } = errors.respond(ranOut);
  expect(status).toBe(507);
  expect(headers['x-should-retry']).toBe('false');
  expect(JSON.parse(body as string)).toMatchObject({
    error_type: 'out_of_memory',
    is_retryable: false,
    details: { memory_used_mb: 8_000, memory_available_mb: 500 },
  });
});

test('R160: before that the model is asked once more, for half as much', async () => {
  const model = scriptedModel([ranOut, 'Paris.']);
  const answer = await safeGenerate(model, 'The capital of France?', { maxTokens: 100 });
  expect(answer).toMatchObject({ generated_text: 'Paris.', success: true });
  expect(model.calls.map(({ options }) => options.maxTokens)).toEqual([100, 50]);
});

test('R159 R160: a service whose model has no memory at all answers so, and goes on', async () => {
  const model = scriptedModel([ranOut, ranOut, 'Paris.']);
  const app = createChute({ name: 'answers', logger, state: { model } }).cord('ask', {}, ({ state }) => {
    return safeGenerate(state.model, 'The capital of France?');
  });
  const statuses = [await app.request('/ask', { json: {} }), await app.request('/ask', { json: {} })];
  expect(statuses.map(({ status }) => status)).toEqual([507, 200]);
});
