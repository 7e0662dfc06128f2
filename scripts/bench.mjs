/**
 * `npm run bench -- suite …`: runs suites of `bench/`, prints their tables, keeps them in `bench/results/`.
 * Without a suite, lists them; `all` runs every one. Times are read by people and compared in one run, never asserted.
 *
 * A suite is a file that exports `run()`: `{ suite, rows: [{ … }], notes? }`, all rows with the same keys.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './set-up.mjs';

const folder = join(root, 'bench');
const known = readdirSync(folder)
  .filter((name) => name.endsWith('.mjs'))
  .map((name) => basename(name, '.mjs'));

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => name !== 'all' && !known.includes(name));
if (wanted.length === 0 || unknown.length > 0) {
  for (const name of unknown) console.error(`No suite is named ${name}.`);
  console.log(`Suites: ${known.join(', ') || 'none yet'}\nRun one: npm run bench -- ${known[0] ?? 'suite'}`);
  process.exit(unknown.length === 0 ? 0 : 1);
}

await setUp();
for (const name of wanted.includes('all') ? known : wanted) await runSuite(name);

async function runSuite(name) {
  console.log(`\n# ${name}`);
  const { run } = await import(pathToFileURL(join(folder, `${name}.mjs`)).href);
  if (typeof run !== 'function') throw new TypeError(`bench/${name}.mjs exports no run()`);
  const { suite = name, rows, notes } = await run();
  console.log(table(rows));
  for (const note of [notes ?? []].flat()) console.log(note);
  save({ suite, rows, notes });
}

function save({ suite, rows, notes }) {
  const results = join(folder, 'results');
  const machine = {
    date: new Date().toISOString(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: availableParallelism(),
  };
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${suite}.json`), `${JSON.stringify({ suite, ...machine, rows, notes }, null, 2)}\n`);
  console.log(`Kept in bench/results/${suite}.json`);
}

/** A table of plain text: numbers to the right, the rest to the left. */
function table(rows) {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const text = (value) => (typeof value === 'number' ? readable(value) : String(value ?? ''));
  const widths = keys.map((key) => Math.max(key.length, ...rows.map((row) => text(row[key]).length)));
  const line = (cells) => cells.join('  ').trimEnd();
  return [
    line(keys.map((key, index) => key.padEnd(widths[index]))),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map((row) => {
      return line(
        keys.map((key, index) => {
          const cell = text(row[key]);
          return typeof row[key] === 'number' ? cell.padStart(widths[index]) : cell.padEnd(widths[index]);
        }),
      );
    }),
  ].join('\n');
}

function readable(number) {
  if (Number.isInteger(number)) return number.toLocaleString('en-US');
  return number.toLocaleString('en-US', { maximumSignificantDigits: Math.abs(number) >= 100 ? 4 : 3 });
}
