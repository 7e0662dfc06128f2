/** Limits of upstreams, as callers hear of them. */
import OpenAI, { type APIError, RateLimitError } from 'openai';
import type { UpstreamScene } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { over } from './endpoint-scenes.js';

const busy: UpstreamScene = {
  kind: 'json',
  status: 429,
  headers: { 'retry-after-ms': '4500', 'retry-after': '5' },
  body: { error: { message: 'Rate limit reached for requests', code: 'rate_limit_exceeded' } },
};
const spent: UpstreamScene = {
  kind: 'json',
  status: 402,
  body: { detail: 'Quota exceeded and account balance is $0.0, please pay with fiat or send tao' },
};

async function asked(scene: UpstreamScene): Promise<{ error: unknown; ms: number; upstreamRequests: number }> {
  await using played = await over([scene]);
  const client = new OpenAI({ baseURL: `${played.gateway.url}/v1`, apiKey: 'none', maxRetries: 1 });
  const started = performance.now();
  const error = await client.chat.completions
    .create({ model: 'default', messages: [{ role: 'user', content: 'Hi' }] })
    .catch((reason: unknown) => reason);
  return { error, ms: performance.now() - started, upstreamRequests: played.upstreams[0]?.requests.length ?? 0 };
}

test('I8: a stated wait is told on, and the openai package waits for it; a spent quota is no reason to wait', async () => {
  const [limited, quota] = await Promise.all([asked(busy), asked(spent)]);
  expect(limited.error).toBeInstanceOf(RateLimitError);
  expect(limited.error).toMatchObject({ status: 429, type: 'rate_limited', error: { is_retryable: true } });
  expect(Number((limited.error as APIError).headers?.get('retry-after'))).toBeGreaterThan(0);
  expect(limited.ms).toBeGreaterThan(4_000);

  expect(quota.error).toMatchObject({ status: 429, type: 'quota_exceeded', error: { is_retryable: false } });
  expect((quota.error as APIError).headers?.get('x-should-retry')).toBe('false');
  expect([quota.upstreamRequests, quota.ms < 1_000]).toEqual([1, true]);
});
