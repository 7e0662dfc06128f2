import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { stopFilter } from './stop-strings.js';

function run(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: boolean } {
  const filter = stopFilter(stops);
  let shown = '';
  for (const piece of pieces) {
    const { text, stopped } = filter.push(piece);
    shown += text;
    if (stopped) return { text: shown, stopped };
  }
  return { text: shown + filter.end(), stopped: false };
}

/** Letter by letter: the first moment at which the text ends in a stop string. */
function byDefinition(text: string, stops: readonly string[]): string {
  for (let end = 1; end <= text.length; end += 1) {
    const met = stops.filter((stop) => text.slice(0, end).endsWith(stop)).map(({ length }) => length);
    if (met.length > 0) return text.slice(0, end - Math.max(...met));
  }
  return text;
}

test('an answer ends before the stop string, even where it comes in pieces', () => {
  expect(run(['one, t', 'wo', ', three'], ['two'])).toEqual({ text: 'one, ', stopped: true });
  expect(run(['a', 'b', 'a', 'c'], ['ac'])).toEqual({ text: 'ab', stopped: true });
  expect(run(['xabc'], ['abc', 'b'])).toEqual({ text: 'xa', stopped: true });
  expect(run(['xa', 'bc'], ['b', 'ab'])).toEqual({ text: 'x', stopped: true });
});

test('what only begins like a stop string is shown once it is known to be none, or at the end', () => {
  const filter = stopFilter(['END']);
  expect(filter.push('the E')).toEqual({ text: 'the ', stopped: false });
  expect(filter.push('N')).toEqual({ text: '', stopped: false });
  expect(filter.push('T')).toEqual({ text: 'ENT', stopped: false });
  expect(filter.push('EN').text).toBe('');
  expect(filter.end()).toBe('EN');
});

test('however a text is cut, the result is that of the whole', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 });
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 12 }), fc.array(stop, { maxLength: 3 }), (pieces, stops) => {
      expect(run(pieces, stops).text).toBe(byDefinition(pieces.join(''), stops));
    }),
    { numRuns: 2_000 },
  );
});
