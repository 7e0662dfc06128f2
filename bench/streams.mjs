/**
 * `npm run bench -- streams`: a thousand streams at once, paced as a model paces them, through the gateway and through a
 * bare node:http pass-through. Are all frames there, and how much memory does the server take?
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { start } from './parts/children.mjs';

const streams = 1_000;
const rounds = 3;
/** Of each stream: pieces, and the milliseconds between them. */
const pieces = 64;
const paceMs = 20;
const here = (file) => fileURLToPath(new URL(file, import.meta.url));

export async function run() {
  const folder = mkdtempSync(path.join(tmpdir(), 'ripstop-bench-'));
  const children = [];
  try {
    const upstream = await start(
      children,
      here('./parts/paced-upstream.mjs'),
      [String(pieces), String(paceMs)],
      /^(\d+)$/,
    );
    const config = path.join(folder, 'ripstop.yaml');
    writeFileSync(
      config,
      [
        'server: { port: 0 }',
        `upstreams: { main: { url: "${upstream.url}/v1", model: bench, maxInFlight: ${2 * streams} } }`,
        'models: { default: [main] }',
        `load: { maxInFlight: ${2 * streams} }`,
      ].join('\n'),
    );
    const bare = await start(children, here('./parts/pass-through.mjs'), [`${upstream.url}/v1`], /^(\d+)$/);
    const args = ['serve', '--config', config, '--log-level', 'warn'];
    const port = /answers at http:\/\/127\.0\.0\.1:(\d+)/;
    const gateway = await start(children, here('../packages/gateway/bin/ripstop.js'), args, port);
    return {
      suite: 'streams',
      rows: [await measured('bare pass-through', bare), await measured('ripstop', gateway)],
      notes: [
        `${rounds} × ${streams} streams of ${pieces} pieces, one every ${paceMs} ms; memory of the server process (RSS)`,
      ],
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
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
