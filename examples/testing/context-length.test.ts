// A prompt that is too long: refused before the model is asked, with the numbers that help to shorten it.
import { ContextLengthError } from 'ripstop';
import { modelFallbackChain, safeGenerate } from 'ripstop/models';
import { createErrorHandler } from 'ripstop/serving';
import { scriptedModel } from 'ripstop/testing';
import { expect, test } from 'vitest';

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const long = 'word '.repeat(5_000);

function countsWords(input: unknown): number {
  return String(input).trim().split(' ').length;
}

test('R161: a prompt that is too long is told with both lengths, and with what to do', () => {
  const errors = createErrorHandler({ logger });
  const { status, body } = errors.respond(new ContextLengthError({ inputLength: 5_000, maxLength: 4_096 }));
  expect(status).toBe(400);
  expect(JSON.parse(body as string)).toMatchObject({
    error_type: 'context_length_exceeded',
    is_retryable: false,
    details: { input_length: 5_000, max_length: 4_096, suggestion: expect.stringContaining('Reduce input length') },
  });
});

test('R161: the model is not asked what it cannot hold', async () => {
  const model = scriptedModel(['never'], undefined, { contextLength: 4_096, countTokens: countsWords });
  await expect(safeGenerate(model, long)).rejects.toMatchObject({
    errorType: 'context_length_exceeded',
    details: { input_length: 5_000, max_length: 4_096 },
  });
  expect(model.calls).toHaveLength(0);
});

test('R161: where a model with a larger window stands by, that one is asked', async () => {
  const small = scriptedModel([new ContextLengthError({ inputLength: 5_000, maxLength: 4_096 })], undefined, {
    contextLength: 4_096,
  });
  const large = scriptedModel(['A long story.'], undefined, { contextLength: 32_768 });
  const chain = modelFallbackChain().addPrimaryModel(small, 'small').addFallbackModel(large, 'large');
  expect(await chain.generateWithFallback(long)).toMatchObject({ model_used: 'large', was_fallback: true });
});
