import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { proseVerdict, rows } from './prose.js';

const guarded = rows.flatMap(({ type, about, says }) => {
  return about === undefined ? [] : alternatives(says).map((line) => ({ type, about, line }));
});

test.each(guarded)('what says $type in the words of $line holds a word that is asked for first', ({ about, line }) => {
  const spoken = new RegExp(line.replaceAll(String.raw`\b`, '').replaceAll(/\(\?<?[!=][^)]*\)/g, ''));

  fc.assert(
    fc.property(fc.stringMatching(spoken), (text) => about.test(text)),
    { numRuns: 30 },
  );
});

test('the first row that speaks wins, on its own side only', () => {
  expect(proseVerdict('the server is overloaded', 503)?.type).toBe('model_overloaded');
  expect(proseVerdict('the server is overloaded', 400)).toBeUndefined();
  expect(proseVerdict('cuda out of memory while the model is loading', 503)?.type).toBe('out_of_memory');
  expect(proseVerdict('', 503)).toBeUndefined();
});

/** The patterns between the bars that stand in no group. */
function alternatives({ source }: RegExp): readonly string[] {
  const found = [''];
  let depth = 0;
  for (const [token] of source.matchAll(/\\.|\[(?:\\.|[^\]])*\]|./gs)) {
    depth += token === '(' ? 1 : token === ')' ? -1 : 0;
    if (token === '|' && depth === 0) found.push('');
    else found[found.length - 1] += token;
  }
  return found;
}
