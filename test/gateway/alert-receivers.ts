/** Real receivers of alerts on this machine: HTTP, SMTP, Alertmanager. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';

/** Debian's packages python3-aiosmtpd and prometheus-alertmanager. */
export const smtpProgram = '/usr/bin/aiosmtpd';
export const alertmanagerProgram = '/usr/bin/prometheus-alertmanager';

/** Where a program is missing its tests are skipped, except in CI, where they fail. */
export function isMissing(program: string): boolean {
  return !existsSync(program) && process.env['CI'] === undefined;
}

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
  const folder = await mkdtemp(path.join(tmpdir(), 'ripstop-smtp-'));
  const port = await freePort();
  const box = path.join(folder, 'box');
  const program = start(smtpProgram, ['-n', '-l', `127.0.0.1:${port}`, '-c', 'aiosmtpd.handlers.Mailbox', box]);
  await accepts(port);
  return {
    url: `smtp://127.0.0.1:${port}`,
    async mails() {
      const names = existsSync(path.join(box, 'new')) ? await readdir(path.join(box, 'new')) : [];
      const mails = await Promise.all(names.map((name) => readFile(path.join(box, 'new', name), 'utf8')));
      return mails.toSorted((a, b) => Number(a.includes('RESOLVED')) - Number(b.includes('RESOLVED')));
    },
    close: () => end(program, folder),
  };
}

export interface Alertmanager {
  readonly url: string;
  /** What it knows to fire. */
  firing(): Promise<readonly Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** A real Alertmanager, which tells `webhook` at once. */
export async function alertmanager(webhook: string): Promise<Alertmanager> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ripstop-alertmanager-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = path.join(folder, 'alertmanager.yml');
  await writeFile(
    config,
    `route: { receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h }
receivers: [ { name: hook, webhook_configs: [ { url: "${webhook}", send_resolved: true } ] } ]
`,
  );
  const program = start(alertmanagerProgram, [
    `--config.file=${config}`,
    `--storage.path=${folder}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ]);
  await expect
    .poll(
      () =>
        fetch(`${url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      { timeout: 15_000 },
    )
    .toBe(true);
  return {
    url,
    async firing() {
      const response = await fetch(`${url}/api/v2/alerts?active=true`);
      return (await response.json()) as Record<string, unknown>[];
    },
    close: () => end(program, folder),
  };
}

function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: 'ignore' });
}

async function end(program: ChildProcess, folder: string): Promise<void> {
  const exited = new Promise((resolve) => program.once('exit', resolve));
  if (program.exitCode === null && program.kill('SIGTERM')) await exited;
  await rm(folder, { recursive: true, force: true });
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function accepts(port: number): Promise<void> {
  const tried = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
  await expect.poll(tried, { timeout: 15_000 }).toBe(true);
}
