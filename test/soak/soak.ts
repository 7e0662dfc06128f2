/** Sends mixed requests through the built gateway before an upstream that fails one time in ten, and looks at what is left. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cli, type RunningGateway, startGateway } from '../gateway/harness.js';
import { agent, exchange, type Seen } from './client.js';
import { type Question, questions } from './mix.js';
import { verdictOn } from './verdict.js';

/** Memory of the gateway's process after a collection, in bytes, as probe.cjs tells it. */
export interface Memory {
  readonly number: number;
  readonly rss: number;
  readonly heapUsed: number;
}

/** And what the process holds. */
export interface Held extends Memory {
  /** Handles that keep the process running, by kind. */
  readonly active: Readonly<Record<string, number>>;
  /** Live objects, by kind. */
  readonly live: Readonly<Record<'sockets' | 'requests' | 'responses' | 'signals' | 'timers', number>>;
  /** Listeners of `process`. */
  readonly listeners: number;
}

export interface SoakReport {
  readonly requests: number;
  readonly seconds: number;
  /** How often each verdict was given: `answer`, `left`, `error rate_limited`, `frame stream_interrupted`. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** The first of what must not be. */
  readonly problems: readonly string[];
  /** Requests that the upstream got, and the share of them that it spoilt. */
  readonly upstream: { readonly requests: number; readonly faulty: number };
  /** Before the first request; ten times under way; when every connection was closed. */
  readonly before: Held;
  readonly onTheWay: readonly Memory[];
  readonly after: Held;
  /** Connections that the upstream still had open then. */
  readonly openUpstream: number;
  /** What the gateway printed that speaks of a warning, such as one about listeners. */
  readonly warnings: readonly string[];
}

const clients = 48;
const seed = 20_260_601;

/** About one in ten requests of an upstream. Faults that wait are rare, and the gateway's limits short. */
const spoilt: Readonly<Record<string, number>> = {
  '500': 1,
  '503': 1,
  reset: 1,
  'cut-after=20': 1.5,
  'reset-after=10': 0.5,
  'end-after=20': 0.5,
  'error-frame': 0.5,
  'error-frame-after=10': 0.5,
  'bare-error-after=10': 0.5,
  'bad-frame-at=10': 0.4,
  'bad-frames-at=5': 0.3,
  'bad-json': 0.4,
  'truncated-json': 0.3,
  'empty-body': 0.3,
  'empty-choices': 0.3,
  html: 0.2,
  'html-error': 0.2,
  'error-in-200': 0.2,
  'out-of-memory': 0.2,
  'context-overflow': 0.1,
  'content-filter': 0.1,
  'filtered-finish': 0.1,
  'silence=3s': 0.05,
  'silent-after=5': 0.05,
  'first-token-after=3s': 0.05,
  'slow-body=3s': 0.05,
  'rate-limit=1s': 0.01,
};

const settings = '{ timeouts: { headers: 1s, firstContent: 1s, gap: 1s, total: 10s }';
const yamlOver = (url: string): string => `
server: { drain: 2s, drainWait: 10ms }
upstreams:
  main: { url: "${url}", model: main, prefill: true }
  spare: { url: "${url}", model: spare }
  lonely: { url: "${url}", model: lonely }
  long: { url: "${url}", model: long }
models:
  default: ${settings}, chain: [main, spare] }
  alone: ${settings}, chain: [lonely], retry: { attempts: 1 }, resume: false }
  long: [long]
images: { default: [main, spare], alone: [lonely], long: [main] }
`;

export async function soak(requests: number): Promise<SoakReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ripstop-soak-'));
  const upstream = await chaosProcess(folder);
  const file = path.join(folder, 'held.json');
  const gateway = await startGateway({
    yaml: yamlOver(upstream.url),
    args: ['--log-level', 'error'],
    env: {
      SOAK_REPORT: file,
      NODE_OPTIONS: `--disable-warning=ExperimentalWarning --require ${fileURLToPath(new URL('probe.cjs', import.meta.url))}`,
    },
  });
  try {
    return await run(requests, { gateway, upstream, file });
  } finally {
    await gateway.stop();
    await upstream.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Stage {
  readonly gateway: RunningGateway;
  readonly upstream: ChaosProcess;
  /** Where the gateway's process writes what it holds. */
  readonly file: string;
}

async function run(requests: number, stage: Stage): Promise<SoakReport> {
  const { gateway, upstream } = stage;
  const before = await told<Held>(stage, 'SIGCONT');
  const started = performance.now();
  const { tally, onTheWay } = await traffic(requests, stage);
  const seconds = (performance.now() - started) / 1000;
  agent.destroy();
  const { after, openUpstream } = await settled(stage);
  const { total, scenes } = await upstream.counters();
  const good = Object.values(scenes).reduce((sum, counts) => sum + (counts['ok'] ?? 0) + (counts['flood=500'] ?? 0), 0);
  return {
    requests,
    seconds,
    verdicts: tally.verdicts,
    problems: tally.problems,
    upstream: { requests: total, faulty: 1 - good / total },
    before,
    onTheWay,
    after,
    openUpstream,
    warnings: gateway.output().match(/^.*Warning.*$/gm) ?? [],
  };
}

async function traffic(requests: number, stage: Stage): Promise<{ tally: Tally; onTheWay: Memory[] }> {
  const tally = new Tally();
  const onTheWay: Memory[] = [];
  const asked = questions(requests, seed);
  let answered = 0;
  const client = async (): Promise<void> => {
    for (const question of asked) {
      tally.add(question, await exchange(stage.gateway.url, question));
      answered += 1;
      if (answered % Math.floor(requests / 10) === 0) onTheWay.push(await told<Memory>(stage, 'SIGUSR2'));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { tally, onTheWay };
}

class Tally {
  readonly verdicts: Record<string, number> = {};
  readonly problems: string[] = [];

  add(question: Question, seen: Seen): void {
    const verdict = verdictOn(question, seen);
    const name = 'type' in verdict ? `${verdict.kind} ${verdict.type}` : verdict.kind;
    this.verdicts[name] = (this.verdicts[name] ?? 0) + 1;
    if (verdict.kind !== 'problem' || this.problems.length >= 20) return;
    const { method, path: asked, body = '', manner } = question;
    const end = JSON.stringify(seen.text.slice(-400));
    this.problems.push(`${verdict.why}: ${method} ${asked} ${body} (${manner}) → ${seen.status} ${seen.end} …${end}`);
  }
}

/** Connections close when they have been idle for some seconds. What is open after half a minute stays open. */
async function settled(stage: Stage): Promise<{ after: Held; openUpstream: number }> {
  const limit = performance.now() + 30_000;
  let openUpstream: number;
  do {
    await pause(250);
    openUpstream = (await stage.upstream.counters()).open;
  } while (openUpstream > 0 && performance.now() < limit);
  return { after: await told<Held>(stage, 'SIGCONT'), openUpstream };
}

/** Asks the gateway's process by a signal, and waits until it has written. */
async function told<T extends Memory>({ gateway: { child }, file }: Stage, signal: NodeJS.Signals): Promise<T> {
  const last = await read<T>(file);
  child.kill(signal);
  for (;;) {
    await pause(20);
    const now = await read<T>(file);
    if (now !== undefined && now.number > (last?.number ?? 0)) return now;
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`);
  }
}

async function read<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

interface ChaosProcess {
  readonly url: string;
  counters(): Promise<{
    total: number;
    open: number;
    scenes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  }>;
  stop(): Promise<void>;
}

async function chaosProcess(folder: string): Promise<ChaosProcess> {
  const script = path.join(folder, 'chaos.json');
  const spoils = [...Object.entries(spoilt).map(([fault, percent]) => `${fault} at ${percent}%`), 'ok'];
  const scenes = { main: spoils, spare: spoils, lonely: spoils, long: ['flood=500'] };
  await writeFile(script, JSON.stringify({ scenes }));
  const child = spawn(process.execPath, [cli, 'chaos', '--port', '0', '--script', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  // A line for every request: read, and let go.
  child.stdout.resume();
  const url = /http:\S+/.exec(said.toString())?.[0] ?? '';
  return {
    url,
    async counters() {
      const answer = await fetch(new URL('/chaos', url), { headers: { connection: 'close' } });
      const counters = (await answer.json()) as Awaited<ReturnType<ChaosProcess['counters']>>;
      // Without the connection of this question.
      return { ...counters, open: counters.open - 1 };
    },
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
