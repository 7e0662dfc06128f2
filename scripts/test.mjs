/**
 * `npm test [-- file or option …]`: sets up, checks types, lint and format, runs every test.
 *
 * With arguments only vitest runs, with those. The last line is `N passed, N failed` (`, N skipped` where some were);
 * a check that fails, and a file that cannot be run, count as one failure each.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiler, node, root, setUp } from './set-up.mjs';
import { readRows, readTests } from './spec-rows.mjs';

const bin = (path) => join(root, 'node_modules', path);
const checks = [
  ['types of the tests', compiler, '-p', 'tsconfig.tests.json'],
  ['lint', bin('oxlint/bin/oxlint'), '--type-aware', '--quiet'],
  ['format', bin('@biomejs/biome/bin/biome'), 'format', '.'],
  ['unused code and packages', bin('knip/bin/knip.js'), '--no-progress'],
];

// The last line is printed whatever happens; a set-up that fails is one failure.
let summary = '0 passed, 1 failed';
process.once('exit', () => console.log(`\n${summary}`));

await setUp();
const filters = process.argv.slice(2);
const failedChecks = filters.length === 0 ? await runChecks() : [];
const tests = await runTests(filters);

if (filters.length === 0) console.log(coverage());
for (const name of failedChecks) console.error(`FAILED check: ${name}`);
const failed = tests.failed + failedChecks.length;
summary = `${tests.passed} passed, ${failed} failed${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''}`;
process.exitCode = failed === 0 ? 0 : 1;

async function runChecks() {
  const failures = [];
  for (const [name, ...command] of checks) {
    console.log(`Checking ${name} …`);
    if ((await node(...command)) !== 0) failures.push(name);
  }
  return failures;
}

async function runTests(filters) {
  const folder = mkdtempSync(join(tmpdir(), 'ripstop-test-'));
  const file = join(folder, 'report.json');
  try {
    const code = await node(
      bin('vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...filters,
    );
    return countTests(file, code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How much of the guide, and of the rules beside it, has a test that names it. `npm run rows` has the list. */
function coverage() {
  const named = new Set(readTests(root).flatMap(({ ids }) => ids));
  const rows = readRows(root);
  const guide = rows.filter(({ id }) => /^[RDI]\d/.test(id));
  const covered = (of) => `${of.filter(({ id }) => named.has(id)).length} of ${of.length}`;
  return `Rows of the guide with a test: ${covered(guide)}; with the rules: ${covered(rows)} (npm run rows)`;
}

/** Counts from the runner's own report. A file that never got to its tests, or a bare non-zero exit, is a failure too. */
function countTests(file, code) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`The test runner left no report (exit code ${code}): ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const broken = report.testResults.filter(({ status, assertionResults }) => {
    return status === 'failed' && assertionResults.every((result) => result.status !== 'failed');
  });
  for (const { name, message } of broken) console.error(`FAILED file: ${name}\n${message}`);
  const failed = report.numFailedTests + broken.length;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
