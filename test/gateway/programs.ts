/** Servers of other people that tests put before the gateway or behind it: Debian's, each in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export const programs = {
  smtp: '/usr/bin/aiosmtpd',
  prometheus: '/usr/bin/prometheus',
  promtool: '/usr/bin/promtool',
  alertmanager: '/usr/bin/prometheus-alertmanager',
} as const;

/** Those that are not there. Tests that need one are skipped, except in CI, where they fail. */
export function missing(...needed: readonly (keyof typeof programs)[]): {
  readonly skip: boolean;
  readonly why: string;
} {
  const absent = needed.map((name) => programs[name]).filter((program) => !existsSync(program));
  return {
    skip: absent.length > 0 && process.env['CI'] === undefined,
    why: absent.length === 0 ? '' : ` (missing: ${absent.join(', ')})`,
  };
}

export interface Program {
  readonly port: number;
  /** Its own; gone when it is closed. */
  readonly folder: string;
  readonly close: () => Promise<void>;
}

export interface ProgramStart {
  readonly program: keyof typeof programs;
  /** What it finds in its folder: name → text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args: (port: number, folder: string) => readonly string[];
  readonly isReady: (port: number) => Promise<boolean>;
}

/** A port that is free now may be taken before the program has it, so that another one is tried then. */
export async function startProgram({ program, files = {}, args, isReady }: ProgramStart): Promise<Program> {
  const folder = await mkdtemp(path.join(tmpdir(), `ripstop-${program}-`));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  for (let tries = 0; tries < 3; tries += 1) {
    const port = await freePort();
    const child = spawn(programs[program], args(port, folder), { stdio: ['ignore', 'ignore', 'inherit'] });
    if (await becomesReady(child, () => isReady(port))) {
      const close = async (): Promise<void> => {
        await ended(child);
        await rm(folder, { recursive: true, force: true });
      };
      return { port, folder, close };
    }
    await ended(child);
  }
  await rm(folder, { recursive: true, force: true });
  throw new Error(`${programs[program]} did not start`);
}

/** Prometheus and Alertmanager say themselves whether they are. */
export async function saysReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
  return answer?.ok === true;
}

export function acceptsConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function becomesReady(child: ChildProcess, isReady: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 200 && child.exitCode === null; tries += 1) {
    if (await isReady()) return true;
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

/** One that nobody listens at, for the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
