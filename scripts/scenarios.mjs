/**
 * `npm run scenarios [-- name …]`: plays S01–S16 and the list of faults against the built gateway and the built
 * `ripstop chaos`, in real time, and prints for each whether it passed, or what the client saw.
 *
 *   --json   the results as JSON
 *   --list   the names, and nothing else
 *
 * Ends with 1 where a scenario failed, 2 where a name is not known.
 */
import { parseArgs } from 'node:util';
import { setUp } from './set-up.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
});
// What the set-up has to say is no part of the answer.
if (options.json) console.log = console.error;

const { scenarios } = await import('../test/scenarios/all.mjs');
const { playAll } = await import('../test/scenarios/play-all.mjs');

if (options.list) {
  for (const { id, title } of scenarios) console.log(`${id.padEnd(24)} ${title}`);
  process.exit(0);
}
const unknown = positionals.filter((name) => scenarios.every(({ id }) => id !== name));
if (unknown.length > 0) {
  console.error(`No scenario is named ${unknown.join(', ')}; npm run scenarios -- --list names them.`);
  process.exit(2);
}
await setUp();

const chosen = scenarios.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
const startedAt = performance.now();
const results = await playAll(chosen, (result) => {
  if (!options.json) console.log(told(result));
});
const failed = results.filter(({ passed }) => !passed);
const seconds = Math.round((performance.now() - startedAt) / 1_000);
if (options.json)
  process.stdout.write(
    `${JSON.stringify({ passed: results.length - failed.length, failed: failed.length, seconds, results }, null, 2)}\n`,
  );
else {
  const ours = results.filter(({ id }) => /^S\d\d$/.test(id));
  console.log(`\nS01–S16: ${ours.filter(({ passed }) => passed).length} of ${ours.length}`);
  console.log(`${results.length - failed.length} passed, ${failed.length} failed, ${seconds} s`);
}
process.exitCode = failed.length === 0 ? 0 : 1;

function told({ id, title, passed, ms, problems, seen }) {
  const line = `${passed ? 'pass' : 'FAIL'}  ${id.padEnd(24)} ${title} (${(ms / 1_000).toFixed(1)} s)`;
  if (passed) return line;
  return [
    line,
    ...problems.map((problem) => `        ${problem}`),
    ...seen.slice(0, 5).map((facts) => `        seen: ${JSON.stringify(facts)}`),
  ].join('\n');
}
