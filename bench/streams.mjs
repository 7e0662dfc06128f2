/**
 * `npm run bench -- streams`: a thousand streams at once, paced as a model paces them, through the gateway and through a
 * bare node:http pass-through. Are all frames there, and how much memory does the server take?
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { withServers } from './parts/servers.mjs';

const streams = 1_000;
const rounds = 3;
/** Of each stream: pieces, and the milliseconds between them. */
const pieces = 64;
const paceMs = 20;

export function run() {
  return withServers(async ({ part, config, gateway }) => {
    const upstream = await part('paced-upstream', pieces, paceMs);
    const file = config(
      'server: { port: 0 }',
      `upstreams: { main: { url: "${upstream.url}/v1", model: bench, maxInFlight: ${2 * streams} } }`,
      'models: { default: [main] }',
      `load: { maxInFlight: ${2 * streams} }`,
    );
    const bare = await part('pass-through', `${upstream.url}/v1`);
    return {
      suite: 'streams',
      rows: [await measured('bare pass-through', bare), await measured('ripstop', await gateway(file))],
      notes: [
        `${rounds} × ${streams} streams of ${pieces} pieces, one every ${paceMs} ms; memory of the server process (RSS)`,
      ],
    };
  });
}

async function measured(name, { url, pid }) {
  const idleMb = rssMb(pid);
  let peakMb = idleMb;
  const watching = setInterval(() => (peakMb = Math.max(peakMb, rssMb(pid))), 50);
  const dispatcher = new Agent({ connections: streams, pipelining: 1 });
  let incomplete = 0;
  let frames = 0;
  const started = performance.now();
  for (let round = 0; round < rounds; round += 1) {
    const counts = await Promise.all(Array.from({ length: streams }, () => framesOf(url, dispatcher)));
    incomplete += counts.filter((count) => count !== pieces + 1).length;
    frames += counts.reduce((sum, count) => sum + count, 0);
  }
  const seconds = (performance.now() - started) / 1_000;
  clearInterval(watching);
  await dispatcher.close();
  return {
    name,
    frames,
    incomplete,
    'seconds a round': Math.round((seconds / rounds) * 10) / 10,
    'idle MB': idleMb,
    'peak MB': peakMb,
  };
}

/** Frames with a piece in them, or the finish; none where the answer is no stream. */
async function framesOf(url, dispatcher) {
  const { statusCode, body } = await request(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'default', stream: true, messages: [{ role: 'user', content: 'Hello' }] }),
    dispatcher,
  });
  const text = await body.text();
  return statusCode === 200 ? text.split('\n\n').filter((frame) => frame.startsWith('data: {')).length : 0;
}

function rssMb(pid) {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}
