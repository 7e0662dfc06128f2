import { modelFallbackChain } from 'ripstop/models';
import { createChute } from 'ripstop/serving';
import { scriptedModel } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { z } from 'zod';

test('R123: a service sets up one primary and two fallbacks when it starts, and its cord asks them in that order', async () => {
  const overloaded = new Error('503 Service Unavailable');
  const primary = scriptedModel([overloaded, overloaded, 'from the primary']);
  const backup = scriptedModel(['from the backup', overloaded]);
  const simple = scriptedModel(['from the simple one']);
  const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const app = createChute({ name: 'resilient', logger: quiet })
    .onStartup(() => ({
      chain: modelFallbackChain()
        .addPrimaryModel(primary, 'gpt-3.5-turbo')
        .addFallbackModel(simple, 'simple-model', 2)
        .addFallbackModel(backup, 'gpt-3.5-turbo-backup', 1),
    }))
    .cord('generate_resilient', { input: z.object({ prompt: z.string() }) }, async ({ input, state, context }) => {
      const { generated_text, model_used, was_fallback } = await state.chain.generateWithFallback(input.prompt, {
        context,
      });
      return { generated_text, model_used, was_fallback };
    });
  const server = await app.listen({ port: 0 });
  const ask = async (): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/generate_resilient`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'Hi' }),
    });
    return await answer.json();
  };
  try {
    expect(await ask()).toEqual({
      generated_text: 'from the backup',
      model_used: 'gpt-3.5-turbo-backup',
      was_fallback: true,
    });
    expect(await ask()).toMatchObject({ generated_text: 'from the simple one', model_used: 'simple-model' });
    expect(await ask()).toMatchObject({ model_used: 'gpt-3.5-turbo', was_fallback: false });
  } finally {
    await server.close();
  }
});
