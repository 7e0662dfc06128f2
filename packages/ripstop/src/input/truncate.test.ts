import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { truncate } from './truncate.js';

test.each([
  ['abc', 3, 'abc'],
  ['abcd', 3, 'abc…'],
  ['😀😀😀', 3, '😀😀😀'],
  ['😀😀😀😀', 3, '😀😀😀…'],
  ['ab\u0065\u0301x', 3, 'ab…'],
  ['a👩\u200d👩\u200d👧x', 3, 'a…'],
  ['', 3, ''],
])('D17: %j within %i is %j', (text, length, cut) => {
  expect(truncate(text, length)).toBe(cut);
});

test('D17: whatever is cut, no surrogate pair and no visible character is', () => {
  const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-composite' }), fc.integer({ min: 1, max: 20 }), (text, length) => {
      const cut = truncate(text, length);
      if (Array.from(text).length <= length) {
        expect(cut).toBe(text);
        return;
      }
      const kept = cut.slice(0, -1);
      expect(text.startsWith(kept)).toBe(true);
      expect(Array.from(kept).length).toBeLessThanOrEqual(length);
      const bounds = [...graphemes.segment(text)].map(({ index }) => index);
      expect(bounds).toContain(kept.length);
    }),
    { numRuns: 500 },
  );
});
