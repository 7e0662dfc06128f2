/** Thousands of requests whose every name is made up: what the gateway remembers of them has a bound. */
import type { ErrorSummary, Incident } from 'ripstop/observation';
import {
  chatAnswer,
  type ScriptedUpstream,
  scriptedUpstream,
  seededRandom,
  type UpstreamAnswer,
  type UpstreamRequest,
} from 'ripstop/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, type RunningGateway, startGateway } from './harness.js';

const random = seededRandom(7);
/** Every word that was ever made up. */
const words = new Set<string>();

/** Letters only, so that no two texts are alike once their numbers are left out. */
function word(length = 12): string {
  const made = Array.from({ length }, () => String.fromCodePoint(97 + Math.floor(random() * 26))).join('');
  words.add(made);
  return made;
}

function pick<T>(all: readonly T[]): T | undefined {
  return all[Math.floor(random() * all.length)];
}

/** Every second answer is good, and the errors are of any kind; who asks to be refused is. */
function madeUp({ body }: UpstreamRequest): UpstreamAnswer {
  const prompt = (body as { messages: { content: string }[] }).messages[0]?.content;
  if (prompt === 'fine' || (prompt !== 'refuse' && random() < 0.5))
    return { kind: 'json', body: { ...chatAnswer(word()), model: word(), service_tier: word() } };
  const error = { message: `${word(20)} ${word()}`, type: word(), code: word(), param: word() };
  const status = prompt === 'refuse' ? 401 : pick([400, 401, 401, 404, 409, 418, 422, 500, 502]);
  return { kind: 'json', status, headers: { [`x-${word()}`]: word() }, body: { error } };
}

let upstream: ScriptedUpstream;
let gateway: RunningGateway;
/** Requests that are HTTP, and those that are not, by an unheard-of method. */
const sent = { good: 0, malformed: 0 };

beforeAll(async () => {
  upstream = await scriptedUpstream([madeUp], { remembered: 0 });
  const { url } = upstream;
  gateway = await startGateway({
    args: ['--log-level', 'error'],
    yaml: `upstreams: { main: { url: "${url}", model: m } }
models: { default: { chain: [main], retry: { attempts: 1 }, breaker: { consecutive: 1000 } } }
observation: { recovery: { settle: 1ms }, spikes: { recent: 1s, baseline: 5s } }
alerts: [ { webhook: "http://127.0.0.1:1/" } ]
`,
  });
});
afterAll(async () => {
  await gateway?.stop();
  await upstream?.close();
});

const ways = ['chat', 'chat', 'chat', 'model', 'route', 'method', 'image'] as const;

/** One request of which nothing is like any other. */
async function ask(): Promise<void> {
  const way = pick(ways);
  const path = { route: `/${word()}/${word()}?${word()}=${word()}`, image: '/generate_image' }[way as string];
  const isUnheardOf = way === 'method' && random() < 0.5;
  const known = way === 'method' ? pick(['PUT', 'DELETE', 'PATCH']) : 'POST';
  const answer = await fetch(gateway.url + (path ?? '/v1/chat/completions'), {
    method: isUnheardOf ? word().toUpperCase() : known,
    headers: {
      'content-type': 'application/json',
      'x-correlation-id': word(),
      'user-agent': word(),
      'x-api-key': word(),
      [`x-${word()}`]: word(),
    },
    body: JSON.stringify({
      model: way === 'model' ? word() : undefined,
      user: word(),
      [word()]: word(),
      prompt: word(),
      messages: [{ role: 'user', content: word() }],
    }),
  });
  await answer.arrayBuffer();
  sent[isUnheardOf ? 'malformed' : 'good'] += 1;
}

async function askMany(count: number): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let n = 0; n < count / 20; n += 1) await ask();
  };
  await Promise.all(Array.from({ length: 20 }, lane));
}

async function read(path: string): Promise<string> {
  return await (await fetch(gateway.url + path)).text();
}

/** Each series of the page of metrics, and its value. */
async function series(): Promise<Map<string, number>> {
  const lines = (await read('/metrics')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

test('D54 D102 GW21: names, routes, ids and texts that nobody has ever heard of find a bounded number of places', async () => {
  await askMany(1_000);
  const before = await series();
  await askMany(1_500);
  const after = await series();

  // What is new comes of rare outcomes, and not of names.
  expect(after.size).toBeLessThan(before.size + 100);
  expect(after.size).toBeLessThan(1_000);
  const labels = [...after.keys()].flatMap((name) => [...name.matchAll(/="([^"]*)"/g)].map(([, value = '']) => value));
  expect(labels.length).toBeGreaterThan(100);
  expect(labels.filter((label) => words.has(label) || words.has(label.toLowerCase()))).toEqual([]);
  const requests = [...after].filter(([name]) => /^ripstop_requests_total\{.*method="(?!GET)/.test(name));
  expect(requests.reduce((sum, [, count]) => sum + count, 0)).toBe(sent.good);

  const errors = await read('/error_metrics');
  const { error_types: types, top_patterns: patterns, top_errors: groups } = JSON.parse(errors) as ErrorSummary;
  expect(errors.length).toBeLessThan(32_000);
  expect(Object.keys(types).filter((type) => words.has(type))).toEqual([]);
  expect([patterns.length <= 10, groups.length <= 10]).toEqual([true, true]);
}, 90_000);

test('R197: of one incident after the other, the last 200 are remembered', async () => {
  const opened = async (): Promise<number> => (await series()).get('ripstop_incidents_total{subject="main"}') ?? 0;
  for (let round = 0; round < 100 && (await opened()) <= 220; round += 1) {
    for (let n = 0; n < 25; n += 1) {
      for (const content of ['refuse', 'fine'])
        await post(`${gateway.url}/v1/chat/completions`, { user: word(), messages: [{ role: 'user', content }] });
    }
  }
  expect(await opened()).toBeGreaterThan(220);
  const status = await read('/status');
  const { incidents } = JSON.parse(status) as { incidents: readonly Incident[] };
  // And the one that may be under way.
  expect([200, 201]).toContain(incidents.length);
  expect(new Set(incidents.map(({ subject }) => subject))).toEqual(new Set(['main']));
  expect(status.length).toBeLessThan(200_000);
}, 90_000);
