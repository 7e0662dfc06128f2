import { recordingContext, virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { keyLimit } from './key-limit.js';

function limited(requests: number, perMs: number) {
  const runtime = virtualRuntime();
  const take = keyLimit({ requests, perMs }, runtime);
  return {
    clock: runtime.clock,
    ask: async (key: string): Promise<{ error: unknown; headers: Record<string, string> }> => {
      const headers: Record<string, string> = {};
      const error: unknown = await take(key, recordingContext({}, runtime), headers).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return { error, headers };
    },
  };
}

test('GW17: a key over its limit is told with 429 when it may come back, and is let in then', async () => {
  const { clock, ask } = limited(3, 60_000);
  for (const left of ['2', '1', '0']) {
    const { error, headers } = await ask('a');
    expect(error).toBeUndefined();
    expect(headers['x-ratelimit-remaining-requests']).toBe(left);
  }
  const { error, headers } = await ask('a');
  expect(error).toMatchObject({ errorType: 'rate_limited', status: 429, origin: 'service', retryAfterMs: 20_000 });
  expect(headers).toEqual({
    'x-ratelimit-limit-requests': '3',
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': '60s',
  });
  await clock.advance(20_000);
  expect((await ask('a')).error).toBeUndefined();
  expect((await ask('a')).error).toBeDefined();
});

test('GW17: each key has a limit of its own', async () => {
  const { ask } = limited(1, 1_000);
  await ask('a');
  expect((await ask('a')).error).toBeDefined();
  expect((await ask('b')).error).toBeUndefined();
});

test('the time until all requests are there again is told in seconds', async () => {
  const { clock, ask } = limited(10, 1_000);
  expect((await ask('a')).headers['x-ratelimit-reset-requests']).toBe('0.1s');
  await clock.advance(1_000);
  expect((await ask('a')).headers['x-ratelimit-remaining-requests']).toBe('9');
});
