import { expect, test } from 'vitest';
import { InvalidInputError } from '../errors/input-errors.js';
import { createRouter, type Router } from './router.js';

function routes(...patterns: readonly [string, string][]): Router<string> {
  const router = createRouter<string>();
  for (const [method, pattern] of patterns) router.add(method, pattern, `${method} ${pattern}`);
  return router;
}

test('R203: a literal path wins over a pattern, and the earlier of two patterns over the later', () => {
  const router = routes(['GET', '/a/:id'], ['GET', '/a/me'], ['GET', '/{x}/{y}']);
  expect(router.match('GET', '/a/me')).toMatchObject({ target: 'GET /a/me' });
  expect(router.match('GET', '/a/7')).toMatchObject({ target: 'GET /a/:id', params: { id: '7' } });
  expect(router.match('GET', '/b/7')).toMatchObject({ target: 'GET /{x}/{y}', params: { x: 'b', y: '7' } });
});

test('parameters are decoded, and an escaped slash stays inside its segment', () => {
  const router = routes(['GET', '/a/:id'], ['GET', '/a/b/c'], ['GET', '/né']);
  expect(router.match('GET', '/a/x%20%C3%A9')).toMatchObject({ params: { id: 'x é' } });
  expect(router.match('GET', '/a/b%2Fc')).toMatchObject({ target: 'GET /a/:id', params: { id: 'b/c' } });
  expect(router.match('GET', '/%61/b/c')).toMatchObject({ target: 'GET /a/b/c' });
  expect(router.match('GET', '/n%C3%A9')).toMatchObject({ target: 'GET /né' });
});

test('a broken percent-escape is the client’s fault', () => {
  expect(() => routes(['GET', '/a/:id']).match('GET', '/a/%zz')).toThrowError(InvalidInputError);
});

test('a parameter is never empty, and a path has as many segments as its pattern', () => {
  const router = routes(['GET', '/a/:id']);
  for (const path of ['/a/', '/a', '/a/b/', '/a/b/c', '/', '', 'a/b', '*']) {
    expect(router.match('GET', path), path).toEqual({ kind: 'unknown' });
  }
});

test('D62: a known path with another method names the methods that it answers', () => {
  const router = routes(['GET', '/a'], ['POST', '/a'], ['PUT', '/b/:id']);
  expect(router.match('DELETE', '/a')).toMatchObject({
    kind: 'wrong_method',
    allowed: ['GET', 'HEAD', 'OPTIONS', 'POST'],
  });
  expect(router.match('GET', '/b/1')).toMatchObject({ kind: 'wrong_method', allowed: ['OPTIONS', 'PUT'] });
});

test('HEAD goes where GET goes', () => {
  expect(routes(['GET', '/a']).match('HEAD', '/a')).toMatchObject({ target: 'GET /a' });
  expect(routes(['POST', '/a']).match('HEAD', '/a')).toMatchObject({ kind: 'wrong_method' });
});

test('names from the prototype are neither paths nor parameters', () => {
  const router = routes(['GET', '/:__proto__']);
  const match = router.match('GET', '/x');
  expect(match.kind === 'found' && Object.keys(match.params)).toEqual(['__proto__']);
  expect(router.match('constructor', '/x').kind).toBe('wrong_method');
  expect(routes(['GET', '/a']).match('GET', 'constructor').kind).toBe('unknown');
});

test('a malformed, ambiguous or taken pattern stops the start', () => {
  for (const pattern of ['a', '', '/a?b', '/a b', '/:id/:id', '/a#b']) {
    expect(() => routes(['GET', pattern]), pattern).toThrowError(RangeError);
  }
  expect(() => routes(['GET', '/a'], ['GET', '/a'])).toThrowError('GET /a is already taken');
  expect(() => routes(['GET', '/:id'], ['GET', '/:id'])).toThrowError('already taken');
});
