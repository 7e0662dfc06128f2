/** Runs docs/gateway-in-five-minutes.md as its readers do: its files, its commands, its outputs. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readText, root } from '../repository.js';
import { cli } from './harness.js';

const page = readText('docs/gateway-in-five-minutes.md');
const fences = [...page.matchAll(/(?:<!-- file: (\S+) -->\n)?```(\w+)\n([\s\S]*?)```/g)].map(
  ([, file, language = '', text = '']) => ({ file, language, text }),
);

test('every file on the page is an example’s', () => {
  const shown = fences.filter(({ language }) => language !== 'sh' && language !== 'text');
  expect(shown.map(({ file }) => file)).toEqual([
    'examples/five-minutes/ripstop.yaml',
    'examples/five-minutes/openai.mjs',
    'examples/five-minutes/ai-sdk.mjs',
  ]);
  for (const { file = '', text } of shown) expect(text).toBe(readText(file));
});

test('its commands, one after the other, print what it says', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ripstop-five-minutes-'));
  try {
    const ports = await freePorts(['8787', '9100', '9101']);
    await writeFile(path.join(folder, 'npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${cli}' "$@"\n`);
    await chmod(path.join(folder, 'npx'), 0o755);
    await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    for (const { file, text } of fences)
      if (file !== undefined) await writeFile(path.join(folder, path.basename(file)), moved(text, ports));
    const output = await printed(moved(script(), ports), folder);
    let from = 0;
    for (const line of expected()) {
      const found = new RegExp(line.split('…').map(escaped).join('[^]*?')).exec(output.slice(from));
      expect(found, `${line}\nafter\n${output.slice(from)}`).not.toBeNull();
      from += (found?.index ?? 0) + (found?.[0].length ?? 0);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);

/** The page's commands. People wait until a server has said where it answers; a script must be told to. */
function script(): string {
  const waits: readonly (readonly [started: string, url: string])[] = [
    ['chaos --port 9101', 'http://127.0.0.1:9101/chaos'],
    ['gateway serve', 'http://127.0.0.1:8787/livez'],
  ];
  const blocks = fences
    .filter(({ language }) => language === 'sh')
    .map(({ text }) => {
      const wait = waits.find(([started]) => text.includes(started));
      const until = wait && `until curl -sf ${wait[1]} > /dev/null; do sleep 0.1; done\n`;
      return `${text}${until ?? ''}`;
    });
  return ["trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT\n", ...blocks].join('\n');
}

async function printed(commands: string, folder: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-c', commands], {
    cwd: folder,
    env: { ...process.env, PATH: `${folder}:${path.dirname(process.execPath)}:${process.env['PATH']}` },
  });
  return stdout;
}

function expected(): string[] {
  return fences.filter(({ language }) => language === 'text').flatMap(({ text }) => text.trim().split('\n'));
}

function moved(text: string, ports: ReadonlyMap<string, number>): string {
  let result = text.replaceAll('gateway serve', `gateway serve --port ${ports.get('8787')}`);
  for (const [from, to] of ports) result = result.replaceAll(new RegExp(`\\b${from}\\b`, 'g'), String(to));
  return result;
}

async function freePorts(names: readonly string[]): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  for (const name of names) {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    ports.set(name, (server.address() as AddressInfo).port);
    // Kept until all are found, so that none is found twice.
    server.unref();
    servers.push(server);
  }
  for (const server of servers.splice(0)) server.close();
  return ports;
}

const servers: ReturnType<typeof createServer>[] = [];

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
