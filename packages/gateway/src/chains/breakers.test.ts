import { AuthenticationError, InferenceTimeoutError, type ModelError } from 'ripstop';
import { recordingContext, virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { configSchema } from '../config/schema.js';
import type { Upstream } from '../upstreams/upstream.js';
import { createChains } from './chains.js';

const silence = (): ModelError => new InferenceTimeoutError(10_000, { details: { phase: 'headers' } });
const refusal = (): ModelError => new AuthenticationError(undefined, { origin: 'upstream' });

/** An upstream a that chats and cannot embed, and b, which can do both. */
function house(failure: () => ModelError) {
  const runtime = virtualRuntime();
  const asked: string[] = [];
  const nothing = async (): Promise<void> => undefined;
  const upstream = (name: string): Upstream => ({
    name,
    model: () => ({ generate: () => `${name} chats` }),
    endpoint: () => ({
      model: {
        generate() {
          asked.push(name);
          if (name === 'a') throw failure();
          return `${name} embeds`;
        },
      },
    }),
    health: () => undefined,
    start: nothing,
    close: nothing,
  });
  const upstreams = new Map(['a', 'b'].map((name) => [name, upstream(name)]));
  const config = configSchema.parse({ models: { default: ['a', 'b'] } });
  const chain = createChains({ config, upstreams }, runtime).get(undefined);
  const options = { context: recordingContext({}, runtime), deadlineMs: 60_000, served: () => undefined };
  return {
    runtime,
    asked,
    chat: async () => (await chain.generate('hi', options)).text,
    embed: async () => (await chain.at('embeddings').generate({ input: 'hi' }, options)).text,
  };
}

test('GW11: silence of one endpoint keeps nobody from another one of the same upstream', async () => {
  const { chat, embed, asked, runtime } = house(silence);
  for (let call = 0; call < 5; call += 1) expect(await embed()).toBe('b embeds');
  expect(await chat()).toBe('a chats');
  await runtime.clock.advance(3_000);
  asked.length = 0;
  // The answer to a chat is no news of the endpoint that was silent: its trial is still a copy that nobody waits for.
  expect(await embed()).toBe('b embeds');
  expect(asked.toSorted()).toEqual(['a', 'b']);
  expect(await chat()).toBe('a chats');
});

test('a key that one endpoint refuses may still be good for another', async () => {
  const { chat, embed, asked } = house(refusal);
  expect([await embed(), await embed()]).toEqual(['b embeds', 'b embeds']);
  expect(asked).toEqual(['a', 'b', 'b']);
  expect(await chat()).toBe('a chats');
});
