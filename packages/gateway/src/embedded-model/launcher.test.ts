import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { systemRuntime } from 'ripstop';
import { afterEach, describe, expect, test } from 'vitest';
import { builtFiles, describeRuntimes, endless, modelFile } from '../../../../test/embedded-model/local-models.js';
import { turnsOf } from './chat-input.js';
import type { Exit } from './child-process.js';
import { Launcher } from './launcher.js';
import type { EngineSpec, FromEngine, GenerationRequest } from './protocol.js';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const spec: EngineSpec = { file: modelFile, runtime: 'interpreter' };
const tellingFiles = { ...builtFiles, engine: path('../../../../test/embedded-model/telling-child.mjs') };

const launchers: Launcher[] = [];
afterEach(() => {
  for (const launcher of launchers.splice(0)) launcher.close();
});

function launcherOf(files = builtFiles): Launcher {
  const launcher = new Launcher(systemRuntime.clock, files);
  launchers.push(launcher);
  return launcher;
}

function open(launcher: Launcher, what: EngineSpec = spec) {
  const messages: FromEngine[] = [];
  let exited = (_exit: Exit): void => undefined;
  const exit = new Promise<Exit>((resolve) => {
    exited = resolve;
  });
  const port = launcher.open(what)({ onMessage: (message) => messages.push(message), onExit: (end) => exited(end) });
  const heard = async (type: string): Promise<FromEngine> => {
    await expect.poll(() => messages.some((message) => message.type === type), { timeout: 15_000 }).toBe(true);
    return messages.find((message) => message.type === type)!;
  };
  return { port, messages, exit, heard };
}

/** What the telling child was given, and who started it. */
interface Told {
  readonly env: object;
  readonly spec: unknown;
  readonly execArgv: unknown;
  readonly ppid: number;
}

describe('an engine process', () => {
  test('gets its task, and none of the keys in our environment', async () => {
    process.env['RIPSTOP_TEST_KEY'] = 'secret';
    try {
      const told = (await open(launcherOf(tellingFiles)).heard('told')) as unknown as Told;
      expect(told.spec).toEqual(spec);
      expect(told.execArgv).toEqual([]);
      expect(told.env).toHaveProperty('PATH');
      expect(JSON.stringify(told.env)).not.toContain('secret');
    } finally {
      delete process.env['RIPSTOP_TEST_KEY'];
    }
  });

  test('that ends by itself leaves its exit code and its last words; messages to it are lost without harm', async () => {
    const { port, exit, heard } = open(launcherOf(tellingFiles));
    await heard('told');
    port.send({ type: 'count', id: 1, turns: [] });
    expect(await exit).toEqual({ code: 7, signal: null, lastWords: 'last words' });
    port.send({ type: 'cancel', id: 1 });
    port.kill();
  });

  test('that is killed leaves its signal', async () => {
    const { port, exit, heard } = open(launcherOf(tellingFiles));
    await heard('told');
    port.kill();
    expect(await exit).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  test('whose program is missing is an exit with its words', async () => {
    const exit = await open(launcherOf({ ...builtFiles, engine: '/nowhere/child.js' })).exit;
    expect(exit).toMatchObject({ code: 1 });
    expect(exit.lastWords).toContain('MODULE_NOT_FOUND');
  });
});

describe('the launcher', () => {
  test('starts several engines and keeps them apart', async () => {
    const launcher = launcherOf(tellingFiles);
    const first = open(launcher);
    const second = open(launcher, { ...spec, file: 'other' });
    expect(await first.heard('told')).toMatchObject({ spec });
    expect(await second.heard('told')).toMatchObject({ spec: { file: 'other' } });
    expect(first.port.pid).not.toBe(second.port.pid);
    first.port.kill();
    await first.exit;
    expect(isAlive(second.port.pid)).toBe(true);
  });

  test('that dies takes its engines along, even one that is stopped, and is replaced when it is needed', async () => {
    const launcher = launcherOf(tellingFiles);
    const engine = open(launcher);
    const { ppid } = (await engine.heard('told')) as unknown as Told;
    expect(ppid).not.toBe(process.pid);
    process.kill(engine.port.pid, 'SIGSTOP');
    process.kill(ppid, 'SIGKILL');
    expect(await engine.exit).toMatchObject({ signal: 'SIGKILL' });
    await expect.poll(() => isAlive(engine.port.pid)).toBe(false);
    await open(launcher).heard('told');
  });

  test('that hangs is killed when it does not report the end of an engine', async () => {
    const launcher = launcherOf(tellingFiles);
    const engine = open(launcher);
    const { ppid } = (await engine.heard('told')) as unknown as Told;
    process.kill(ppid, 'SIGSTOP');
    engine.port.kill();
    expect(await engine.exit).toMatchObject({ signal: 'SIGKILL' });
    await open(launcher).heard('told');
  });

  test('that cannot be started is an exit, not an exception', async () => {
    expect(await open(launcherOf({ ...builtFiles, launcher: '/nowhere/launcher.js' })).exit).toMatchObject({ code: 1 });
    const execPath = process.execPath;
    process.execPath = '/nowhere/node';
    try {
      const { port, exit } = open(launcherOf());
      expect(port.pid).toBe(0);
      expect(await exit).toMatchObject({ code: null, signal: null });
      expect((await exit).lastWords).toContain('ENOENT');
    } finally {
      process.execPath = execPath;
    }
  });

  test('that is closed leaves nothing behind', async () => {
    const launcher = launcherOf(tellingFiles);
    const engine = open(launcher);
    const { ppid } = (await engine.heard('told')) as unknown as Told;
    launcher.close();
    await engine.exit;
    await expect.poll(() => isAlive(engine.port.pid) || isAlive(ppid)).toBe(false);
  });
});

await describeRuntimes((runtime) => {
  const request: GenerationRequest & { type: 'generate'; id: number } = {
    type: 'generate',
    id: 1,
    turns: turnsOf(endless),
    temperature: 100,
    topP: 1,
    topK: 0,
    seed: 1,
    maxTokens: 400,
    stop: [],
  };

  test('a cancelled generation stops, and the next begins', async () => {
    const { port, messages, heard } = open(launcherOf(), { ...spec, runtime });
    await heard('ready');
    port.send(request);
    await heard('text');
    port.send({ type: 'cancel', id: 1 });
    const done = await heard('done');
    expect(done).toMatchObject({ id: 1, finishReason: 'cancelled' });
    expect('outputTokens' in done && done.outputTokens).toBeLessThan(200);
    port.send({ ...request, id: 2, maxTokens: 2 });
    await expect.poll(() => messages.some((message) => message.type === 'done' && message.id === 2)).toBe(true);
  });

  test('heartbeats are sent and tokens are counted while a generation runs', async () => {
    const { port, messages, heard } = open(launcherOf(), { ...spec, runtime });
    await heard('ready');
    port.send(request);
    port.send({ type: 'count', id: 2, turns: request.turns });
    await heard('counted');
    await heard('done');
    const kinds = messages.map(({ type }) => type);
    expect(kinds.indexOf('counted')).toBeLessThan(kinds.indexOf('done'));
    expect(kinds.lastIndexOf('heartbeat')).toBeGreaterThan(kinds.indexOf('text'));
  });

  test('the signals of a terminal and of a service manager do not end it while we drain', async () => {
    const { port, heard } = open(launcherOf(), { ...spec, runtime });
    await heard('ready');
    expect(port.pid).toBeGreaterThan(1);
    process.kill(port.pid, 'SIGINT');
    process.kill(port.pid, 'SIGTERM');
    port.send({ ...request, maxTokens: 3 });
    expect(await heard('done')).toMatchObject({ outputTokens: 3 });
  });

  test('it leaves when the server has been killed', async () => {
    const script = path('../../../../test/embedded-model/careless-parent.mjs');
    const parent = fork(script, [modelFile, runtime], { execArgv: [] });
    const pid = await new Promise<number>((resolve) => parent.once('message', (message) => resolve(message as number)));
    expect(pid).toBeGreaterThan(1);
    parent.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
  });
});

/** A process that nobody has collected yet has ended all the same. */
function isAlive(pid: number): boolean {
  expect(pid).toBeGreaterThan(1);
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const status = `/proc/${pid}/status`;
  return !existsSync(status) || !/^State:\s+[ZX]/m.test(readFileSync(status, 'utf8'));
}
