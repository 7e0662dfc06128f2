/** Starts the gateway as its users do: the command line in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const cli: string = fileURLToPath(new URL('../../packages/gateway/bin/ripstop.js', import.meta.url));

export interface RunningGateway {
  readonly url: string;
  readonly child: ChildProcess;
  /** Everything that it has printed. */
  output(): string;
  /** The log lines so far, parsed. */
  log(): readonly Record<string, unknown>[];
  /** Sends the signal (SIGINT: one that is not waited after) and waits for the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface GatewayStart {
  readonly yaml?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Resolves when the gateway has said where it answers. A gateway that ends before that is an error with its output. */
export async function startGateway({ yaml, args = [], env = {} }: GatewayStart = {}): Promise<RunningGateway> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ripstop-test-'));
  const config = path.join(folder, 'ripstop.yaml');
  if (yaml !== undefined) await writeFile(config, yaml);
  const withConfig = yaml === undefined ? [] : ['--config', config];
  const child = spawn(process.execPath, [cli, 'serve', '--port', '0', ...withConfig, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const collect = (part: Buffer): void => {
    text += part.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const found = /answers at (http:\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    exited.then(
      ([code]) => reject(new Error(`the gateway ended with ${code} before it answered:\n${text}`)),
      (error: unknown) => reject(error as Error),
    );
  });

  return {
    url,
    child,
    output: () => text,
    log: () => text.split('\n').flatMap(parsed),
    async stop(signal = 'SIGINT') {
      if (child.exitCode === null) child.kill(signal);
      const [code] = await exited;
      await rm(folder, { recursive: true, force: true });
      return code;
    },
  };
}

function parsed(line: string): Record<string, unknown>[] {
  return line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : [];
}

/** Posts JSON, or a text as it is, and reads the answer whole. */
export async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown>; text: string }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    headers: response.headers,
    body: json ? (JSON.parse(text) as Record<string, unknown>) : {},
    text,
  };
}
