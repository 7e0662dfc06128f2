import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Overlap, prefillOverlap, restartOverlap, SentText } from './resume-text.js';

/** What comes out of an overlap for an answer in these pieces; undefined where it says that they do not go together. */
function fresh(overlap: Overlap, pieces: readonly string[]): string | undefined {
  let text = '';
  for (const piece of pieces) {
    const added = overlap.push(piece);
    if (added === undefined) return undefined;
    text += added;
  }
  const last = overlap.end();
  return last === undefined ? undefined : text + last;
}

/** Few letters, so that beginnings often agree; halves of pairs, since a piece may end in one. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\u{1F600}', '\uD83D', '\uDE00'), maxLength: 60 });
const pieces = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\u{1F600}', '\uDE00'), maxLength: 4 }));

test('GW7: of an answer from its beginning, exactly what follows after all that was sent is new, however it is cut', () => {
  fc.assert(
    fc.property(text, pieces, (sent, answer) => {
      const whole = answer.join('');
      expect(fresh(restartOverlap(sent), answer)).toBe(whole.startsWith(sent) ? whole.slice(sent.length) : undefined);
    }),
  );
});

test('GW7: a restart that agrees to the end is cut at any place and in any pieces', () => {
  fc.assert(
    fc.property(pieces, fc.nat(), (answer, place) => {
      const whole = answer.join('');
      const sent = whole.slice(0, place % (whole.length + 1));
      expect(fresh(restartOverlap(sent), answer)).toBe(whole.slice(sent.length));
    }),
  );
});

test('GW7: of a continuation all is new, unless it begins as the answer began', () => {
  fc.assert(
    fc.property(text, pieces, (sent, answer) => {
      const whole = answer.join('');
      const again = sent !== '' && whole.startsWith(sent.slice(0, 32));
      expect(fresh(prefillOverlap(sent), answer)).toBe(again ? undefined : whole);
    }),
  );
});

test('GW7: 32 letters of the beginning are enough to tell an answer that was begun again', () => {
  const sent = 'a'.repeat(31) + 'bc'.repeat(10);
  expect(fresh(prefillOverlap(sent), ['a'.repeat(31), 'bX'])).toBeUndefined();
  expect(fresh(prefillOverlap(sent), ['a'.repeat(31), 'X'])).toBe(`${'a'.repeat(31)}X`);
});

test('a restart stops at its first difference, and not later', () => {
  const overlap = restartOverlap('one two');
  expect(overlap.push('one ')).toBe('');
  expect(overlap.push('tXo')).toBeUndefined();
});

test('an answer is kept up to its limit, and beyond that forgotten', () => {
  const sent = new SentText(1_000);
  for (let piece = 0; piece < 1_000; piece += 1) sent.add('x');
  expect([sent.length, sent.forgotten, sent.toString()]).toEqual([1_000, false, 'x'.repeat(1_000)]);
  sent.add('y');
  expect([sent.length, sent.forgotten, sent.toString()]).toEqual([1_001, true, '']);
});
