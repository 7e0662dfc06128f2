import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cli, startGateway } from './harness.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ripstop-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function ripstop(...args: readonly string[]): Promise<Ended> {
  return ripstopIn({}, ...args);
}

function ripstopIn(environment: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...environment };
    const child = spawn(process.execPath, [cli, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (part: Buffer) => {
      out += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      err += part.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

async function file(text: string): Promise<string> {
  const name = path.join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
  await writeFile(name, text);
  return name;
}

describe('help and version', () => {
  test('--help lists the commands, and so does no command at all', async () => {
    const [asked, bare] = await Promise.all([ripstop('--help'), ripstop()]);
    expect(asked).toMatchObject({ code: 0, err: '' });
    expect(asked.out).toContain('serve');
    expect(asked.out).toContain('config');
    expect(bare).toMatchObject({ code: 0, out: asked.out });
  });

  test('--version prints the version of the package', async () => {
    expect(await ripstop('--version')).toEqual({ code: 0, out: '0.1.0\n', err: '' });
  });

  test('a mistyped command or option is named, with exit code 2', async () => {
    const [command, option, port] = await Promise.all([
      ripstop('serv'),
      ripstop('serve', '--prot', '1'),
      ripstop('serve', '--port', 'x'),
    ]);
    expect(command).toMatchObject({ code: 2, out: '' });
    expect(command.err).toContain("unknown command 'serv'");
    expect(option).toMatchObject({ code: 2 });
    expect(option.err).toContain("unknown option '--prot'");
    expect(port).toMatchObject({ code: 2 });
    expect(port.err).toContain('It must be a whole number from 0 to 65535.');
  });
});

describe('mistakes of configuration', () => {
  test('serve stops with exit code 2 and a sentence for each mistake', async () => {
    const { code, out, err } = await ripstop(
      'serve',
      '--config',
      await file('server: { prot: 1 }\njournal: { file: x }\n'),
    );
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('server.prot: unknown key; did you mean port?');
    expect(err).toContain('journal: is not in this version; leave it out');
  });

  test('a host that others can reach needs keys, however it was chosen', async () => {
    const { code, err } = await ripstop('serve', '--host', '0.0.0.0', '--port', '0');
    expect(code).toBe(2);
    expect(err).toContain('server.keys: needed because server.host 0.0.0.0 can be reached from outside');
  });

  test('PORT, RIPSTOP_HOST and RIPSTOP_CONFIG are read, and a mistake in them is told like one in the file', async () => {
    const [port, host, config] = await Promise.all([
      ripstopIn({ PORT: '70000' }, 'serve'),
      ripstopIn({ RIPSTOP_HOST: '0.0.0.0' }, 'serve', '--port', '0'),
      ripstopIn({ RIPSTOP_CONFIG: './no-such-file.yaml' }, 'serve', '--port', '0'),
    ]);
    expect(port).toMatchObject({
      code: 2,
      err: expect.stringContaining('PORT: must be a whole number from 0 to 65535'),
    });
    expect(host).toMatchObject({
      code: 2,
      err: expect.stringContaining('server.host 0.0.0.0 can be reached from outside'),
    });
    expect(config).toMatchObject({
      code: 2,
      err: expect.stringContaining('./no-such-file.yaml: cannot be read (ENOENT)'),
    });
  });

  test('config check says what is wrong, for people and for programs', async () => {
    const [good, bad] = [await file('models: { default: [local] }\n'), await file('models: { default: [lokal] }\n')];
    expect(await ripstop('config', 'check', good)).toMatchObject({ code: 0, out: `${good}: can be used\n` });
    expect(await ripstop('config', 'check', bad)).toMatchObject({ code: 2 });
    const { code, out } = await ripstop('config', 'check', bad, '--json');
    expect(code).toBe(2);
    expect(JSON.parse(out)).toEqual({
      file: bad,
      valid: false,
      problems: ['models.default: there is no upstream lokal; did you mean local?'],
    });
  });
});

describe('starting and stopping', () => {
  test('a model file that is not there stops the start with the key that names it', async () => {
    const yaml = 'upstreams: { own: { engine: gguf, file: ./no-such-file.gguf } }\nmodels: { default: [own] }\n';
    const { code, err } = await ripstop('serve', '--port', '0', '--config', await file(yaml));
    expect(code).toBe(1);
    expect(err).toBe('ripstop: upstreams.own: The model file cannot be used: there is none at this path\n');
  });

  test('a port that is taken is one clear line, and exit code 1', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, err } = await ripstop('serve', '--port', String(port));
    other.close();
    expect(code).toBe(1);
    expect(err).toBe(`ripstop: port ${port} is taken; stop what uses it, or choose another with --port ${port + 1}\n`);
  });

  test('the start prints the address, the page and three lines to try', async () => {
    const gateway = await startGateway();
    const output = gateway.output();
    await gateway.stop();
    expect(output).toContain(`Ripstop answers at ${gateway.url}`);
    expect(output).toContain(`${gateway.url}/\n`);
    expect(output.match(/^ {2}curl /gm)).toHaveLength(3);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it cleanly, its engine too', async (signal) => {
    const gateway = await startGateway();
    const health = (await (await fetch(`${gateway.url}/health`)).json()) as {
      checks: { local: { details: { pid: number } } };
    };
    const { pid } = health.checks.local.details;
    expect(await gateway.stop(signal)).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
