/**
 * `npm run rows`: which row or rule of `docs/spec/` is covered by which test.
 *
 * `--missing`: only what no test names. `--json`: for programs. Ids as arguments (`R97 B7`): only those.
 */
import { readRows, readTests } from './spec-rows.mjs';
import { root } from './set-up.mjs';

const options = process.argv.slice(2);
const asked = options.filter((option) => !option.startsWith('--'));
const tests = readTests(root);
const rows = readRows(root)
  .filter(({ id }) => asked.length === 0 || asked.includes(id))
  .map((row) => ({
    ...row,
    tests: tests.filter(({ ids }) => ids.includes(row.id)).map(({ title, file }) => ({ title, file })),
  }));
const missing = rows.filter((row) => row.tests.length === 0);
const shown = options.includes('--missing') ? missing : rows;

if (options.includes('--json')) {
  console.log(JSON.stringify({ rows: shown, total: rows.length, covered: rows.length - missing.length }, null, 2));
} else {
  const cell = (text) => text.replaceAll('|', '\\|');
  console.log('| id | line | test | file |\n| --- | --- | --- | --- |');
  for (const { id, line, tests: covering } of shown) {
    const named = covering.length === 0 ? [{ title: '–', file: '–' }] : covering;
    for (const { title, file } of named) console.log(`| ${id} | ${line} | ${cell(title)} | ${file} |`);
  }
  if (!options.includes('--missing')) {
    console.log(`\nWithout a test: ${missing.map(({ id }) => id).join(' ') || 'none'}`);
  }
  console.log(
    `\n${rows.length} rows and rules, ${rows.length - missing.length} covered, ${missing.length} without a test`,
  );
}
