import { expect, test } from 'vitest';
import { authenticator, operatorsOf } from './authentication.js';

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

test('without keys everybody may call', () => {
  const authenticate = authenticator({ keys: [], adminKeys: [] });
  expect(authenticate({ path: '/generate', headers: {} })).toBeUndefined();
  expect(authenticate({ path: '/status', headers: {} })).toBeUndefined();
});

test.each([
  ['a page of another site', { host: '127.0.0.1:8787', 'sec-fetch-site': 'cross-site' }],
  ['a page of another server of this machine', { host: 'localhost:8787', 'sec-fetch-site': 'same-site' }],
  ['a name that was made to point here', { host: 'attacker.example:8787', 'sec-fetch-site': 'same-origin' }],
])('without keys %s may not call', (_, headers) => {
  const authenticate = authenticator({ keys: [], adminKeys: [] });
  expect(authenticate({ path: '/generate', headers })).toMatchObject({ status: 403, origin: 'client' });
});

test.each([
  ['the own page', { host: '[::1]:8787', 'sec-fetch-site': 'same-origin' }],
  ['an address typed into the browser', { host: 'localhost:8787', 'sec-fetch-site': 'none' }],
  ['a program', { host: '127.0.0.1:8787' }],
])('without keys %s may call', (_, headers) => {
  expect(authenticator({ keys: [], adminKeys: [] })({ path: '/generate', headers })).toBeUndefined();
});

test('with keys a caller needs one, as a bearer or as x-api-key', () => {
  const authenticate = authenticator({ keys: ['alpha', 'beta'], adminKeys: [] });
  expect(authenticate({ path: '/generate', headers: bearer('beta') })).toBeUndefined();
  expect(authenticate({ path: '/generate', headers: { 'x-api-key': 'alpha' } })).toBeUndefined();
  expect(authenticate({ path: '/generate', headers: {} })).toMatchObject({ status: 401, origin: 'client' });
  expect(authenticate({ path: '/generate', headers: bearer('alph') })).toMatchObject({ status: 401 });
  expect(authenticate({ path: '/generate', headers: { authorization: 'Basic alpha' } })).toMatchObject({ status: 401 });
});

test('probes and the page are open to all', () => {
  const authenticate = authenticator({ keys: ['alpha'], adminKeys: ['root'] });
  for (const path of ['/', '/livez', '/readyz', '/startupz'])
    expect(authenticate({ path, headers: {} })).toBeUndefined();
  expect(authenticate({ path: '/health', headers: {} })).toMatchObject({ status: 401 });
});

test('with admin keys the inside is for operators, who may also call', () => {
  const authenticate = authenticator({ keys: ['alpha'], adminKeys: ['root'] });
  expect(authenticate({ path: '/status', headers: {} })).toMatchObject({ status: 401 });
  expect(authenticate({ path: '/errors/abc', headers: bearer('alpha') })).toMatchObject({ status: 403 });
  expect(authenticate({ path: '/errors/abc', headers: bearer('root') })).toBeUndefined();
  expect(authenticate({ path: '/generate', headers: bearer('root') })).toBeUndefined();
});

test('D117: where admin keys are set, who presents one is an operator; where none are, everybody is', () => {
  const isOperator = operatorsOf({ adminKeys: ['root'] });
  expect(isOperator(bearer('root'))).toBe(true);
  expect([isOperator(bearer('alpha')), isOperator({})]).toEqual([false, false]);
  expect(operatorsOf({ adminKeys: [] })({})).toBe(true);
});

test('a refused key is never told', () => {
  const authenticate = authenticator({ keys: ['alpha'], adminKeys: [] });
  expect(JSON.stringify(authenticate({ path: '/generate', headers: bearer('canary-key') }))).not.toContain(
    'canary-key',
  );
});
