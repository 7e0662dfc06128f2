/**
 * `npm run simulate -- scenario … | all`: plays scenarios of `bench/scenarios.json` on a virtual clock, prints their
 * tables, and keeps numbers and plots in `bench/results/simulate/`.
 *
 *   --seed N   one run with this seed, kept beside (default: seeds 1 to 5 together)
 *   --json     the numbers as JSON
 *
 * Without a scenario, lists them. Progress goes to standard error.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, setUp } from './set-up.mjs';

const seeds = [1, 2, 3, 4, 5];
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, json: { type: 'boolean', default: false } },
});
// What the set-up has to say is no part of the answer.
if (options.json) console.log = console.error;
await setUp();

const { readScenarios } = await import('../bench/simulate/scenarios.mjs');
const { play } = await import('../bench/simulate/play.mjs');
const { plot } = await import('../bench/simulate/plot.mjs');
const { rowsOf, text } = await import('../bench/simulate/table.mjs');

const known = readScenarios();
const unknown = positionals.filter((name) => name !== 'all' && known[name] === undefined);
const seed = options.seed === undefined ? undefined : Number(options.seed);
if (positionals.length === 0 || unknown.length > 0 || (seed !== undefined && !Number.isInteger(seed))) {
  for (const name of unknown) console.error(`No scenario is named ${name}.`);
  if (seed !== undefined && !Number.isInteger(seed)) console.error(`--seed takes a whole number, not ${options.seed}.`);
  console.error(`Scenarios: ${Object.keys(known).join(', ')}\nAll of them: npm run simulate -- all`);
  process.exit(positionals.length === 0 ? 0 : 1);
}

const wanted = positionals.includes('all') ? Object.values(known) : positionals.map((name) => known[name]);
const startedAt = performance.now();
const results = await play(wanted, seed === undefined ? seeds : [seed], showProgress);

for (const scenario of wanted) {
  keep(scenario, results[scenario.name]);
  if (!options.json) console.log(`\n# ${scenario.title}\n${scenario.what}\n\n${text(rowsOf(results[scenario.name]))}`);
}
if (options.json) process.stdout.write(`${JSON.stringify(results)}\n`);

function showProgress({ done, total, calls }) {
  const end = done === total ? '\n' : '';
  const took = ((performance.now() - startedAt) / 1_000).toFixed(1);
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total} runs, ${calls} calls, ${took} s${end}`);
  else if (done === total) process.stderr.write(`${total} runs, ${calls} calls, ${took} s\n`);
}

function keep(scenario, result) {
  const folder = join(root, 'bench/results/simulate');
  const name = seed === undefined ? scenario.name : `${scenario.name}-seed-${seed}`;
  mkdirSync(folder, { recursive: true });
  const kept = {
    scenario: scenario.name,
    seeds: seed === undefined ? seeds : [seed],
    contenders: withoutSeconds(result),
  };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(kept, null, 2)}\n`);
  writeFileSync(join(folder, `${name}.svg`), plot(scenario, result));
  console.error(`Kept in bench/results/simulate/${name}.json and .svg`);
}

/** The plot shows the seconds. */
function withoutSeconds(result) {
  return Object.fromEntries(
    Object.entries(result).map(([contender, numbers]) => [contender, { ...numbers, seconds: undefined }]),
  );
}
