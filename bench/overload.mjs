/**
 * `npm run bench -- overload`: ten times as many callers as the gateway takes at a time, before an upstream of 200 ms.
 * What the refused and the admitted wait, whether anybody hangs, and how soon it is over.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { median } from './parts/measure.mjs';
import { plainConfig, withServers } from './parts/servers.mjs';

const upstreamMs = 200;
const maxInFlight = 32;
const queue = 8;
const queueWaitMs = 250;
const callers = 10 * maxInFlight;
const rounds = 5;
const secondsPerRound = 4;
/** How soon a caller who was refused asks again, give or take a half: much sooner than he is told. */
const againMs = 200;

export function run() {
  return withServers(async ({ part, config, gateway }) => {
    const file = config(
      ...plainConfig(await part('upstream', upstreamMs)),
      `load: { maxInFlight: ${maxInFlight}, queue: ${queue}, queueWait: ${queueWaitMs}ms }`,
    );
    return phases(await gateway(file, { args: [] }));
  });
}

async function phases({ url, pid }) {
  const pool = new Pool(url, { connections: callers, pipelining: 1 });
  const phase = async (name, count, forMs, times = 1) => {
    const results = [];
    for (let round = 0; round < times; round += 1) results.push(await load(pool, count, forMs));
    return row(name, results, pid);
  };
  await load(pool, maxInFlight, 2_000);
  const rows = [
    await phase('1 caller', 1, 4_000),
    await phase(`${maxInFlight} callers, the limit`, maxInFlight, 4_000),
    await phase(`${callers} callers at once`, callers, 0),
    await phase(`${callers} callers, ${rounds} × ${secondsPerRound} s`, callers, secondsPerRound * 1000, rounds),
    await phase('the same again', callers, secondsPerRound * 1000, rounds),
    await phase('1 caller, right after', 1, 4_000),
  ];
  await pool.close();
  const unloaded = rows[0]['p99 ms'];
  const notes = [
    `Upstream ${upstreamMs} ms, maxInFlight ${maxInFlight}, queue ${queue}, queueWait ${queueWaitMs} ms; who is refused asks again after some ${againMs} ms.`,
    `To reach: refused p50 < 5 ms and p99 < 20 ms; admitted p99 ≤ 2 × ${unloaded} + ${queueWaitMs} = ${Math.round(2 * unloaded + queueWaitMs)} ms; none hanging.`,
    'Quantiles are medians over the rounds. Times include the load generator, which shares the machine with gateway and upstream;',
    'callers who come at once wait for the connections and answers of those before them.',
  ];
  return { suite: 'overload', rows, notes };
}

function row(name, results, pid) {
  const total = (read) => results.reduce((sum, result) => sum + read(result), 0);
  return {
    phase: name,
    admitted: total(({ admitted }) => admitted.length),
    'p50 ms': quantiles(results, 'admitted', 0.5),
    'p99 ms': quantiles(results, 'admitted', 0.99),
    refused: total(({ refused }) => refused.length),
    'refused p50 ms': quantiles(results, 'refused', 0.5),
    'refused p99 ms': quantiles(results, 'refused', 0.99),
    others: total(({ others }) => others),
    hanging: total(({ hanging }) => hanging),
    'RSS MB': Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024),
  };
}

/** Callers that ask, and ask again, until the time is over; each asks once at least. They begin together only if that is all. */
async function load(pool, count, forMs) {
  const end = performance.now() + forMs;
  const result = { admitted: [], refused: [], others: 0, hanging: count };
  const caller = async () => {
    if (forMs > 0) await pause(againMs * Math.random());
    do {
      const started = performance.now();
      const { statusCode, reason } = await ask(pool);
      const ms = performance.now() - started;
      if (statusCode === 200) result.admitted.push(ms);
      else if (statusCode !== 503) result.others += 1;
      // Who has stood in line was refused after that, and not at once.
      else if (reason !== 'queue_timeout') result.refused.push(ms);
      if (statusCode !== 200) await pause(againMs * (0.5 + Math.random()));
    } while (performance.now() < end);
    result.hanging -= 1;
  };
  await Promise.race([Promise.all(Array.from({ length: count }, caller)), pause(forMs + 10_000)]);
  return result;
}

async function ask(pool) {
  const { statusCode, body } = await pool.request({
    path: '/v1/chat/completions',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'default', messages: [{ role: 'user', content: 'What is a circuit breaker?' }] }),
  });
  const text = await body.text();
  return { statusCode, reason: statusCode === 503 ? JSON.parse(text).error.details?.reason : undefined };
}

function quantiles(results, kind, share) {
  const perRound = results.flatMap(({ [kind]: values }) => {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? [];
  });
  return perRound.length === 0 ? '–' : Math.round(median(perRound) * 10) / 10;
}
