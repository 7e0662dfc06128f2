import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { canary, mutatedInput } from '../../../../../test/fixtures/classify/mutations.js';
import { ModelError } from '../../errors/index.js';
import { classify, type ClassifyInput } from './classify.js';

const week = 7 * 24 * 60 * 60 * 1000;

test('mutated answers never make it throw, nor show a key, nor state an impossible wait', () => {
  fc.assert(
    fc.property(mutatedInput, (input) => {
      const error = classify(input);

      expect(ModelError.isInstance(error)).toBe(true);
      expect(error.message.length).toBeLessThanOrEqual(500);
      expect(JSON.stringify(error)).not.toContain(canary.slice(3, 24));
      if (error.retryAfterMs !== undefined) expect(error.retryAfterMs).toSatisfy((ms: number) => ms >= 0 && ms <= week);
    }),
    { numRuns: 2_000 },
  );
});

function throwing(): never {
  throw new Error('a hostile getter');
}

const revoked = Proxy.revocable({}, {});
revoked.revoke();
const circle = new Error('round') as Error & { cause?: unknown; errors?: unknown };
circle.cause = circle;
circle.errors = [circle, { cause: circle }];

const hostile: readonly (readonly [string, unknown])[] = [
  ['nothing', undefined],
  ['null', null],
  [
    'a getter that throws',
    {
      get status() {
        return throwing();
      },
    },
  ],
  ['a proxy that throws', new Proxy({}, { get: throwing, has: throwing, ownKeys: throwing })],
  ['an error whose every property throws', { error: new Proxy(new Error('x'), { get: throwing }) }],
  ['a revoked proxy as the error', { error: revoked.proxy }],
  ['a revoked proxy as members', { error: Object.assign(new Error('x'), { errors: revoked.proxy }) }],
  ['causes that go round', { error: circle }],
  ['headers that throw', { status: 500, headers: new Proxy({}, { ownKeys: throwing, get: throwing }) }],
  ['headers of objects', { status: 500, headers: { 'retry-after': { toString: throwing } } }],
  ['a symbol as the status', { status: Symbol('x') }],
  [
    'an error body that throws',
    { error: Object.assign(new Error('x'), { status: 429, error: new Proxy({}, { ownKeys: throwing }) }) },
  ],
  ['a thrown function', { error: throwing }],
  ['a thrown bigint', { error: 10n }],
];

test.each(hostile)('%s is classified like anything else', (_, input) => {
  expect(ModelError.isInstance(classify(input as ClassifyInput))).toBe(true);
});

const huge: readonly (readonly [string, string])[] = [
  ['brackets', '['.repeat(200_000)],
  ['nested objects', '{"error":'.repeat(20_000)],
  ['nested strings', nested(12)],
  ['blanks', `{${' '.repeat(300_000)}"a`],
  ['quotes', '{"a":"'.repeat(50_000)],
  ['one long word', 'a'.repeat(300_000)],
  ['one long word with dots', 'a.'.repeat(150_000)],
  ['dashes', '-a'.repeat(150_000)],
  ['colons', 'token:'.repeat(50_000)],
  ['digits', '1,'.repeat(150_000)],
  ['waits', 'try again in 1 '.repeat(20_000)],
  [
    'keys',
    JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`k${index}`, { error: 'x' }]))),
  ],
  ['events', 'data: {"error":"x"}\n\n'.repeat(20_000)],
  ['lines', '{"a":1}\n'.repeat(20_000)],
];

function nested(levels: number): string {
  let text = 'deep';
  for (let level = 0; level < levels; level++) text = JSON.stringify({ error: { message: text } });
  return text.slice(0, 500_000);
}

test.each(huge)(
  'a body of nothing but %s is read in bounds: a pattern that backtracks would not come back',
  (_, body) => {
    const errors = [400, 429, 500, 200].map((status) => classify({ status, body }));

    expect(errors.every((error) => ModelError.isInstance(error))).toBe(true);
  },
);
