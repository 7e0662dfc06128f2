/**
 * `npm run bench -- gateway`: the gateway beside a bare node:http pass-through, before the same upstream, with nothing
 * between as the upper bound, and beside Portkey's package where `PORTKEY` names a folder that has it (bench/README.md).
 */
import { createServer } from 'node:net';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { Pool } from 'undici';
import { start } from './parts/children.mjs';
import { median } from './parts/measure.mjs';
import { plainConfig, withServers } from './parts/servers.mjs';

const connections = 50;
const rounds = 5;
const secondsPerRound = 3;

export function run() {
  return withServers(async ({ part, config, gateway, children }) => {
    const upstream = await part('upstream');
    const base = `${upstream.url}/v1`;
    const rows = await compare({
      direct: { base: upstream.url },
      'bare pass-through': { base: (await part('pass-through', base)).url },
      'bare, JSON parsed': { base: (await part('pass-through', base, 'parse')).url, only: 'JSON' },
      ripstop: { base: (await gateway(config(...plainConfig(upstream)))).url },
      ...(await portkey(children, base)),
    });
    return {
      suite: 'gateway',
      rows,
      notes: [
        `${connections} connections, ${rounds} rounds of ${secondsPerRound} s, medians`,
        ...(process.env.PORTKEY === undefined ? ['without Portkey: see bench/README.md'] : []),
      ],
    };
  });
}

async function compare(targets) {
  const pools = Object.fromEntries(
    Object.entries(targets).map(([name, { base, headers = {}, only }]) => {
      return [name, { pool: new Pool(base, { connections, pipelining: 1 }), headers, only }];
    }),
  );
  const samples = Object.fromEntries(
    Object.keys(targets).map((name) => [name, { json: [], single: [], streams: [], first: [], errors: 0 }]),
  );
  const streaming = new Set();
  for (const [name, target] of Object.entries(pools)) {
    await load(target, 1, { stream: false });
    if (target.only === 'JSON') continue;
    const { statusCode, body } = await send(target, { stream: true });
    await body.dump();
    if (statusCode === 200) streaming.add(name);
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, pool] of Object.entries(pools)) {
      const json = await load(pool, secondsPerRound, { stream: false });
      samples[name].json.push(json.perSecond);
      samples[name].single.push(await oneAtATime(pool));
      samples[name].errors += json.errors;
      if (!streaming.has(name)) continue;
      const streams = await load(pool, secondsPerRound, { stream: true });
      samples[name].streams.push(streams.perSecond);
      samples[name].first.push(await firstByte(pool));
      samples[name].errors += streams.errors;
    }
  }
  await Promise.all(Object.values(pools).map(({ pool }) => pool.close()));
  const base = samples['bare pass-through'];
  const parsing = samples['bare, JSON parsed'];
  return Object.entries(samples).map(([name, sample]) => ({
    name,
    'JSON answers/s': Math.round(median(sample.json)),
    'of bare': ratio(median(sample.json), median(base.json)),
    'of bare that parses': ratio(median(sample.json), median(parsing.json)),
    'JSON ms (1 at a time)': Math.round(median(sample.single) * 1_000) / 1_000,
    ...(samples.portkey && { '× Portkey': ratio(median(sample.json), median(samples.portkey.json)) }),
    ...streamCells(sample, base),
    errors: sample.errors,
  }));
}

/** Portkey's gateway in a process of its own, told by headers to ask our upstream; nothing where there is none. */
async function portkey(children, upstream) {
  const folder = process.env.PORTKEY;
  if (folder === undefined) return {};
  const script = path.resolve(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  const port = await freePort();
  const { url } = await start(children, script, [`--port=${port}`, '--headless'], /localhost:(\d+)/);
  const headers = { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': upstream, authorization: 'Bearer none' };
  return { portkey: { base: url, headers } };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function send({ pool, headers }, { stream }) {
  return pool.request({
    path: '/v1/chat/completions',
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      model: 'default',
      messages: [{ role: 'user', content: 'What is a circuit breaker?' }],
      stream,
    }),
  });
}

async function load(pool, seconds, options) {
  const end = performance.now() + seconds * 1000;
  let answers = 0;
  let errors = 0;
  const caller = async () => {
    while (performance.now() < end) {
      const { statusCode, body } = await send(pool, options);
      await body.dump();
      if (statusCode === 200) answers += 1;
      else errors += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, caller));
  return { perSecond: answers / seconds, errors };
}

/** Milliseconds from the request to the end of its answer. */
async function oneAtATime(pool) {
  const times = [];
  for (let index = 0; index < 200; index += 1) {
    const started = performance.now();
    const { body } = await send(pool, { stream: false });
    await body.dump();
    times.push(performance.now() - started);
  }
  return median(times);
}

async function firstByte(pool) {
  const times = [];
  for (let index = 0; index < 100; index += 1) {
    const started = performance.now();
    const { body } = await send(pool, { stream: true });
    for await (const _ of body) {
      times.push(performance.now() - started);
      break;
    }
  }
  return median(times);
}

/** Empty for a gateway that answers no stream at all. */
function streamCells({ streams, first }, base) {
  const cells = { 'streams/s': '', 'of bare (streams)': '', 'first token ms (1 at a time)': '' };
  if (streams.length === 0) return cells;
  return {
    'streams/s': Math.round(median(streams)),
    'of bare (streams)': ratio(median(streams), median(base.streams)),
    'first token ms (1 at a time)': Math.round(median(first) * 100) / 100,
  };
}

function ratio(value, base) {
  return Math.round((value / base) * 100) / 100;
}
