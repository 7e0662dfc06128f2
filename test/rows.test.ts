import { describe, expect, test } from 'vitest';
import { expectedIds, readRows, readTests, rowsOf, titledTests } from '../scripts/spec-rows.mjs';
import { readText, root } from './repository.js';

const rows = readRows(root);
const tests = readTests(root);

describe('docs/spec', () => {
  test('has every row and rule once, with a line', () => {
    const ids = rows.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(ids.toSorted()).toEqual(expectedIds().toSorted());
    expect(rows.filter(({ line }) => line.trim().length < 10)).toEqual([]);
  });

  test('has no table row that is read as something else', () => {
    expect(rowsOf('| id | line |\n| --- | --- |\n| R1 | one |\n| GW25 | a `b` \\| c |\n| x1 | no |\ntext R2')).toEqual([
      { id: 'R1', line: 'one' },
      { id: 'GW25', line: 'a `b` \\| c' },
    ]);
  });
});

describe('the rules of the policies', () => {
  const rules = rowsOf(readText('docs/spec/policies.md')).map(({ id }) => id);

  test('each have a test that names them, but for the one on shared state, which comes later', () => {
    const named = new Set(tests.flatMap(({ ids }) => ids));
    expect(rules.length).toBeGreaterThan(70);
    expect(rules.filter((id) => !named.has(id))).toEqual(['B18']);
  });
});

describe('titles of tests', () => {
  test('name only ids that docs/spec explains', () => {
    const known = new Set(rows.map(({ id }) => id));
    const unknown = tests.flatMap(({ ids, title, file }) => {
      return ids.filter((id) => !known.has(id)).map((id) => `${id}: ${title} (${file})`);
    });
    expect(tests.length).toBeGreaterThan(50);
    expect(unknown).toEqual([]);
  });

  test('are read with one id, with several, in any quotes, behind each, and over lines', () => {
    // § stands for an opening bracket, so that these lines are not read as tests themselves.
    const source = [
      "test§'R97: one', () => {});",
      'test§"R17 D9: it\'s two", () => {});',
      "test.each([1, 2])§'GW7, S08: with %s', () => {});",
      "test.skipIf(absent)§\n  'RT4: on the next line',\n  () => {},\n);",
      'test§`B7: in backticks`, () => {});',
      "test§'Q7: no such family', () => {});",
      "test§'no id', () => {});",
    ].join('\n');
    expect(titledTests(source.replaceAll('§', '('))).toEqual([
      { ids: ['R97'], title: 'one' },
      { ids: ['R17', 'D9'], title: "it's two" },
      { ids: ['GW7', 'S08'], title: 'with %s' },
      { ids: ['RT4'], title: 'on the next line' },
      { ids: ['B7'], title: 'in backticks' },
    ]);
  });
});
