import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { cli } from './harness.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ripstop-chaos-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly output: () => string;
}

function chaos(...args: readonly string[]): Running {
  const child = spawn(process.execPath, [cli, 'chaos', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let output = '';
  const collect = (part: Buffer): void => {
    output += part.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return { child, exited: once(child, 'exit').then(([code]) => code as number | null), output: () => output };
}

async function addressOf({ output }: Running): Promise<string> {
  await expect.poll(output, { timeout: 10_000 }).toMatch(/http:\S+\/v1/);
  return /http:[^\s"]+\/v1/.exec(output())?.[0] ?? '';
}

function ask(url: string, model: string): Promise<Response> {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'a secret' }] });
  return fetch(`${url}/chat/completions`, { method: 'POST', body });
}

test('it plays its scene, prints a line a request and no prompt, and ends with 0 when it is told to', async () => {
  const running = chaos('--port', '0', '--scene', '503 x1, ok');
  const url = await addressOf(running);
  expect([(await ask(url, 'gpt-x')).status, (await ask(url, 'gpt-x')).status]).toEqual([503, 200]);
  await expect.poll(running.output).toMatch(/#1 .* 503 .*\n#2 .* ok /);
  expect(running.output()).not.toContain('secret');
  running.child.kill('SIGTERM');
  expect(await running.exited).toBe(0);
});

test('--script names scenes that models choose, and --json prints every line as JSON', async () => {
  const script = path.join(folder, 'script.yaml');
  await writeFile(script, 'default: ok\nscenes:\n  flaky: [500 x1, ok]\n');
  const running = chaos('--port', '0', '--json', '--script', script);
  const url = await addressOf(running);
  expect([(await ask(url, 'flaky')).status, (await ask(url, 'flaky')).status]).toEqual([500, 200]);
  const lines = (): { scene?: string; fault?: string }[] =>
    running
      .output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { scene?: string; fault?: string });
  await expect.poll(lines).toHaveLength(3);
  expect(lines().slice(1)).toMatchObject([
    { scene: 'flaky', fault: '500' },
    { scene: 'flaky', fault: 'ok' },
  ]);
});

test('a scene that cannot be read ends it with 2 and a sentence, a script too', async () => {
  const script = path.join(folder, 'bad.yaml');
  await writeFile(script, 'scene: ok\n');
  const [scene, file] = [chaos('--scene', 'explode'), chaos('--script', script)];
  expect([await scene.exited, await file.exited]).toEqual([2, 2]);
  expect(scene.output()).toContain('there is no fault "explode"');
  expect(file.output()).toContain('Unrecognized key: "scene"');
});

test('a port that is taken ends it with 1, and says what to do', async () => {
  const first = chaos('--port', '0');
  const { port } = new URL(await addressOf(first));
  const second = chaos('--port', port);
  expect(await second.exited).toBe(1);
  expect(second.output()).toContain(`port ${port} is taken`);
});

test('the page has every fault, with its usual value, as --help has it', async () => {
  const page = await readFile(new URL('../../docs/chaos.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z][^`]*)` \| (.+) \|$/gm)].map(([, fault, what]) => [fault, what]);
  const help = chaos('--help');
  await help.exited;
  const list = /usual value:\n((?: {2}.+\n)+)/.exec(help.output())?.[1] ?? '';
  const told = [...list.matchAll(/^ {2}(\S+) +(.+)$/gm)].map(([, fault, what]) => [fault, what]);
  expect(told.length).toBeGreaterThan(30);
  expect(rows).toEqual(told);
});

test('--help lists the faults and the named scenes', async () => {
  const help = chaos('--help');
  expect(await help.exited).toBe(0);
  for (const said of ['cut-after=40', 'first-token-after=20s', 'S15', 'x-chaos-scene']) {
    expect(help.output()).toContain(said);
  }
});
