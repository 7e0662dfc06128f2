import { RateLimitError } from 'ripstop';
import { expect, test } from 'vitest';
import { unexpected } from './native-text.js';

test('R103 D4: what nobody foresaw is a generation that failed, for good, and its text stays inside', () => {
  const cause = new TypeError('canary is not a function');
  const told = unexpected(cause);
  expect(told).toMatchObject({ errorType: 'generation_failed', isRetryable: false, cause });
  expect(JSON.stringify(told)).not.toContain('canary');
});

test('R103: a typed error passes as it is', () => {
  const error = new RateLimitError();
  expect(unexpected(error)).toBe(error);
});
