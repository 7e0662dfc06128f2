import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTests } from '../scripts/spec-rows.mjs';
import { readText, root } from './repository.js';

const folder = 'examples/testing';
const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.test.ts'));
const titled = readTests(root).filter(({ file }) => file.startsWith(folder));

test('R157 D125: each of the guide’s eight tests is in the suite that CI collects, and so is what they left out', () => {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const list = execFileSync(process.execPath, [vitest, 'list', folder], { cwd: root, encoding: 'utf8' });
  const collected = list.split('\n').filter((line) => line.startsWith(folder));
  for (const { file, title } of titled) {
    const [plain] = title.split('%s');
    expect(collected.filter((line) => line.startsWith(file) && line.includes(plain ?? title))).not.toHaveLength(0);
  }
  const ids = new Set(titled.flatMap(({ ids: some }) => some));
  const guides = ['R160', 'R161', 'R162', 'R163', 'R164', 'R165', 'R166', 'R167'];
  expect(guides.filter((id) => !ids.has(id))).toEqual([]);
  expect(titled.filter(({ ids: some }) => some.includes('D125')).length).toBeGreaterThanOrEqual(8);
});

test('D125: they stand alone: nothing but public names and vitest, no mock, no sleep', () => {
  expect(files.length).toBeGreaterThanOrEqual(8);
  for (const name of files) {
    const source = readText(`${folder}/${name}`);
    const imported = [...source.matchAll(/from '([^']+)'/g)].map(([, from = '']) => from);
    expect(imported.filter((from) => !/^(ripstop(\/[a-z]+)?|vitest|zod)$/.test(from))).toEqual([]);
    expect(source).not.toMatch(/vi\.(fn|mock|spyOn|useFakeTimers)|setTimeout|\.skip|\.todo/);
  }
});
