// Models that stand in for each other. A model is anything with generate(); these answer, and throw, without a promise.
import { GenerationFailedError, InvalidInputError } from 'ripstop';
import { modelFallbackChain } from 'ripstop/models';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';

const failing = {
  generate(): string {
    throw new GenerationFailedError('Primary failed');
  },
};
const answering = { generate: () => 'Fallback success' };

test('R164: where the primary fails the fallback answers, and says that it did', async () => {
  const chain = modelFallbackChain().addPrimaryModel(failing, 'primary').addFallbackModel(answering, 'fallback');
  expect(await chain.generateWithFallback('test prompt')).toMatchObject({
    generated_text: 'Fallback success',
    model_used: 'fallback',
    was_fallback: true,
    attempts: [{ model: 'primary', errorType: 'generation_failed' }],
  });
});

test('R164: where all fail the caller gets one error, with everything that was tried', async () => {
  const chain = modelFallbackChain().addPrimaryModel(failing, 'primary').addFallbackModel(failing, 'fallback');
  await expect(chain.generateWithFallback('test prompt')).rejects.toMatchObject({
    errorType: 'model_overloaded',
    attempts: [
      { model: 'primary', errorType: 'generation_failed' },
      { model: 'fallback', errorType: 'generation_failed' },
    ],
  });
});

test('R164 D125: a primary that keeps failing is left out, and asked again after its cooldown', async () => {
  const runtime = virtualRuntime();
  let asked = 0;
  const primary = {
    generate(): string {
      asked += 1;
      if (asked <= 4) throw new GenerationFailedError('Primary failed');
      return 'Primary is back';
    },
  };
  const chain = modelFallbackChain({ breaker: { consecutive: 4, cooldownMs: 60_000, cooldownJitterRatio: 0 } }, runtime)
    .addPrimaryModel(primary, 'primary')
    .addFallbackModel(answering, 'fallback');
  for (let request = 0; request < 6; request += 1) await chain.generateWithFallback('test prompt');
  expect([asked, chain.models[0]?.state]).toEqual([4, 'open']);
  await runtime.clock.advance(60_000);
  expect(await chain.generateWithFallback('test prompt')).toMatchObject({ model_used: 'primary', was_fallback: false });
});

test('R164: a fault of the caller’s is not tried on the others', async () => {
  let asked = 0;
  const refusing = {
    generate(): string {
      throw new InvalidInputError('The prompt is empty');
    },
  };
  const other = { generate: () => `asked ${(asked += 1)} times` };
  const chain = modelFallbackChain().addPrimaryModel(refusing, 'primary').addFallbackModel(other, 'fallback');
  await expect(chain.generateWithFallback('')).rejects.toMatchObject({ errorType: 'invalid_input' });
  expect(asked).toBe(0);
});
