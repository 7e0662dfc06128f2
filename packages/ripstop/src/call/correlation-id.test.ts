import { describe, expect, test } from 'vitest';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { isCorrelationId, newCorrelationId } from './correlation-id.js';
import { systemRuntime } from './runtime.js';

describe('correlation ids', () => {
  test('D59: a new one is a UUIDv7, made without anything from outside', () => {
    const runtime = virtualRuntime({ date: new Date('2026-03-04T05:06:07.089Z') });
    const id = newCorrelationId(runtime);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.parse('2026-03-04T05:06:07.089Z'));
    expect(isCorrelationId(id)).toBe(true);
  });

  test('later ids sort after earlier ones', async () => {
    const runtime = virtualRuntime();
    const ids: string[] = [];
    for (let index = 0; index < 50; index += 1) {
      ids.push(newCorrelationId(runtime));
      await runtime.clock.advance(1);
    }
    expect(ids.toSorted()).toEqual(ids);
  });

  test('chance at both of its ends still gives a well-formed id', () => {
    for (const random of [() => 0, () => 1 - 2 ** -53]) {
      const id = newCorrelationId(virtualRuntime({ random }));
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  test('ten thousand at once are all different', () => {
    const ids = new Set(Array.from({ length: 10_000 }, () => newCorrelationId(systemRuntime)));
    expect(ids.size).toBe(10_000);
  });

  test('D60: an id from outside is taken only if it is short and plain', () => {
    for (const good of ['a', 'req-12345', 'A.b_C-9', 'x'.repeat(128)]) expect(isCorrelationId(good), good).toBe(true);
    for (const bad of [
      '',
      'x'.repeat(129),
      'a b',
      'a\nb',
      'a\r\nset-cookie: x',
      'ä',
      '<b>',
      '{"a":1}',
      'a;b',
      'a%0a',
    ]) {
      expect(isCorrelationId(bad), bad).toBe(false);
    }
    for (const other of [undefined, null, 7, ['a'], { toString: () => 'a' }])
      expect(isCorrelationId(other)).toBe(false);
  });
});
