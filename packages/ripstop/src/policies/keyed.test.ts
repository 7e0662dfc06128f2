import { expect, test } from 'vitest';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { type CircuitBreaker, circuitBreaker } from './circuit-breaker.js';
import { type Keyed, keyed, keyedDefaults } from './keyed.js';
import { pipeline } from './policy.js';
import { timeout } from './timeout.js';

const down = (): never => {
  throw new Error('down');
};

function breakers(max?: number): Keyed<CircuitBreaker> {
  const runtime = virtualRuntime();
  return keyed((name) => circuitBreaker({ name, consecutive: 1 }, runtime), { max }, runtime);
}

test('calls of one key share a policy, and calls of another are not concerned', async () => {
  const policy = breakers();
  await policy.execute(down, { key: 'a' }).catch(() => undefined);
  await expect(policy.execute(() => 1, { key: 'a' })).rejects.toMatchObject({ details: { circuit: 'a' } });
  await expect(policy.execute(() => 1, { key: 'b' })).resolves.toBe(1);
  expect(policy.list().map(({ key, policy: { state } }) => [key, state])).toEqual([
    ['a', 'open'],
    ['b', 'closed'],
  ]);
});

test('calls without a key share one policy too', async () => {
  const policy = breakers();
  await policy.execute(down).catch(() => undefined);
  await expect(policy.execute(() => 1)).rejects.toMatchObject({ details: { circuit: 'default' } });
});

test('it stands in a pipeline like any other policy', async () => {
  const runtime = virtualRuntime();
  const perKey = keyed((name) => circuitBreaker({ name, consecutive: 1 }, runtime), {}, runtime);
  const policy = pipeline(perKey, timeout({}, runtime));
  await policy.execute(down, { key: 'a' }).catch(() => undefined);
  expect(perKey.get('a').state).toBe('open');
});

test('the number of keys is bounded, and a policy that is open is never forgotten for another', async () => {
  const policy = breakers(2);
  await policy.execute(down, { key: 'open' }).catch(() => undefined);
  for (let key = 0; key < 100; key += 1) await policy.execute(() => 1, { key: `k${key}` });
  expect(policy.list().map(({ key }) => key)).toEqual(['open', 'k99']);
});

test('where all are open, a further key works and is not kept', async () => {
  const policy = breakers(1);
  await policy.execute(down, { key: 'open' }).catch(() => undefined);
  await expect(policy.execute(() => 1, { key: 'new' })).resolves.toBe(1);
  expect(policy.list().map(({ key }) => key)).toEqual(['open']);
});

test('reset forgets one key, or all, and whoever holds the policy sees it closed', async () => {
  const policy = breakers();
  await Promise.allSettled([policy.execute(down, { key: 'a' }), policy.execute(down, { key: 'b' })]);
  const a = policy.get('a');
  policy.reset('a');
  expect(a.state).toBe('closed');
  expect(policy.list().map(({ key }) => key)).toEqual(['b']);
  policy.reset();
  expect(policy.list()).toEqual([]);
});

test('a bad option is a RangeError that names it', () => {
  expect(() => keyed(() => timeout(), { max: 0 })).toThrow(
    new RangeError('max must be a whole number of at least 1, got 0'),
  );
  expect(keyedDefaults).toEqual({ max: 1_000 });
});
