/** An upstream goes out and comes back: what the gateway asks meanwhile, and what it tells of it afterwards. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Incident } from 'ripstop/observation';
import { scriptedUpstream, type ScriptedUpstream } from 'ripstop/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, type RunningGateway, startGateway } from './harness.js';

const choices = [{ index: 0, message: { role: 'assistant', content: 'Paris.' }, finish_reason: 'stop' }];
const good = { object: 'chat.completion', choices };

/** An upstream that a test can take out and bring back, as a machine that is started again. */
const main: { isOut: boolean; readonly asked: string[]; readonly server: Server } = {
  isOut: false,
  asked: [],
  server: createServer((request, response) => {
    request.resume();
    main.asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.writeHead(main.isOut ? 503 : 200, { 'content-type': 'application/json' });
    const body = request.method === 'GET' ? { object: 'list', data: [{ id: 'm' }] } : good;
    response.end(JSON.stringify(main.isOut ? { error: { message: 'starting' } } : body));
  }),
};
let spare: ScriptedUpstream;
let gateway: RunningGateway;

beforeAll(async () => {
  await new Promise<void>((resolve) => main.server.listen(0, '127.0.0.1', resolve));
  const { port } = main.server.address() as AddressInfo;
  spare = await scriptedUpstream([{ kind: 'json', body: good }]);
  gateway = await startGateway({
    yaml: [
      'upstreams:',
      `  main: { url: "http://127.0.0.1:${port}/v1", model: m, key: "secret-of-main" }`,
      `  spare: { url: "${spare.url}", model: s }`,
      'models:',
      '  default: { chain: [main, spare], retry: { attempts: 1 }, breaker: { consecutive: 2, cooldown: 60s } }',
      'observation: { recovery: { settle: 100ms } }',
    ].join('\n'),
  });
});

afterAll(async () => {
  await gateway.stop();
  await spare.close();
  await new Promise((resolve) => main.server.close(resolve));
});

async function ask(): Promise<string | null> {
  const body = { messages: [{ role: 'user', content: 'Where?' }] };
  return (await post(`${gateway.url}/v1/chat/completions`, body)).headers.get('x-ripstop-model');
}

const lines = (event: string) => gateway.log().filter((line) => line['event'] === event);

test('GW22 R197 I4: what is out is asked for its models and nothing else, and is in use again seconds after it is back', async () => {
  main.isOut = true;
  expect([await ask(), await ask(), await ask()]).toEqual(['spare', 'spare', 'spare']);
  const list = 'GET /v1/models Bearer secret-of-main';
  await expect.poll(() => main.asked.filter((line) => line === list).length, { timeout: 5_000 }).toBe(1);
  main.isOut = false;
  // The cooldown alone would take a minute.
  await expect.poll(ask, { timeout: 20_000, interval: 200 }).toBe('main');
  expect(await ask()).toBe('main');
  const chat = 'POST /v1/chat/completions Bearer secret-of-main';
  expect(main.asked.slice(0, 4)).toEqual([chat, chat, list, list]);

  await expect.poll(() => lines('incident.closed').length).toBe(1);
  const [opened] = lines('incident.opened');
  const [closed] = lines('incident.closed');
  expect(opened).toMatchObject({ level: 'warn', subject: 'main' });
  expect(closed).toMatchObject({ id: opened?.['id'], subject: 'main', failures: 2 });
  expect(lines('chain.down')).toEqual([]);
  expect(gateway.output()).not.toContain('secret-of-main');
});

interface Status {
  readonly health: { readonly checks: Readonly<Record<string, { readonly details: { readonly pid: number } }>> };
  readonly incidents: readonly Incident[];
}

test('R197 I4: an engine that is killed is started again, answers the next request, and is one short incident', async () => {
  const local = await startGateway({
    yaml: [
      'upstreams: { local: { engine: embedded, runtime: interpreter } }',
      'models: { default: [local] }',
      'observation: { recovery: { settle: 100ms } }',
    ].join('\n'),
  });
  try {
    const status = async () => (await (await fetch(`${local.url}/status`)).json()) as Status;
    process.kill((await status()).health.checks['local']?.details.pid ?? 0, 'SIGKILL');
    await expect.poll(async () => (await status()).incidents.length).toBe(1);
    expect((await post(`${local.url}/generate`, { prompt: 'What is the capital of France?' })).status).toBe(200);
    await expect.poll(async () => (await status()).incidents[0]?.status).toBe('closed');
    const [incident] = (await status()).incidents;
    expect(incident).toMatchObject({ subject: 'local', failures: 0 });
    expect(incident?.transitions).toMatchObject([
      { event: 'engine.stopped', reason: 'SIGKILL' },
      { event: 'engine.started' },
      { event: 'model.answered' },
    ]);
  } finally {
    await local.stop();
  }
});
