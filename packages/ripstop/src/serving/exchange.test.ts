import { expect, test } from 'vitest';
import { assertDeclaredLength, isBodiless, isResponse, respond, splitTarget } from './exchange.js';

test('a target is split at its first question mark, and nothing is decoded', () => {
  expect(splitTarget('/a/b%2Fc?x=1?y')).toEqual({ path: '/a/b%2Fc', query: 'x=1?y' });
  expect(splitTarget('/a')).toEqual({ path: '/a', query: '' });
  expect(splitTarget('/a?')).toEqual({ path: '/a', query: '' });
});

test('the absolute form that proxies send loses its origin', () => {
  expect(splitTarget('http://host:80/a?b=http://x/y')).toEqual({ path: '/a', query: 'b=http://x/y' });
  expect(splitTarget('http://host')).toEqual({ path: '/', query: '' });
  expect(splitTarget('http://host?q')).toEqual({ path: '/', query: 'q' });
  expect(splitTarget('//host/a')).toEqual({ path: '//host/a', query: '' });
});

test('only what respond() made is an answer; a value of the same shape is a value', () => {
  expect(isResponse(respond(200))).toBe(true);
  expect(isResponse({ status: 200, headers: {} })).toBe(false);
  expect(isResponse(JSON.parse('{"status":200,"headers":{},"Symbol(ripstop.ExchangeResponse)":true}'))).toBe(false);
  expect(isResponse(null)).toBe(false);
});

test('D20: a declared length above the limit is refused before a byte is read', () => {
  expect(() => assertDeclaredLength({ 'content-length': '11' }, 10)).toThrowError(/larger than 10 bytes/);
  for (const headers of [{}, { 'content-length': '10' }]) {
    expect(() => assertDeclaredLength(headers, 10)).not.toThrow();
  }
});

test('answers that never have a body are known by their status', () => {
  expect([100, 199, 204, 205, 304].filter((status) => !isBodiless(status))).toEqual([]);
  expect([200, 201, 206, 302, 400, 404, 500].filter(isBodiless)).toEqual([]);
});
