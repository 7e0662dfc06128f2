/** A real Prometheus and a real Alertmanager (Debian's), each in a process of its own, in front of whatever is scraped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const binaries = ['/usr/bin/prometheus', '/usr/bin/promtool', '/usr/bin/prometheus-alertmanager'];
export const missingBinaries: readonly string[] = binaries.filter((binary) => !existsSync(binary));

/** One series of an answer of PromQL. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One alert, as Alertmanager tells it to a webhook. */
export interface Notice {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Monitoring {
  readonly url: string;
  /** What Alertmanager has sent to its webhook, in order. */
  readonly notices: readonly Notice[];
  query(expression: string): Promise<readonly Sample[]>;
  exemplars(expression: string): Promise<readonly Readonly<Record<string, string>>[]>;
  close(): Promise<void>;
}

export interface MonitoringOptions {
  /** What is scraped, as `host:port`. */
  readonly target: string;
  /** What the scraper sends as its key. */
  readonly key: string;
  readonly rules: string;
}

export async function startMonitoring({ target, key, rules }: MonitoringOptions): Promise<Monitoring> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ripstop-prometheus-'));
  const notices: Notice[] = [];
  const sink = await webhook((body) => notices.push(...(body as { alerts: Notice[] }).alerts));
  const children: ChildProcess[] = [];
  await writeFile(path.join(folder, 'rules.yml'), rules);
  await writeFile(
    path.join(folder, 'alertmanager.yml'),
    `route: { receiver: sink, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: sink, webhook_configs: [{ url: "http://127.0.0.1:${portOf(sink)}/", send_resolved: true }] }]
`,
  );
  const alertmanager = await start(children, '/usr/bin/prometheus-alertmanager', (port) => [
    `--config.file=${path.join(folder, 'alertmanager.yml')}`,
    `--storage.path=${path.join(folder, 'alerts')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ]);
  await writeFile(
    path.join(folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
alerting: { alertmanagers: [{ static_configs: [{ targets: ["127.0.0.1:${alertmanager}"] }] }] }
scrape_configs:
  - { job_name: ripstop, authorization: { credentials: "${key}" }, static_configs: [{ targets: ["${target}"] }] }
`,
  );
  const prometheus = await start(children, '/usr/bin/prometheus', (port) => [
    `--config.file=${path.join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${path.join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
  ]);
  const url = `http://127.0.0.1:${prometheus}`;

  return {
    url,
    notices,
    async query(expression) {
      const { result } = (await ask(`${url}/api/v1/query`, expression)) as {
        result: { metric: Sample['metric']; value: [number, string] }[];
      };
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    async exemplars(expression) {
      const series = (await ask(`${url}/api/v1/query_exemplars`, expression)) as {
        exemplars: { labels: Readonly<Record<string, string>> }[];
      }[];
      return series.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels));
    },
    async close() {
      await Promise.all(children.map(ended));
      sink.closeAllConnections();
      await new Promise((resolve) => sink.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A port that is free now may be taken before the program has it, so it is tried anew; the program says nothing of it. */
async function start(children: ChildProcess[], binary: string, args: (port: number) => string[]): Promise<number> {
  for (let tries = 0; tries < 3; tries += 1) {
    const port = await freePort();
    const child = spawn(binary, [...args(port), '--log.level=error'], { stdio: ['ignore', 'ignore', 'inherit'] });
    if (await ready(child, `http://127.0.0.1:${port}/-/ready`)) {
      children.push(child);
      return port;
    }
    await ended(child);
  }
  throw new Error(`${binary} did not start`);
}

async function ready(child: ChildProcess, url: string): Promise<boolean> {
  for (let tries = 0; tries < 200 && child.exitCode === null; tries += 1) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return true;
    await pause(100);
  }
  return false;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

async function ask(url: string, expression: string): Promise<unknown> {
  const from = Math.floor(Date.now() / 1_000) - 600;
  const times = url.endsWith('exemplars') ? `&start=${from}&end=${from + 1_200}` : '';
  const answer = await fetch(`${url}?query=${encodeURIComponent(expression)}${times}`);
  const { status, data, error } = (await answer.json()) as { status: string; data: unknown; error?: string };
  if (status !== 'success') throw new Error(`${expression}: ${error}`);
  return data;
}

async function webhook(told: (body: unknown) => void): Promise<Server> {
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => (text += part));
    request.on('end', () => {
      told(JSON.parse(text));
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
