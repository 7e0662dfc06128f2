/** The command itself, with upstreams on this machine. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cli } from './harness.js';

const key = 'sk-upstream-0123456789';
const asked: { method: string | undefined; url: string | undefined }[] = [];
let folder: string;
let service: Server;
let port: number;
let closedPort: number;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'ripstop-doctor-'));
  // Repeats the key that it refuses, as some services do.
  service = createServer(({ method, url, headers }, response) => {
    asked.push({ method, url });
    const allowed = headers.authorization === `Bearer ${key}`;
    response.writeHead(allowed ? 200 : 401, { 'content-type': 'application/json' });
    const refusal = { error: { message: `Incorrect API key: ${headers.authorization}`, code: 'invalid_api_key' } };
    response.end(JSON.stringify(allowed ? { object: 'list', data: [{ id: 'gpt-x' }] } : refusal));
  });
  port = await listening(service);
  const gone = createServer();
  closedPort = await listening(gone);
  await new Promise((resolve) => gone.close(resolve));
});
afterAll(async () => {
  await new Promise((resolve) => service.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

async function doctor(
  yaml: string,
  ...args: readonly string[]
): Promise<{ code: number | null; out: string; err: string }> {
  const file = path.join(folder, `${asked.length}-${args.join('')}.yaml`);
  await writeFile(file, yaml);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, 'doctor', '--config', file, ...args], {
      env: { ...process.env, UPSTREAM_KEY: key },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (part: Buffer) => (out += part.toString()));
    child.stderr.on('data', (part: Buffer) => (err += part.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const upstream = (model: string, itsKey: string, at: number): string => {
  return `{ url: "http://127.0.0.1:${at}/v1", model: ${model}, key: "${itsKey}", contextLength: 8192 }`;
};

describe('ripstop doctor', () => {
  test('GW24: upstreams that answer and have their models: exit code 0, and only their lists were asked for', async () => {
    asked.length = 0;
    const yaml = `upstreams:
  main: ${upstream('gpt-x', '${UPSTREAM_KEY}', port)}
  spare: { engine: embedded }
models: { default: [main, spare] }`;
    const { code, out, err } = await doctor(yaml);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/ok +reachable +upstreams\.main: It answers within \d+ ms, and has the model/);
    expect(out).toMatch(/^0 critical findings; \d+ met/m);
    expect(asked).toEqual([{ method: 'GET', url: '/v1/models' }]);
  });

  test('GW24: one that is not there, and one that refuses our key, are critical: exit code 1, and no secret is printed', async () => {
    const yaml = `upstreams:
  gone: ${upstream('gpt-x', '${UPSTREAM_KEY}', closedPort)}
  closed: ${upstream('gpt-x', 'sk-wrong-0123456789', port)}
  other: ${upstream('gpt-y', '${UPSTREAM_KEY}', port)}
models: { default: [gone, closed, other] }`;
    const [text, json] = await Promise.all([doctor(yaml), doctor(yaml, '--json')]);
    expect([text.code, json.code, text.err, json.err]).toEqual([1, 1, '', '']);
    const { usable, critical, configuration, checklist } = JSON.parse(json.out) as {
      usable: boolean;
      critical: number;
      configuration: { check: string; about?: string; severity?: string; advice?: string; page: string }[];
      checklist: unknown[];
    };
    expect([usable, critical, checklist.length]).toEqual([true, 2, 25]);
    const reached = configuration.filter(({ check }) => check === 'reachable');
    expect(reached.map(({ about, severity }) => [about, severity])).toEqual([
      ['upstreams.gone', 'critical'],
      ['upstreams.closed', 'critical'],
      ['upstreams.other', 'advice'],
    ]);
    expect(text.out).toContain('CRITICAL reachable');
    expect(text.out).toContain('It refuses our credential');
    for (const secret of [key, 'sk-wrong', String(closedPort)]) {
      expect(`${text.out}${json.out}`).not.toContain(secret);
    }
  });

  test('--offline asks nobody, and says so', async () => {
    asked.length = 0;
    const yaml = `upstreams: { main: ${upstream('gpt-x', 'sk-0123456789abcdef', port)} }\nmodels: { default: [main] }`;
    const { code, out } = await doctor(yaml, '--offline');
    expect([code, asked]).toEqual([0, []]);
    expect(out).toMatch(/\? +reachable +upstreams\.main: Not asked \(--offline\)/);
  });

  test('a credential in an address is a mistake of the configuration, and is not repeated', async () => {
    const yaml =
      'upstreams: { main: { url: "http://user:pa55word@127.0.0.1/v1", model: x } }\nmodels: { default: [main] }';
    const { code, out, err } = await doctor(yaml);
    expect(code).toBe(2);
    expect(err).toContain('upstreams.main.url: must not hold a user or a password; use key');
    expect(out + err).not.toContain('pa55word');
  });

  test('a configuration that cannot be used is told as config check tells it: exit code 2', async () => {
    const yaml = 'server: { host: 0.0.0.0 }';
    const [text, json] = await Promise.all([doctor(yaml), doctor(yaml, '--json')]);
    expect([text.code, json.code, text.out]).toEqual([2, 2, '']);
    expect(text.err).toContain('server.keys: needed because server.host 0.0.0.0 can be reached from outside');
    expect(JSON.parse(json.out)).toMatchObject({ usable: false, problems: [expect.stringContaining('server.keys')] });
  });
});
