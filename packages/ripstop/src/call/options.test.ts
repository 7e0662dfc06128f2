import { describe, expect, test } from 'vitest';
import {
  assertCount,
  assertNotNegative,
  assertOneOf,
  assertPositive,
  assertRatio,
  badOption,
  withDefaults,
} from './options.js';

describe('defaults', () => {
  test('an option that is undefined takes its default; 0, null and an empty text do not', () => {
    const defaults: Record<string, unknown> = { a: 1, b: 2, c: 3, d: 4 };
    const options: Record<string, unknown> = { a: undefined, b: 0, c: null, d: '' };
    expect(withDefaults(defaults, options)).toEqual({ a: 1, b: 0, c: null, d: '' });
    expect(defaults).toEqual({ a: 1, b: 2, c: 3, d: 4 });
  });
});

describe('a bad option is a RangeError that names the option, the rule and the value', () => {
  test('G7: a limit must be above 0; Infinity means none', () => {
    for (const good of [Number.MIN_VALUE, 1, 2 ** 40, Number.POSITIVE_INFINITY]) assertPositive('limitMs', good);
    for (const bad of [0, -1, Number.NaN, Number.NEGATIVE_INFINITY]) {
      expect(() => assertPositive('limitMs', bad)).toThrow(new RangeError(`limitMs must be above 0, got ${bad}`));
    }
    expect(() => assertPositive('limitMs', '5' as unknown as number)).toThrow('limitMs must be above 0, got "5"');
  });

  test('a delay must be 0 or above', () => {
    for (const good of [0, 1.5, Number.POSITIVE_INFINITY]) assertNotNegative('baseDelayMs', good);
    for (const bad of [-0.001, Number.NaN]) {
      expect(() => assertNotNegative('baseDelayMs', bad)).toThrow(`baseDelayMs must be 0 or above, got ${bad}`);
    }
    expect(() => assertNotNegative('baseDelayMs', null as unknown as number)).toThrow('got null');
  });

  test('D32: a count must be whole and at least what it must be', () => {
    for (const good of [1, 7, Number.POSITIVE_INFINITY]) assertCount('attempts', good);
    assertCount('maxQueue', 0, 0);
    for (const bad of [0, -1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY]) {
      expect(() => assertCount('attempts', bad)).toThrow(`attempts must be a whole number of at least 1, got ${bad}`);
    }
    expect(() => assertCount('maxQueue', -1, 0)).toThrow('maxQueue must be a whole number of at least 0, got -1');
  });

  test('a ratio must be above 0 and at most 1', () => {
    for (const good of [0.001, 0.5, 1]) assertRatio('failureRatio', good);
    for (const bad of [0, -0.1, 1.001, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => assertRatio('failureRatio', bad)).toThrow(`failureRatio must be above 0 and at most 1, got ${bad}`);
    }
  });

  test('a choice must be one of its names', () => {
    assertOneOf('jitter', 'full', ['full', 'none']);
    expect(() => assertOneOf('jitter', 'Full', ['full', 'none'])).toThrow(
      'jitter must be one of full, none, got "Full"',
    );
    expect(() => assertOneOf('jitter', true, ['full', 'none'])).toThrow('jitter must be one of full, none, got true');
  });

  test('it is a RangeError', () => {
    expect(badOption('a', 'must be b', 'c')).toEqual(new RangeError('a must be b, got "c"'));
  });
});
