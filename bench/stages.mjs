/**
 * `npm run bench -- stages`: where the gateway's time goes for each answer. A profile of the running gateway under load,
 * each sample given to the innermost file of ours on its stack; what has none is node's own, by what it does.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { Pool } from 'undici';
import { plainConfig, withServers } from './parts/servers.mjs';

const connections = 50;
const answers = { JSON: 30_000, streams: 6_000 };

/** The first that matches the file, under `dist`, is the stage. */
const stages = [
  ['read and write HTTP', /ripstop\/dist\/serving\/(adapters|frames|exchange)/],
  ['read and check the input', /ripstop\/dist\/(input\/|serving\/(read-input|body-limits|json))/],
  ['admit', /gateway\/dist\/(admission|authentication)/],
  ['observe', /(ripstop|gateway)\/dist\/observation|call\/events|event-log|prom-client/],
  [
    'ask the upstream',
    /ripstop\/dist\/models\/(openai|upstream|http|model-stream|limited|content|event-stream|classify)|gateway\/dist\/upstreams|undici/,
  ],
  ['chains and policies', /ripstop\/dist\/(policies|models)|gateway\/dist\/chains/],
  ['contexts, signals, timers', /ripstop\/dist\/(call|errors)/],
  ['routes', /gateway\/dist\/routes/],
  ['around the request', /ripstop\/dist\/serving|gateway\/dist/],
  ['schemas', /\/zod\//],
  ['logs', /\/pino|thread-stream|sonic/],
];

export async function run() {
  const rows = [];
  for (const kind of Object.keys(answers)) rows.push(...(await profiled(kind)));
  return {
    suite: 'stages',
    rows,
    notes: [`${connections} connections; microseconds of the gateway's processor an answer`],
  };
}

function profiled(kind) {
  return withServers(async ({ part, config, gateway, folder, children }) => {
    const file = config(...plainConfig(await part('upstream'), 'port: 0, drainWait: 1ms'));
    const { url } = await gateway(file, { flags: ['--cpu-prof', `--cpu-prof-dir=${folder}`] });
    const pool = new Pool(url, { connections, pipelining: 1 });
    await load(pool, kind, answers[kind]);
    await pool.close();
    const child = children.at(-1);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    const profile = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
    return table(kind, JSON.parse(readFileSync(path.join(folder, profile), 'utf8')));
  });
}

async function load(pool, kind, count) {
  let left = count;
  const body = JSON.stringify({
    model: 'default',
    messages: [{ role: 'user', content: 'What is a circuit breaker?' }],
    stream: kind === 'streams',
  });
  const headers = { 'content-type': 'application/json' };
  const caller = async () => {
    while (left-- > 0) {
      const answer = await pool.request({ path: '/v1/chat/completions', method: 'POST', headers, body });
      await answer.body.dump();
    }
  };
  await Promise.all(Array.from({ length: connections }, caller));
}

function table(kind, { nodes, samples, timeDeltas }) {
  const stageOf = stagesByNode(nodes);
  const micros = new Map();
  samples.forEach((id, index) => {
    const stage = stageOf.get(id);
    micros.set(stage, (micros.get(stage) ?? 0) + timeDeltas[index]);
  });
  micros.delete('idle');
  const total = [...micros.values()].reduce((sum, value) => sum + value, 0);
  return [...micros]
    .sort(([, a], [, b]) => b - a)
    .map(([stage, value]) => ({
      of: kind,
      stage,
      'µs an answer': Math.round((value / answers[kind]) * 10) / 10,
      share: Math.round((value / total) * 1_000) / 1_000,
    }));
}

/** Each node of the profile, with the stage of its innermost file of ours. */
function stagesByNode(nodes) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stageOf = new Map();
  const visit = (node, outer) => {
    const { functionName, url } = node.callFrame;
    const own = ownStage(functionName, url);
    const stage = own ?? outer;
    stageOf.set(node.id, stage);
    for (const child of node.children ?? []) visit(byId.get(child), stage);
  };
  visit(nodes[0], 'node itself');
  return stageOf;
}

function ownStage(functionName, url) {
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(garbage collector)') return 'garbage collection';
  return stages.find(([, pattern]) => pattern.test(url))?.[0];
}
