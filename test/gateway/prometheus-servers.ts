/** A real Prometheus and a real Alertmanager behind it, in front of whatever is scraped. */
import path from 'node:path';
import { expect } from 'vitest';
import { alertmanager, httpReceiver, type Message } from './alert-receivers.js';
import { saysReady, startProgram } from './programs.js';

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
  /** Where its Alertmanager answers. */
  readonly alertmanager: string;
  /** What Alertmanager has sent to its webhook, in order: each message, and each alert in them. */
  readonly messages: readonly Message[];
  readonly notices: readonly Notice[];
  query(expression: string): Promise<readonly Sample[]>;
  /** By one label, what is not 0. */
  counts(expression: string, label: string): Promise<Record<string, number>>;
  /** A scrape that came too late leaves nothing to ask for until the next one. */
  agrees(expression: string, label: string, expected: Record<string, number>): Promise<void>;
  exemplars(expression: string): Promise<readonly Readonly<Record<string, string>>[]>;
  close(): Promise<void>;
}

export interface MonitoringOptions {
  /** What is scraped, as `host:port`. */
  readonly target: string;
  /** What the scraper sends as its key. */
  readonly key: string;
  readonly rules: string;
  /** The label of alerts that are one message of Alertmanager. Default: `alertname`. */
  readonly groupBy?: string;
}

export async function startMonitoring({ target, key, rules, groupBy }: MonitoringOptions): Promise<Monitoring> {
  const sink = await httpReceiver();
  const manager = await alertmanager(sink.url, groupBy);
  const { port, close } = await startProgram({
    program: 'prometheus',
    files: {
      'rules.yml': rules,
      'prometheus.yml': `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
alerting: { alertmanagers: [{ static_configs: [{ targets: ["${new URL(manager.url).host}"] }] }] }
scrape_configs:
  - { job_name: ripstop, authorization: { credentials: "${key}" }, static_configs: [{ targets: ["${target}"] }] }
`,
    },
    args: (free, folder) => [
      `--config.file=${path.join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${free}`,
      '--enable-feature=exemplar-storage',
      '--log.level=error',
    ],
    isReady: saysReady,
  });
  const url = `http://127.0.0.1:${port}`;
  const query = async (expression: string): Promise<readonly Sample[]> => {
    const { result } = (await ask(`${url}/api/v1/query`, expression)) as {
      result: { metric: Sample['metric']; value: [number, string] }[];
    };
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  };
  const counts = async (expression: string, label: string): Promise<Record<string, number>> => {
    const samples = await query(`sum by (${label}) (${expression}) > 0`);
    return Object.fromEntries(samples.map(({ metric, value }) => [metric[label] ?? '', value]));
  };

  return {
    url,
    alertmanager: manager.url,
    messages: sink.messages,
    get notices() {
      return sink.messages.flatMap(({ body }) => (body as { alerts?: Notice[] }).alerts ?? []);
    },
    query,
    counts,
    agrees: (expression, label, expected) =>
      expect.poll(() => counts(expression, label), { timeout: 15_000, interval: 200 }).toEqual(expected),
    async exemplars(expression) {
      const series = (await ask(`${url}/api/v1/query_exemplars`, expression)) as {
        exemplars: { labels: Readonly<Record<string, string>> }[];
      }[];
      return series.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels));
    },
    async close() {
      await Promise.all([close(), manager.close()]);
      await sink.close();
    },
  };
}

async function ask(url: string, expression: string): Promise<unknown> {
  const from = Math.floor(Date.now() / 1_000) - 600;
  const times = url.endsWith('exemplars') ? `&start=${from}&end=${from + 1_200}` : '';
  const answer = await fetch(`${url}?query=${encodeURIComponent(expression)}${times}`);
  const { status, data, error } = (await answer.json()) as { status: string; data: unknown; error?: string };
  if (status !== 'success') throw new Error(`${expression}: ${error}`);
  return data;
}
