/**
 * What a request leaves behind for full collections. Its objects should die young; some ways of writing keep them, with all
 * that they point to, until the next full collection, which under load doubles the work of collecting: getters in a literal
 * that is made each time, a prototype of its own, members after a spread, tables that change with every request.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { modelFallbackChain } from 'ripstop/models';
import { createChute } from 'ripstop/serving';
import { expect, test } from 'vitest';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const calls = 4_000;
const atOnce = 20;
/** Each of these allocates some 10 kB, and what outlives it for good reasons is 100 to 700 bytes. */
const mostBytes = 1_000;

/** What is in the old generation, in bytes. */
function old(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => /^(old|map|large_object)_space$/.test(name));
  return spaces.reduce((sum, { space_used_size: used }) => sum + used, 0);
}

const ignore = (): void => undefined;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function many(call: () => Promise<unknown>): Promise<void> {
  let left = calls;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
}

/** Bytes that each call adds to the old generation, once everything is compiled. */
async function leftover(call: () => Promise<unknown>): Promise<number> {
  await many(call);
  collect();
  const before = old();
  await many(call);
  return (old() - before) / calls;
}

test('a request through a chute leaves next to nothing', async () => {
  const chute = createChute({ name: 'test', errorContext: 'none' });
  chute.use(async (_call, next) => next());
  chute.cord('answer', { method: 'GET' }, async () => {
    await turn();
    return { answer: 42 };
  });
  await chute.start();
  const caller = { aborted: false, reason: undefined, addEventListener: ignore, removeEventListener: ignore };
  const ask = () => chute.handle({ method: 'GET', path: '/answer', query: '', headers: {}, caller } as never);
  expect((await ask()).status).toBe(200);
  expect(await leftover(ask)).toBeLessThan(mostBytes);
});

test('nor does an answer of a chain of models, or its stream', async () => {
  const model = {
    async generate() {
      await turn();
      return 'hello';
    },
    async *stream() {
      for (const text of ['a', 'b', 'c']) {
        await turn();
        yield { text };
      }
      yield { finishReason: 'stop' };
    },
  };
  const chain = modelFallbackChain().addPrimaryModel(model, 'main');
  expect(await leftover(() => chain.generateWithFallback('Hi'))).toBeLessThan(mostBytes);
  const streamed = async (): Promise<void> => {
    for await (const _ of (await chain.streamWithFallback('Hi')).stream);
  };
  expect(await leftover(streamed)).toBeLessThan(mostBytes);
});
