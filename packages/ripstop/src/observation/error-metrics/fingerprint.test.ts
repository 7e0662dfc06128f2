import { expect, test } from 'vitest';
import { fingerprint, template } from './fingerprint.js';

test.each([
  ['timed out after 30 seconds', 'timed out after 4.5 seconds', 'timed out after # seconds'],
  ['no answer from 10.0.0.7:8080', 'no answer from 192.168.1.2:80', 'no answer from #:#'],
  [
    'request 3f2504e0-4f89-11d3-9a0c-0305e82c3301 failed',
    'request 9b2d7a10-0000-4aaa-8bbb-1305e82c3301 failed',
    'request # failed',
  ],
  ['at 2026-01-01T10:00:00.123Z', 'at 2026-12-31T23:59:59.9Z', 'at #:#:#'],
  ['size=12 of (3)', 'size=9999 of (12)', 'size=# of (#)'],
  ['model "gpt-4" is not there', 'model "gpt-5" is not there', 'model "#" is not there'],
  [`token ${'a'.repeat(40)} ended`, `token ${'b'.repeat(50)} ended`, 'token # ended'],
])('I14: “%s” and “%s” are the same message', (one, another, common) => {
  expect(fingerprint(one)).toBe(fingerprint(another));
  expect([template(one), template(another)]).toEqual([common, common]);
});

test.each([
  ['the worker is gone', 'the worker is back'],
  ['out of memory', 'out of  memory'],
  ['a b', 'ab'],
  ['error 7 in a', 'error in a'],
  ['', 'x'],
])('I14: “%s” and “%s” are not', (one, another) => {
  expect(fingerprint(one)).not.toBe(fingerprint(another));
});

test('I14: the fingerprint is the same in every process and version', () => {
  expect(fingerprint('timed out after 30 seconds').toString(16)).toBe('12f503763a182');
});

test('a hundred thousand different messages have different fingerprints', () => {
  const seen = new Set<number>();
  const letters = (index: number): string =>
    String.fromCharCode(
      ...String(index)
        .split('')
        .map((digit) => 97 + Number(digit)),
    );
  for (let index = 0; index < 100_000; index += 1) seen.add(fingerprint(`worker ${letters(index)} is gone`));
  expect(seen.size).toBe(100_000);
});

test('a template keeps no secret, and no more than a line of a long message', () => {
  expect(template('refused: Bearer sk-abcdefghijklmnop is wrong')).not.toContain('abcdefgh');
  expect(template('word '.repeat(100_000)).length).toBeLessThanOrEqual(256);
});
