/** Real receivers of alerts on this machine: HTTP, SMTP, Alertmanager. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { acceptsConnections, saysReady, startProgram } from './programs.js';

export interface Message {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

export interface Receiver {
  readonly url: string;
  readonly messages: Message[];
  close(): Promise<void>;
}

/** Keeps every request, and answers 200 unless told otherwise. */
export async function httpReceiver(
  answer: (response: ServerResponse) => void = (response) => response.end('ok'),
): Promise<Receiver> {
  const messages: Message[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const { url, headers } = request;
      messages.push({ path: url, headers, text, body: JSON.parse(text) as Record<string, unknown> });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface SmtpReceiver {
  readonly url: string;
  /** Every mail so far, as it came. */
  mails(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** aiosmtpd with a mailbox. */
export async function smtpReceiver(): Promise<SmtpReceiver> {
  const { port, folder, close } = await startProgram({
    program: 'smtp',
    args: (free, own) => ['-n', '-l', `127.0.0.1:${free}`, '-c', 'aiosmtpd.handlers.Mailbox', path.join(own, 'box')],
    isReady: acceptsConnections,
  });
  const arrived = path.join(folder, 'box', 'new');
  return {
    url: `smtp://127.0.0.1:${port}`,
    async mails() {
      const names = existsSync(arrived) ? await readdir(arrived) : [];
      const mails = await Promise.all(names.map((name) => readFile(path.join(arrived, name), 'utf8')));
      return mails.toSorted((a, b) => Number(a.includes('RESOLVED')) - Number(b.includes('RESOLVED')));
    },
    close,
  };
}

export interface Alertmanager {
  readonly url: string;
  /** What it knows to fire. */
  firing(): Promise<readonly Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** A real Alertmanager, which tells `webhook` at once: one message for what has the label `groupBy` in common. */
export async function alertmanager(webhook: string, groupBy = 'alertname'): Promise<Alertmanager> {
  const { port, close } = await startProgram({
    program: 'alertmanager',
    files: {
      'alertmanager.yml': `route: { receiver: hook, group_by: [${groupBy}], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h }
receivers: [ { name: hook, webhook_configs: [ { url: "${webhook}", send_resolved: true } ] } ]
`,
    },
    args: (free, folder) => [
      `--config.file=${path.join(folder, 'alertmanager.yml')}`,
      `--storage.path=${path.join(folder, 'alerts')}`,
      `--web.listen-address=127.0.0.1:${free}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    isReady: saysReady,
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    async firing() {
      const response = await fetch(`${url}/api/v2/alerts?active=true`);
      return (await response.json()) as Record<string, unknown>[];
    },
    close,
  };
}
