import { expect, test } from 'vitest';
import { corpusFile, fixturesFile, inputOf, readCases, score } from '../../../../../test/fixtures/classify/scoring.mjs';
import { ContextLengthError, InvalidInputError, RateLimitError } from '../../errors/index.js';
import { classify } from './classify.js';

const fixtures = readCases(fixturesFile) ?? [];

test.each(fixtures.map((one) => ({ ...one, title: `${one.id} is ${one.expect.error_type}` })))('$title', (one) => {
  const error = classify(inputOf(one));

  expect({
    error_type: error.errorType,
    retryable: error.isRetryable,
    retry_after_ms: error.retryAfterMs,
    limit: error.details['max_length'],
    requested: error.details['input_length'],
  }).toEqual({ retry_after_ms: undefined, limit: undefined, requested: undefined, ...one.expect });
});

const corpus = readCases(corpusFile);

test.skipIf(corpus === undefined)('real failures are classified as well as promised (skipped without a corpus)', () => {
  const { threw, subsets, stated } = score(corpus ?? [], classify);

  expect(threw).toBe(0);
  expect(subsets.strictReal.type).toBeGreaterThanOrEqual(97);
  expect(subsets.strictReal.retry).toBeGreaterThanOrEqual(98);
  expect(subsets.all.type).toBeGreaterThanOrEqual(95);
  expect(stated.wait.ok).toBeGreaterThanOrEqual(97);
  expect(stated.limit.ok).toBeGreaterThanOrEqual(95);
  expect(stated.requested.ok).toBeGreaterThanOrEqual(95);
});

test('a leaf class comes back, so that instanceof and isInstance both work', () => {
  const limited = classify({ status: 429 });
  const full = classify({ status: 400, body: 'prompt is too long: 12 tokens > 10 maximum' });

  expect(limited).toBeInstanceOf(RateLimitError);
  expect(RateLimitError.isInstance(limited)).toBe(true);
  expect(full).toBeInstanceOf(ContextLengthError);
  expect(full.details).toMatchObject({ max_length: 10, input_length: 12, status: 400 });
});

test('faults of the request are the client’s, all others the upstream’s', () => {
  const origin = (status: number, body = ''): string => classify({ status, body }).origin;

  expect(origin(400)).toBe('client');
  expect(origin(400, '{"error":{"code":"context_length_exceeded"}}')).toBe('client');
  expect(origin(400, '{"error":{"code":"content_filter"}}')).toBe('client');
  expect(classify({ callerAborted: true }).origin).toBe('client');
  expect(origin(401)).toBe('upstream');
  expect(origin(429)).toBe('upstream');
  expect(origin(500)).toBe('upstream');
});

test('our own credential at the upstream is a 502 for the caller, never a 401', () => {
  expect(classify({ status: 401 }).status).toBe(502);
  expect(classify({ status: 403 }).status).toBe(502);
});

test('a refused body keeps the status that explains it', () => {
  const tooLarge = classify({ status: 413 });

  expect(tooLarge).toBeInstanceOf(InvalidInputError);
  expect(tooLarge.status).toBe(413);
  expect(classify({ status: 418 }).status).toBe(400);
});

test('the upstream’s sentence is shown for faults the caller can mend, and never for those of a server', () => {
  const body = JSON.stringify({ error: { message: 'Take out the field `foo`.', type: 'invalid_request_error' } });

  expect(classify({ status: 400, body }).message).toBe('Take out the field `foo`.');
  expect(classify({ status: 500, body: 'db-7.internal refused user admin' }).message).toBe(
    'The model service is unavailable',
  );
  expect(classify({ status: 403, body: '<html><title>node 7 says no</title></html>' }).message).not.toContain('node 7');
});

test('the original is kept for the log, and is in nothing that is sent', () => {
  const thrown = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 10.1.2.3:443') });
  const answered = classify({ status: 400, body: '{"error":{"message":"no","secret":"canary"}}' });
  const failed = classify({ error: thrown });

  expect(failed.cause).toBe(thrown);
  expect(answered.diagnostics).toMatchObject({ status: 400, body: expect.stringContaining('canary') });
  expect(JSON.stringify([failed, answered])).not.toMatch(/canary|10\.1\.2\.3/);
});

test('headers are read from a record of any case, a Headers object, pairs and a Map', () => {
  const waits = [
    { 'RETRY-AFTER': '7' },
    { 'retry-after': ['7', '9'] },
    new Headers({ 'Retry-After': '7' }),
    [['Retry-After', '7']] as const,
    new Map([['Retry-After', '7']]),
  ].map((headers) => classify({ status: 429, headers }).retryAfterMs);

  expect(waits).toEqual([7000, 7000, 7000, 7000, 7000]);
});

test('a day’s limit is worth a retry only when the server says when', () => {
  const body = 'Rate limit reached: tokens per day';

  expect(classify({ status: 429, body }).isRetryable).toBe(false);
  expect(classify({ status: 429, body: `${body}. Try again in 10m` }).isRetryable).toBe(true);
  expect(classify({ status: 429, body: 'Request too large', headers: { 'retry-after': '9' } }).isRetryable).toBe(false);
});
