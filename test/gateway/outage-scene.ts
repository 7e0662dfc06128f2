/** An outage and everything that it can be seen with: upstreams and a caller who count, every sink of alerts, Prometheus. */
import { setTimeout as pause } from 'node:timers/promises';
import { chatAnswer, scriptedUpstream, type UpstreamRequest } from 'ripstop/testing';
import { httpReceiver, type Receiver, type SmtpReceiver } from './alert-receivers.js';
import { post } from './harness.js';
import type { Monitoring } from './prometheus-servers.js';

/** An upstream that can be taken out and brought back, and counts what it is asked. */
export interface OutageUpstream {
  readonly url: string;
  isOut: boolean;
  /** Chats that it has answered, and that it has failed, by the model that the caller had asked for. */
  readonly answered: Record<string, number>;
  readonly failed: Record<string, number>;
  /** How often it was asked for its models. */
  probes: number;
  close(): Promise<void>;
}

export async function outageUpstream(): Promise<OutageUpstream> {
  const server = await scriptedUpstream([
    (request) => {
      const { isOut } = upstream;
      if (request.method === 'GET') upstream.probes += 1;
      else countIn(isOut ? upstream.failed : upstream.answered, promptOf(request));
      if (isOut) return { kind: 'json', status: 503, body: { error: { message: 'no capacity on node 17' } } };
      return { kind: 'json', body: request.method === 'GET' ? { object: 'list', data: [] } : chatAnswer('Paris.') };
    },
  ]);
  const upstream: OutageUpstream = {
    url: server.url,
    isOut: false,
    answered: {},
    failed: {},
    probes: 0,
    close: () => server.close(),
  };
  return upstream;
}

function promptOf({ body }: UpstreamRequest): string {
  return (body as { messages: { content: string }[] }).messages[0]?.content ?? '';
}

function countIn(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

export function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** Asks for models at a steady pace, and counts what it gets. */
export class SteadyCaller {
  readonly statuses: Record<string, number> = {};
  /** Answers by who gave them. */
  readonly answers: Record<string, number> = {};
  readonly errors: Record<string, number> = {};
  readonly tokens = { input: 0, output: 0 };
  readonly ids = new Set<string>();
  private readonly url: string;
  private readonly lanes: Promise<void>[] = [];
  private goesOn = true;

  constructor(url: string) {
    this.url = url;
  }

  /** One request after the other, with a pause between. */
  ask(model: string, pauseMs: number): void {
    const lane = async (): Promise<void> => {
      while (this.goesOn) {
        await this.askOnce(model);
        await pause(pauseMs);
      }
    };
    this.lanes.push(lane());
  }

  async stop(): Promise<void> {
    this.goesOn = false;
    await Promise.all(this.lanes);
  }

  private async askOnce(model: string): Promise<void> {
    const messages = [{ role: 'user', content: model }];
    const { status, headers, body } = await post(`${this.url}/v1/chat/completions`, { model, messages });
    countIn(this.statuses, String(status));
    this.ids.add(headers.get('x-correlation-id') ?? '');
    if (status !== 200) return countIn(this.errors, String((body['error'] as Record<string, unknown>)['code']));
    countIn(this.answers, headers.get('x-ripstop-model') ?? '');
    const { prompt_tokens: input, completion_tokens: output } = body['usage'] as Record<string, number>;
    this.tokens.input += input ?? 0;
    this.tokens.output += output ?? 0;
  }
}

/** What one sink has been told of each group of alerts, in order: its key → `firing`, `resolved`. */
export type Told = Record<string, string[]>;

/** Every kind of sink that there is, with somebody real or true to its form behind it. */
export interface Sinks {
  readonly yaml: string;
  readonly webhook: Receiver;
  told(): Promise<Record<string, Told>>;
  close(): Promise<void>;
}

export async function everySink(monitoring: Monitoring, smtp: SmtpReceiver): Promise<Sinks> {
  const [slack, pagerduty, webhook] = await Promise.all([httpReceiver(), httpReceiver(), httpReceiver()]);
  return {
    yaml: `[ { slack: "${slack.url}" }, { pagerduty: { key: pd, url: "${pagerduty.url}" } }, { webhook: "${webhook.url}" },
  { email: { smtp: "${smtp.url}", to: ops@shop.example } }, { alertmanager: "${monitoring.alertmanager}" } ]`,
    webhook,
    async told() {
      return {
        slack: toldOf(
          slack.messages.map(({ text }) => [/"text":"(\w+):/.exec(text)?.[1], /· (\S+?)"/.exec(text)?.[1]]),
        ),
        pagerduty: toldOf(pagerduty.messages.map(({ body }) => [body['event_action'], body['dedup_key']])),
        webhook: toldOf(webhook.messages.map(({ body }) => [body['status'], body['key']])),
        email: toldOf(
          (await smtp.mails()).map((mail) => [
            /^Subject: \[ripstop\] (\w+):/m.exec(mail)?.[1],
            /^X-Ripstop-Alert: (\S+)/m.exec(mail)?.[1],
          ]),
        ),
        alertmanager: toldByAlertmanager(monitoring),
      };
    },
    async close() {
      await Promise.all([slack, pagerduty, webhook].map((receiver) => receiver.close()));
    },
  };
}

/** PagerDuty says `trigger` and `resolve`. */
const statuses: Readonly<Record<string, string>> = { trigger: 'firing', resolve: 'resolved' };

function toldOf(messages: readonly (readonly [status: unknown, key: unknown])[]): Told {
  const told: Told = {};
  for (const [status, key] of messages) {
    const word = String(status).toLowerCase();
    (told[String(key)] ??= []).push(statuses[word] ?? word);
  }
  return told;
}

/** It has each alert for itself, and repeats what still fires when another one comes. */
function toldByAlertmanager({ notices }: Monitoring): Told {
  const ours = notices.filter(({ labels }) => labels['source'] === 'ripstop');
  const told = toldOf(ours.map(({ status, annotations }) => [status, annotations['group']]));
  const changes = (all: readonly string[]): string[] => all.filter((status, index) => status !== all[index - 1]);
  return Object.fromEntries(Object.entries(told).map(([key, all]) => [key, changes(all)]));
}
