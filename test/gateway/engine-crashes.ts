/** Kills the engine's process under a running gateway, and looks at what callers and probes notice. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { post, type RunningGateway, startGateway } from './harness.js';

const faults = [
  { name: 'kill -9', signal: 'SIGKILL', reason: 'generation_failed' },
  { name: 'SIGSTOP', signal: 'SIGSTOP', reason: 'inference_timeout' },
  { name: 'memory bomb', signal: 'SIGUSR2', reason: 'out_of_memory' },
] as const;

const preload = fileURLToPath(new URL('faulty-engine.cjs', import.meta.url));
const story = { prompt: 'Tell me a story about a fox.', max_tokens: 480, temperature: 1.9, stream: true };

export interface CrashReport {
  readonly kills: number;
  /** The slowest answer of `/livez`, and of a server that does nothing else, in milliseconds. */
  readonly slowestMs: number;
  readonly idleMs: number;
}

/** @throws an assertion's error at the first round in which anything but the right thing happens. */
export async function crashEngine(runtime: string, rounds: number): Promise<CrashReport> {
  const gateway = await startGateway({
    yaml: `upstreams: { local: { engine: embedded, runtime: ${runtime}, maxMemory: 400mb } }\nmodels: { default: [local] }\n`,
    env: { NODE_OPTIONS: `--require ${preload}` },
  });
  const idle = await idleServer();
  const probes = { gateway: probe(`${gateway.url}/livez`), idle: probe(idle.url) };
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const fault of faults) await strike(gateway, fault);
    }
    return {
      kills: rounds * faults.length,
      slowestMs: await probes.gateway.slowest(),
      idleMs: await probes.idle.slowest(),
    };
  } finally {
    await Promise.all([probes.gateway.slowest(), probes.idle.slowest()]);
    idle.end();
    await gateway.stop();
  }
}

async function strike(gateway: RunningGateway, { name, signal, reason }: (typeof faults)[number]): Promise<void> {
  let pid: number;
  let frame: Record<string, unknown> | undefined;
  do {
    pid = await enginePid(gateway);
    frame = await brokenOff(gateway, pid, signal);
  } while (frame === undefined);
  expect(frame, `the request in flight at ${name}`).toMatchObject({
    error_type: 'stream_interrupted',
    details: { reason },
    is_retryable: expect.any(Boolean),
  });

  const next = await post(`${gateway.url}/generate`, { prompt: 'What is the capital of France?', temperature: 0 });
  expect(next.body['generated_text'], `the generation after ${name}`).toContain('Paris');
  expect(await enginePid(gateway)).not.toBe(pid);
}

/** The error frame of a stream whose engine was struck; `undefined` where the answer was complete before the blow fell. */
async function brokenOff(
  { url }: RunningGateway,
  pid: number,
  signal: NodeJS.Signals,
): Promise<Record<string, unknown> | undefined> {
  const inFlight = await fetch(`${url}/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(story),
  });
  const reader = inFlight.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader?.read())?.value ?? '';
  expect(text).toContain('data: {"delta"');
  process.kill(pid, signal);
  for (let step = await reader?.read(); step?.done === false; step = await reader?.read()) text += step.value;
  if (text.includes('"done":true')) return undefined;
  return JSON.parse(/event: error\ndata: (.*)\n/.exec(text)?.[1] ?? '{}') as Record<string, unknown>;
}

async function enginePid({ url }: RunningGateway): Promise<number> {
  const answer = await fetch(`${url}/health`);
  const { checks } = (await answer.json()) as { checks: { local: { details: { pid: number } } } };
  return checks.local.details.pid;
}

/** Asks every 50 ms, and remembers the slowest answer. A probe that fails counts as endless. */
function probe(url: string): { slowest(): Promise<number> } {
  const stop = new AbortController();
  let slowestMs = 0;
  const running = (async () => {
    while (!stop.signal.aborted) {
      const started = performance.now();
      const { status } = await fetch(url).then(
        async (answer) => {
          await answer.text();
          return answer;
        },
        () => ({ status: 0 }),
      );
      const ms = performance.now() - started;
      slowestMs = Math.max(slowestMs, status === 200 ? ms : Number.POSITIVE_INFINITY);
      await delay(Math.max(0, 50 - ms));
    }
    return slowestMs;
  })();
  return {
    slowest() {
      stop.abort();
      return running;
    },
  };
}

/** A server that does nothing, in a process of its own: how slow this machine is by itself just now. */
async function idleServer(): Promise<{ url: string; end(): void }> {
  const script =
    "require('http').createServer((_, answer) => answer.end('ok')).listen(0, '127.0.0.1', function () { console.log(this.address().port) })";
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { url: `http://127.0.0.1:${port}`, end: () => void child.kill() };
}
