/**
 * `npm run bench -- classify`: what classifying a failure costs, beside what it could cost at the least: parsing the
 * body (`JSON.parse` alone) and going by the status alone (an error made from a table).
 */
import { pathToFileURL } from 'node:url';
import { corpusFile, fixturesFile, inputOf, readCases } from '../test/fixtures/classify/scoring.mjs';

const dist = new URL('../packages/ripstop/dist/', import.meta.url);
const { classify } = await import(new URL('models/classify/classify.js', dist).href);
const { createError } = await import(new URL('errors/index.js', dist).href);

const rounds = 15;
const types = { 401: 'authentication_failed', 403: 'permission_denied', 404: 'model_not_found', 429: 'rate_limited' };

const candidates = {
  classify,
  'status alone': byStatus,
  'JSON.parse alone': parsed,
};

/** Median microseconds per kind of case: the middle case of each, timed side by side. */
export async function run() {
  const rows = [];
  for (const [source, file] of Object.entries({ fixtures: fixturesFile, corpus: corpusFile })) {
    const cases = readCases(file);
    if (cases === undefined) continue;
    for (const [kind, list] of kindsOf(cases)) rows.push({ source, kind, cases: list.length, ...measure(list) });
  }
  return {
    suite: 'classify',
    rows,
    notes: ['µs: the median case of its kind; each case is the best of 15 interleaved rounds, warm'],
  };
}

function kindsOf(cases) {
  const kinds = new Map([['all', cases]]);
  for (const one of cases) kinds.set(kindOf(one), [...(kinds.get(kindOf(one)) ?? []), one]);
  return kinds;
}

function kindOf({ code, status, body }) {
  if (code) return 'thrown';
  const text = typeof body === 'string' ? body.trim() : '{';
  if (text.startsWith('data:') || text.startsWith('event:')) return 'stream event';
  if (status === 200) return 'finished message';
  return /^[[{"]/.test(text) ? 'JSON answer' : 'text, HTML or empty';
}

function measure(cases) {
  const inputs = cases.map(inputOf);
  const best = Object.fromEntries(Object.keys(candidates).map((name) => [name, inputs.map(() => Infinity)]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, candidate] of Object.entries(candidates)) {
      for (const [index, input] of inputs.entries()) {
        const start = performance.now();
        candidate(input);
        const micros = (performance.now() - start) * 1000;
        best[name][index] = Math.min(best[name][index], micros);
      }
    }
  }
  const micros = Object.fromEntries(Object.entries(best).map(([name, times]) => [name, median(times)]));
  return {
    'classify µs': micros.classify,
    'status alone µs': micros['status alone'],
    'JSON.parse µs': micros['JSON.parse alone'],
    'times status alone': micros.classify / micros['status alone'],
  };
}

/** What many clients do: look at the number, and make an error. */
function byStatus({ status = 500 }) {
  return createError(types[status] ?? (status < 500 ? 'invalid_input' : 'upstream_unavailable'), {
    details: { status },
  });
}

function parsed({ body }) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // Not JSON: the attempt is what is timed.
  }
}

function median(times) {
  return Math.round([...times].sort((a, b) => a - b)[times.length >> 1] * 100) / 100;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.table((await run()).rows);
