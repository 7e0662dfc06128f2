/** The scenarios of `bench/scenarios.json`, each with what all have in common. */
import { readFileSync } from 'node:fs';

const file = new URL('../scenarios.json', import.meta.url);

/** By name. @throws TypeError for a scenario that cannot be played. */
export function readScenarios(text = readFileSync(file, 'utf8')) {
  const { base, scenarios } = JSON.parse(text);
  return Object.fromEntries(Object.entries(scenarios).map(([name, own]) => [name, checked({ name, ...base, ...own })]));
}

const shape = {
  name: 'text',
  title: 'text',
  what: 'text',
  durationMs: 'number',
  callsPerSecond: 'number',
  patienceMs: { least: 'number', most: 'number' },
  upstream: {
    slots: 'number',
    queue: 'number',
    serviceMs: { median: 'number', sigma: 'number' },
    networkMs: 'number',
    failureRatio: 'number',
  },
};

/** What a scenario may have besides. */
const extras = {
  trouble: { fromMs: 'number', untilMs: 'number' },
  warmUp: { ms: 'number', slots: 'number' },
  burst: { fromMs: 'number', untilMs: 'number', callsPerSecond: 'number' },
  quota: 'number',
};
const troubles = { down: 'flag', slots: 'number', failureRatio: 'number', slowness: 'number' };

function checked(scenario) {
  const { name, durationMs, trouble, burst } = scenario;
  const present = Object.entries(extras).filter(([key]) => key in scenario);
  compare(name, scenario, { ...shape, ...Object.fromEntries(present) }, { trouble: troubles });
  for (const span of [trouble, burst]) {
    if (span !== undefined && !(span.fromMs < span.untilMs && span.untilMs <= durationMs)) {
      throw new TypeError(`${name}: a span must begin before it ends, and end within the run`);
    }
  }
  return scenario;
}

/** Every key of `wanted` is there and right, and no other, but for those that `more` allows. */
function compare(where, value, wanted, more = {}) {
  for (const [key, kind] of Object.entries(wanted)) {
    if (!(key in value)) throw new TypeError(`${where}.${key} is missing`);
    if (typeof kind === 'object') compare(`${where}.${key}`, value[key], { ...kind, ...chosen(more[key], value[key]) });
    else if (!isKind(kind, value[key])) throw new TypeError(`${where}.${key} is no ${kind}`);
  }
  const unknown = Object.keys(value).find((key) => !(key in wanted));
  if (unknown !== undefined) throw new TypeError(`${where}.${unknown} is not known`);
}

function chosen(kinds = {}, value) {
  return Object.fromEntries(Object.entries(kinds).filter(([key]) => key in value));
}

function isKind(kind, value) {
  if (kind === 'number') return typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY;
  return kind === 'flag' ? value === true : typeof value === 'string' && value !== '';
}
