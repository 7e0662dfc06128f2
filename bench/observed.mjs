/**
 * `npm run bench -- observed`: the gateway with all that it observes, scraped every second, beside the same gateway to
 * whose events nobody listens. Answers a second, and on Linux the CPU time of the gateway alone, which tells the same
 * on a machine that is busy with other things.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Pool } from 'undici';
import { median } from './parts/measure.mjs';
import { plainConfig, withServers } from './parts/servers.mjs';

const connections = 50;
const rounds = 15;
const secondsPerRound = 1;
const scrapeEveryMs = 1_000;

export function run() {
  return withServers(async ({ part, config, gateway }) => {
    const file = config(...plainConfig(await part('upstream')));
    const { rows, scrapeMs } = await compare({ off: await part('unobserved-gateway', file), on: await gateway(file) });
    return {
      suite: 'observed',
      rows,
      notes: [
        `${connections} connections, ${rounds} rounds of ${secondsPerRound} s, medians of each round's answers and of its ratio`,
        `one scrape under load: ${scrapeMs} ms; "on" is scraped every second`,
      ],
    };
  });
}

async function compare(targets) {
  const names = Object.keys(targets);
  const pools = Object.fromEntries(
    names.map((name) => [name, new Pool(targets[name].url, { connections, pipelining: 1 })]),
  );
  const samples = Object.fromEntries(
    names.map((name) => [name, { json: [], streams: [], cpu: { json: [], streams: [] }, errors: 0 }]),
  );
  const scrapes = [];
  for (const stream of [false, true]) for (const name of names) await load(pools[name], 1, stream);
  const scraper = setInterval(() => void scrape(targets.on.url, scrapes), scrapeEveryMs);
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of ['json', 'streams']) {
      for (let index = 0; index < names.length; index += 1) {
        const name = names[(index + round) % names.length];
        const before = cpuMs(targets[name].pid);
        const { perSecond, errors } = await load(pools[name], secondsPerRound, kind === 'streams');
        samples[name][kind].push(perSecond);
        samples[name].errors += errors;
        const perAnswer = (cpuMs(targets[name].pid) - before) / (perSecond * secondsPerRound);
        samples[name].cpu[kind].push(1_000 * perAnswer);
      }
    }
  }
  clearInterval(scraper);
  await Promise.all(Object.values(pools).map((pool) => pool.close()));
  // A round's two halves follow each other, so that a busy machine slows both.
  const share = (name, kind) => {
    const ratios = samples[name][kind].map((perSecond, round) => perSecond / samples.off[kind][round]);
    return Math.round(median(ratios) * 100) / 100;
  };
  const rows = names.map((name) => ({
    observation: name,
    'JSON answers/s': Math.round(median(samples[name].json)),
    'of off': share(name, 'json'),
    'streams/s': Math.round(median(samples[name].streams)),
    'of off (streams)': share(name, 'streams'),
    'CPU µs a JSON answer': Math.round(median(samples[name].cpu.json)),
    'CPU µs a stream': Math.round(median(samples[name].cpu.streams)),
    errors: samples[name].errors,
  }));
  return { rows, scrapeMs: Math.round(median(scrapes) * 10) / 10 };
}

/** User and system time so far; NaN where there is no `/proc`. A tick is 10 ms on Linux. Source: proc(5). */
function cpuMs(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return Number.NaN;
  }
}

async function scrape(base, times) {
  const started = performance.now();
  const answer = await fetch(`${base}/metrics`);
  await answer.text();
  times.push(performance.now() - started);
}

async function load(pool, seconds, stream) {
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'What is a circuit breaker?' }], stream });
  const end = performance.now() + seconds * 1_000;
  let answers = 0;
  let errors = 0;
  const caller = async () => {
    while (performance.now() < end) {
      const headers = { 'content-type': 'application/json' };
      const answer = await pool.request({ path: '/v1/chat/completions', method: 'POST', headers, body });
      await answer.body.dump();
      if (answer.statusCode === 200) answers += 1;
      else errors += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, caller));
  return { perSecond: answers / seconds, errors };
}
