import { expect, test } from 'vitest';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { requestCorrelationId } from './correlation.js';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const idOf = (headers: Record<string, string>): string => requestCorrelationId(headers, virtualRuntime());
const fresh = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('R83 D59: a request without an id gets a new one', () => {
  expect(idOf({})).toMatch(fresh);
});

test('R83 D60 I2: X-Correlation-ID wins, then X-Request-ID, then the trace id of traceparent', () => {
  const traceparent = `00-${trace}-00f067aa0ba902b7-01`;
  expect(idOf({ 'x-correlation-id': 'a.b_c-1', 'x-request-id': 'r', traceparent })).toBe('a.b_c-1');
  expect(idOf({ 'x-request-id': 'r', traceparent })).toBe('r');
  expect(idOf({ traceparent })).toBe(trace);
});

test('D60: an id that is malformed, too long, or two at once is passed over', () => {
  const bad = ['', 'a b', 'x\r\ny: 1', 'é', '<script>', 'a, b', 'x'.repeat(129), '../etc', '{"a":1}'];
  for (const id of bad) {
    expect(idOf({ 'x-correlation-id': id }), id).toMatch(fresh);
    expect(idOf({ 'x-correlation-id': id, 'x-request-id': 'good' }), id).toBe('good');
  }
  expect(idOf({ 'x-correlation-id': 'x'.repeat(128) })).toBe('x'.repeat(128));
});

test('D60 I2: a traceparent that W3C calls invalid is passed over, a later version is read', () => {
  for (const bad of [
    `ff-${trace}-00f067aa0ba902b7-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${trace}-00f067aa0ba902b7`,
    `00-${trace}-00f067aa0ba902b7-01x`,
    'nonsense',
  ]) {
    expect(idOf({ traceparent: bad }), bad).toMatch(fresh);
  }
  expect(idOf({ traceparent: `01-${trace}-00f067aa0ba902b7-01-more` })).toBe(trace);
});
