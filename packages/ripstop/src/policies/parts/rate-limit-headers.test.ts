import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LimitHeaders, rateLimitHeaders } from './rate-limit-headers.js';

const now = new Date('2026-01-01T00:00:00Z');
const read = (headers: LimitHeaders): unknown => rateLimitHeaders(headers, now);

describe('who sends what', () => {
  test('OpenAI, Azure: durations', () => {
    expect(
      read({
        'x-ratelimit-limit-requests': '60',
        'x-ratelimit-remaining-requests': '59',
        'x-ratelimit-reset-requests': '1s',
        'x-ratelimit-limit-tokens': '150000',
        'x-ratelimit-remaining-tokens': '149984',
        'x-ratelimit-reset-tokens': '6m0s',
      }),
    ).toEqual({
      requests: { limit: 60, remaining: 59, resetMs: 1_000 },
      tokens: { limit: 150_000, remaining: 149_984, resetMs: 360_000 },
    });
  });

  test('Groq: fractions of seconds, and a Retry-After', () => {
    expect(
      read({
        'retry-after': '2',
        'x-ratelimit-limit-requests': '14400',
        'x-ratelimit-remaining-requests': '14370',
        'x-ratelimit-reset-requests': '2m59.56s',
        'x-ratelimit-remaining-tokens': '0',
        'x-ratelimit-reset-tokens': '7.66s',
      }),
    ).toEqual({
      requests: { limit: 14_400, remaining: 14_370, resetMs: 179_560 },
      tokens: { remaining: 0, resetMs: 7_660 },
      retryAfterMs: 2_000,
    });
  });

  test('Anthropic: points in time, the scarcest of the token limits', () => {
    expect(
      read({
        date: 'Thu, 01 Jan 2026 00:00:10 GMT',
        'anthropic-ratelimit-requests-limit': '50',
        'anthropic-ratelimit-requests-remaining': '49',
        'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:12Z',
        'anthropic-ratelimit-tokens-remaining': '40000',
        'anthropic-ratelimit-input-tokens-limit': '40000',
        'anthropic-ratelimit-input-tokens-remaining': '39000',
        'anthropic-ratelimit-output-tokens-limit': '8000',
        'anthropic-ratelimit-output-tokens-remaining': '1000',
        'anthropic-ratelimit-output-tokens-reset': '2026-01-01T00:01:10Z',
      }),
    ).toEqual({
      requests: { limit: 50, remaining: 49, resetMs: 2_000 },
      tokens: { limit: 8_000, remaining: 1_000, resetMs: 60_000 },
    });
  });

  test.each([
    ['seconds', '3', 3_000],
    ['an epoch in seconds', String(now.getTime() / 1_000 + 90), 90_000],
    ['an epoch in milliseconds', String(now.getTime() + 90_500), 90_500],
    ['a time that has passed', '1700000000', 0],
  ])('x-ratelimit-reset as %s', (_, value, resetMs) => {
    expect(read({ 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': value })).toEqual({
      requests: { remaining: 0, resetMs },
    });
  });

  test('Chutes: the limit alone, the smaller of two, and none for `inf`', () => {
    expect(read({ 'X-Chutes-RL-User': '60', 'X-Chutes-RL-Chute': '20' })).toEqual({ requests: { limit: 20 } });
    expect(read({ 'X-Chutes-RL-User': 'inf' })).toEqual({});
  });
});

describe('waits', () => {
  test.each([
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after': '20', 'retry-after-ms': '1500' }, 1_500],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT', date: 'Thu, 01 Jan 2026 00:00:10 GMT' }, 20_000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    [{ 'retry-after': '9999999' }, 604_800_000],
  ])('%j', (headers, retryAfterMs) => {
    expect(read(headers)).toEqual({ retryAfterMs });
  });
});

test.each(['', '-5', 'NaN', 'soon', '1.2.3s', '5 parsecs', '2s.', '1e9', '2 apples', '9'.repeat(65)])(
  '%j is neither a wait, a number nor a time',
  (value) => {
    expect(
      read({ 'retry-after': value, 'x-ratelimit-reset': value, 'x-ratelimit-remaining': value, date: value }),
    ).toEqual({});
  },
);

test('reads a Headers object, any case of names, numbers and lists', () => {
  const expected = { requests: { limit: 5, remaining: 3 } };
  expect(read(new Headers({ 'X-RateLimit-Limit': '5', 'X-RateLimit-Remaining': '3' }))).toEqual(expected);
  expect(read({ 'X-RATELIMIT-LIMIT': 5, 'x-ratelimit-remaining': ['3', '9'] })).toEqual(expected);
  expect(read(new Map([['x-ratelimit-limit', '5']]))).toEqual({ requests: { limit: 5 } });
});

test('whatever the headers hold, it does not throw, and no wait is negative or longer than 7 days', () => {
  const names = ['date', 'retry-after', 'x-ratelimit-reset', 'x-ratelimit-limit-tokens', 'x-ratelimit-reset-tokens'];
  const value = fc.oneof(fc.string(), fc.double(), fc.date().map(String), fc.constantFrom('1h2m3s', '1e99', '٣'));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value), (headers) => {
      const { requests, tokens, retryAfterMs } = rateLimitHeaders(headers, now);
      for (const wait of [requests?.resetMs, tokens?.resetMs, retryAfterMs]) {
        if (wait !== undefined) expect(wait >= 0 && wait <= 604_800_000).toBe(true);
      }
      for (const limit of [requests?.limit, tokens?.limit]) expect(limit === undefined || limit > 0).toBe(true);
    }),
  );
});
