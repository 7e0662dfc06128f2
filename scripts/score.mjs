/**
 * `npm run score`: how well `classify` does on real failures of real providers, and what it misses.
 *
 *   --file errors.jsonl   another corpus (default: ../shared/data/errors.jsonl)
 *   --misses N            how many misses to list (default: all)
 *   --json                the report as JSON
 *
 * The rules stand in `test/fixtures/classify/scoring.mjs`. Two times are told: of a second call, and of a warm one.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { corpusFile, inputOf, readCases, score } from '../test/fixtures/classify/scoring.mjs';
import { root, setUp } from './set-up.mjs';

const { values: options } = parseArgs({
  options: {
    file: { type: 'string', default: corpusFile },
    misses: { type: 'string', default: 'Infinity' },
    json: { type: 'boolean', default: false },
  },
});

/** Rounds over all cases after which nothing gets faster. */
const warmUp = 20;

const file = resolve(options.file);
const cases = readCases(file);
if (cases === undefined) {
  console.log(`There is no corpus here, so nothing was scored. It was looked for in ${file}`);
  console.log('Another can be named: npm run score -- --file test/fixtures/classify/cases.jsonl');
} else {
  await setUp();
  const module = pathToFileURL(join(root, 'packages/ripstop/dist/models/classify/classify.js')).href;
  const { classify } = await import(module);
  for (const one of cases) classify(inputOf(one));
  const report = score(cases, classify);
  for (let round = 0; round < warmUp; round++) score(cases, classify);
  report.warmMedianMicros = score(cases, classify).medianMicros;
  console.log(options.json ? JSON.stringify(report) : readable(report, Number(options.misses)));
}

function readable({ subsets, stated, types, providers, misses, ...report }, listed) {
  return [
    `${report.cases} cases, ${report.threw} threw; median ${micros(report.medianMicros)}, warm ${micros(report.warmMedianMicros)}`,
    ...table('subset', subsets),
    '',
    ...Object.entries(stated).map(([name, { n, ok }]) => line(`stated ${name}`, n, `${percent(ok)} right`)),
    '',
    ...table('type', types),
    '',
    ...table('provider', providers),
    '',
    misses.length === 0 ? 'No misses.' : `${misses.length} misses`,
    ...misses.slice(0, listed).flatMap(missed),
  ].join('\n');
}

function table(title, rows) {
  return [
    line(title, 'n', 'type   retry'),
    ...Object.entries(rows).map(([name, { n, type, retry }]) => line(name, n, `${percent(type)} ${percent(retry)}`)),
  ];
}

function line(name, n, rest) {
  return `  ${name.padEnd(26)} ${String(n).padStart(4)}  ${rest}`;
}

function micros(value) {
  return `${value.toFixed(1)} µs`;
}

function percent(value) {
  return `${value ?? '–'} %`.padStart(7);
}

function missed({ id, strict, real, want, got, stated, sent }) {
  const wrong = Object.keys(stated).filter((name) => !stated[name]);
  const kind = `${strict ? 'strict' : 'ambiguous'}${real ? ', real' : ''}`;
  const numbers = wrong.length === 0 ? '' : `; wrong ${wrong.join(', ')}`;
  return [`  ${id} (${kind}): wanted ${want}, got ${got}${numbers}`, `    ${sent.replaceAll('\n', ' ')}`];
}
