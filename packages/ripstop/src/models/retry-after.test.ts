import { expect, test } from 'vitest';
import { headerReader, noHeaders } from './classify/headers.js';
import { durationMs, longestStatedWaitMs, retryAfterMs, waitInLimitHeaders, waitInProse } from './retry-after.js';

const date = 'Fri, 01 Mar 2030 10:00:00 GMT';

const headers: readonly (readonly [Record<string, string>, number | undefined])[] = [
  [{ 'retry-after': '20' }, 20_000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after': ' 1.5 ' }, 1_500],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': '0.0001' }, 1],
  [{ 'retry-after': 'Fri, 01 Mar 2030 10:00:30 GMT', date }, 30_000],
  [{ 'retry-after': 'Friday, 01-Mar-30 10:00:30 GMT', date }, 30_000],
  [{ 'retry-after': 'Fri, 01 Mar 2030 09:59:00 GMT', date }, 0],
  [{ 'retry-after': 'Fri, 01 Mar 2030 10:00:30 GMT' }, undefined],
  [{ 'retry-after': '2030-03-01T10:00:30Z', date }, undefined],
  [{ 'retry-after': '99999999999' }, longestStatedWaitMs],
  [{ 'retry-after': '9'.repeat(400) }, longestStatedWaitMs],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': 'NaN' }, undefined],
  [{ 'retry-after': '' }, undefined],
  [{ 'retry-after': '1e3' }, undefined],
  [{ 'retry-after': '0x10' }, undefined],
  [{ 'retry-after': 'in a while' }, undefined],
  [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500],
  [{ 'retry-after-ms': '-1', 'retry-after': '9' }, 9_000],
  [{ 'retry-after-ms': 'NaN' }, undefined],
  [{ 'x-ms-retry-after-ms': '250' }, 250],
  [{ 'x-ratelimit-reset-after': '3' }, 3_000],
  [{}, undefined],
];

test.each(headers)('GW2: the headers %j state a wait of %s ms', (given, ms) => {
  expect(retryAfterMs(given)).toBe(ms);
});

const limitHeaders: readonly (readonly [Record<string, string>, number | undefined])[] = [
  [{ 'x-ratelimit-reset': '3' }, 3_000],
  [{ 'x-ratelimit-reset': '1893456000' }, undefined],
  [{ 'x-ratelimit-reset': '1893456000000' }, undefined],
  [{ 'x-ratelimit-reset-requests': '1s', 'x-ratelimit-reset-tokens': '6m0s' }, 360_000],
  [
    { 'x-ratelimit-reset-requests': '1h', 'x-ratelimit-remaining-requests': '3', 'x-ratelimit-reset-tokens': '7.66s' },
    7_660,
  ],
  [{ 'x-ratelimit-reset-requests': '2030-03-01T10:00:30Z' }, undefined],
];

test.each(limitHeaders)('a full limit with the headers %j is free again in %s ms', (given, ms) => {
  expect(waitInLimitHeaders(headerReader(given) ?? noHeaders)).toBe(ms);
});

const durations: readonly (readonly [string, number | undefined])[] = [
  ['6ms', 6],
  ['644ms', 644],
  ['9.816s', 9_816],
  ['56.185908122s', 56_186],
  ['7m12s', 432_000],
  ['6m0s', 360_000],
  ['1m26.4s', 86_400],
  ['2h31m16.752s', 9_076_752],
  ['4h16m41.427770829s', 15_401_428],
  ['9 seconds', 9_000],
  ['1 second', 1_000],
  ['5 days', 432_000_000],
  ['3 hours', 10_800_000],
  ['1 hour and 30 minutes', 5_400_000],
  ['2 hours, 5 minutes.', 7_500_000],
  ['1 week', 604_800_000],
  ['60 days', longestStatedWaitMs],
  ['2s.', 2_000],
  ['1.5s...', 1_500],
  ['1.2.3s', undefined],
  ['5 parsecs', undefined],
  ['5', undefined],
  ['a while', undefined],
  ['11:20pm', undefined],
];

test.each(durations)('"%s" is %s ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

const sentences: readonly (readonly [string, number | undefined])[] = [
  ['please try again in 7m12s. visit us', 432_000],
  ['please retry in 900.2ms.', 901],
  ['retry after 86400 seconds', 86_400_000],
  ['please retry after 1 second.', 1_000],
  ['your quota will reset after 19h14m47s.', 69_287_000],
  ['your rate limit resets in ~30s', 30_000],
  ['wait for your limit to reset in 3 hours', 10_800_000],
  ['retry-after: 30', 30_000],
  ['retry after 30.', 30_000],
  ['wait 5 minutes, or try again in 10 minutes', 600_000],
  ['please wait 2.5 seconds', 2_500],
  ['try again in 5 parsecs', undefined],
  ['try again in a while', undefined],
  ['try again in 1.2.3s', undefined],
  ['limits reset at 2030-03-06 22:19:54', undefined],
  ['resets 11:20pm (asia/karachi)', undefined],
  ['the limit is 30s', undefined],
];

test.each(sentences)('GW2: "%s" states a wait of %s ms', (text, ms) => {
  expect(waitInProse(text)).toBe(ms);
});
