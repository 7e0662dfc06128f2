/** Alerts through the whole gateway, to real receivers on this machine. */
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chatAnswer } from 'ripstop/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { alertmanager, httpReceiver, type Message, type Receiver, smtpReceiver } from './alert-receivers.js';
import { cli, post, type RunningGateway, startGateway } from './harness.js';
import { missing } from './programs.js';

const noSmtp = missing('smtp');
const noManager = missing('alertmanager');

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function closedAfter<T extends { close(): Promise<unknown> }>(closable: T): T {
  closers.push(() => closable.close());
  return closable;
}

interface Upstream {
  readonly url: string;
  readonly port: number;
  /** What it answers from now on. */
  mood: 'well' | 'refuses' | 'fails';
  close(): Promise<unknown>;
}

/** An upstream whose answers change while a test runs. */
async function upstreamOf(mood: Upstream['mood']): Promise<Upstream> {
  const server: Server = createServer((request, response) => {
    request.resume();
    const statuses = { well: 200, refuses: 401, fails: 503 } as const;
    const status = statuses[upstream.mood];
    const body = status === 200 ? chatAnswer('Paris.') : { error: { message: `${canary}: ${status}` } };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const upstream: Upstream = {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    mood,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return closedAfter(upstream);
}

const canary = 'xanthippe sings of a private matter';
const key = 'sk-xanthippe0123456789abcdefgh';

async function gatewayWith(upstream: Upstream, alerts: string, times = '{ group: 100ms, clear: 300ms }') {
  const gateway = await startGateway({
    yaml: `upstreams: { main: { url: "${upstream.url}", model: gpt-x, key: "${key}" } }
models: { default: { chain: [main], retry: { attempts: 1 } } }
observation: { alerts: ${times} }
alerts: ${alerts}
`,
  });
  closers.push(() => gateway.stop());
  return gateway;
}

const ask = async ({ url }: RunningGateway): Promise<number> =>
  (await post(`${url}/generate`, { prompt: canary, max_tokens: 5 })).status;

/** A machine that is busy with other tests may raise an alert of its own: the level of the gateway's load. */
const about = ({ messages }: Receiver, subject: RegExp): Message[] => messages.filter(({ text }) => subject.test(text));

const statuses = (messages: readonly Message[]): unknown[] =>
  messages.map(({ body }) => body['status'] ?? body['event_action'] ?? body['text']);

const credential = /credential|Credential/;

function expectNoCanary(text: string, { port }: Upstream): void {
  expect(text).not.toMatch(/xanthippe/i);
  expect(text).not.toContain(String(port));
}

describe('a gateway whose upstream refuses its credential, and takes it again', () => {
  test('R79 R196 GW20 I1: tells Slack, PagerDuty and a webhook once, and once more when it is over', async () => {
    const upstream = await upstreamOf('refuses');
    const [slack, pagerduty, webhook] = await Promise.all([httpReceiver(), httpReceiver(), httpReceiver()]);
    for (const receiver of [slack, pagerduty, webhook]) closedAfter(receiver);
    const gateway = await gatewayWith(
      upstream,
      `[ { slack: "${slack.url}/slack" }, { pagerduty: { key: pd, url: "${pagerduty.url}" } },
         { webhook: { url: "${webhook.url}", secret: shared } } ]`,
    );
    for (let call = 0; call < 4; call += 1) expect(await ask(gateway)).toBe(502);
    await expect.poll(() => about(webhook, credential)).toHaveLength(1);
    upstream.mood = 'well';
    expect(await ask(gateway)).toBe(200);
    for (const receiver of [slack, pagerduty, webhook])
      await expect.poll(() => about(receiver, credential)).toHaveLength(2);
    expect(statuses(about(webhook, credential))).toEqual(['firing', 'resolved']);
    expect(statuses(about(pagerduty, credential))).toEqual(['trigger', 'resolve']);
    expect(statuses(about(slack, credential))).toEqual([
      'FIRING: main refuses our credential',
      'RESOLVED: main refuses our credential',
    ]);
    const [first, last] = about(webhook, credential);
    expect(last?.body).toMatchObject({
      key: 'ripstop/credential_refused:main',
      severity: 'critical',
      alerts: [{ class: 'credential_refused', subject: 'main', count: 4, last_error_type: 'authentication_failed' }],
    });
    expect(first?.body['alerts']).toMatchObject([{ count: 1 }]);
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = last?.headers ?? {};
    const expected = createHmac('sha256', 'shared').update([id, at, last?.text].join('.')).digest('base64');
    expect(signature).toBe(`v1,${expected}`);
    expect(Math.abs(Date.now() / 1_000 - Number(at))).toBeLessThan(60);
    for (const { messages } of [slack, pagerduty, webhook])
      expectNoCanary(messages.map(({ text, headers }) => text + JSON.stringify(headers)).join(), upstream);
    const delivered = (line: object): boolean =>
      'event' in line && line.event === 'alert.delivered' && 'alert' in line && credential.test(String(line.alert));
    await expect.poll(() => gateway.log().filter(delivered)).toHaveLength(6);
  });

  test.skipIf(noSmtp.skip)(`R196: sends mail${noSmtp.why}`, async () => {
    const upstream = await upstreamOf('refuses');
    const smtp = closedAfter(await smtpReceiver());
    const gateway = await gatewayWith(
      upstream,
      `[ { email: { smtp: "${smtp.url}", to: [ops@shop.example, boss@shop.example], from: ripstop@shop.example } } ]`,
    );
    expect(await ask(gateway)).toBe(502);
    const mails = async (): Promise<string[]> => (await smtp.mails()).filter((mail) => credential.test(mail));
    await expect.poll(mails, { timeout: 10_000 }).toHaveLength(1);
    upstream.mood = 'well';
    expect(await ask(gateway)).toBe(200);
    await expect.poll(mails, { timeout: 10_000 }).toHaveLength(2);
    const [first = '', last = ''] = await mails();
    for (const [mail, status] of [
      [first, 'FIRING'],
      [last, 'RESOLVED'],
    ] as const) {
      expect(mail).toContain('From: ripstop@shop.example');
      expect(mail).toContain('To: ops@shop.example, boss@shop.example');
      expect(mail).toContain(`Subject: [ripstop] ${status}: main refuses our credential`);
      expect(mail).toContain('X-Ripstop-Alert: ripstop/credential_refused:main');
      expect(mail).toContain('Auto-Submitted: auto-generated');
      expect(mail).toContain('  last error: authentication_failed\n');
      expectNoCanary(mail, upstream);
    }
    expect(last).toMatch(/since \S+Z until \S+Z, seen once/);
  });

  test.skipIf(noManager.skip)(`R196: tells Alertmanager${noManager.why}`, async () => {
    const upstream = await upstreamOf('refuses');
    const hook = closedAfter(await httpReceiver());
    const manager = closedAfter(await alertmanager(hook.url));
    const gateway = await gatewayWith(upstream, `[ { alertmanager: "${manager.url}" } ]`);
    expect(await ask(gateway)).toBe(502);
    const firing = async () => (await manager.firing()).filter((alert) => credential.test(JSON.stringify(alert)));
    await expect.poll(firing, { timeout: 10_000 }).toHaveLength(1);
    expect(await firing()).toMatchObject([
      {
        labels: { alertname: 'RipstopCredentialRefused', subject: 'main', severity: 'critical', source: 'ripstop' },
        annotations: { summary: 'main refuses our credential', last_error_type: 'authentication_failed', count: '1' },
        status: { state: 'active' },
      },
    ]);
    await expect.poll(() => statuses(about(hook, credential)), { timeout: 10_000 }).toEqual(['firing']);
    upstream.mood = 'well';
    expect(await ask(gateway)).toBe(200);
    await expect.poll(() => statuses(about(hook, credential)), { timeout: 15_000 }).toEqual(['firing', 'resolved']);
    expect(await firing()).toEqual([]);
    expectNoCanary(
      hook.messages
        .map(({ text }) => text)
        .join()
        .replaceAll(manager.url, ''),
      upstream,
    );
  });
});

test('I1: an upstream that fails for a while is one alert and one end, with the breaker in it', async () => {
  const upstream = await upstreamOf('fails');
  const webhook = closedAfter(await httpReceiver());
  const gateway = await gatewayWith(upstream, `[ { webhook: "${webhook.url}" } ]`, '{ group: 1s, clear: 500ms }');
  for (let call = 0; call < 8; call += 1) await ask(gateway);
  const breaker = /breaker_open/;
  await expect.poll(() => about(webhook, breaker), { timeout: 5_000 }).toHaveLength(1);
  upstream.mood = 'well';
  await expect.poll(() => ask(gateway), { timeout: 15_000, interval: 200 }).toBe(200);
  await expect
    .poll(
      async () => {
        await ask(gateway);
        return about(webhook, breaker);
      },
      { timeout: 15_000, interval: 200 },
    )
    .toHaveLength(2);
  expect(statuses(about(webhook, breaker))).toEqual(['firing', 'resolved']);
  const alerts = about(webhook, breaker)[0]?.body['alerts'];
  expect(alerts).toContainEqual(
    expect.objectContaining({ class: 'breaker_open', subject: 'main', last_error_type: 'upstream_unavailable' }),
  );
  expectNoCanary(webhook.messages.map(({ text }) => text).join(), upstream);
});

describe('ripstop alert test', () => {
  let folder: string;
  let receiver: Receiver;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'ripstop-alerts-'));
    receiver = await httpReceiver();
  });
  afterAll(async () => {
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function alertTest(yaml: string, ...args: readonly string[]) {
    const file = path.join(folder, 'ripstop.yaml');
    await writeFile(file, yaml);
    const child = spawn(process.execPath, [cli, 'alert', 'test', '--config', file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (part: Buffer) => (out += part.toString()));
    child.stderr.on('data', (part: Buffer) => (err += part.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  }

  test('R79 GW20: sends an alert and its end to each sink, and says what came back', async () => {
    receiver.messages.length = 0;
    const hook = `{ webhook: "${receiver.url}/one" }`;
    const { code, out, err } = await alertTest(`alerts: [ ${hook}, ${hook}, { console: true } ]\n`);
    expect(code).toBe(0);
    expect(out.replaceAll(/\d+ ms/g, 'n ms').split('\n')).toEqual([
      'webhook: delivered in n ms (alert: HTTP 200; its end: HTTP 200)',
      'webhook-2: delivered in n ms (alert: HTTP 200; its end: HTTP 200)',
      'console: delivered in n ms (alert: written; its end: written)',
      '',
    ]);
    expect(err).toContain('FIRING: A test from ripstop: nothing is wrong\n');
    expect(err).toContain('RESOLVED: A test from ripstop: nothing is wrong\n');
    expect(statuses(about(receiver, /"FIRING: /))).toEqual(['firing', 'firing']);
    expect(statuses(about(receiver, /"RESOLVED: /))).toEqual(['resolved', 'resolved']);
  });

  test('R79: ends with 1 when a sink does not take it, and --sink asks one alone', async () => {
    const gone = await httpReceiver();
    await gone.close();
    const yaml = `alerts: [ { slack: "${gone.url}/secret" }, { webhook: "${receiver.url}" } ]\n`;
    const all = await alertTest(yaml, '--json');
    expect(all).toMatchObject({ code: 1, err: '' });
    const { results } = JSON.parse(all.out) as { results: object[] };
    expect(results).toMatchObject([
      { sink: 'slack', outcome: 'failed', answers: ['ECONNREFUSED', 'ECONNREFUSED'] },
      { sink: 'webhook', outcome: 'delivered', answers: ['HTTP 200', 'HTTP 200'] },
    ]);
    expect(all.out).not.toContain('secret');
    expect(await alertTest(yaml, '--sink', 'webhook')).toMatchObject({ code: 0 });
  });

  test('R79: ends with 2 where there is nothing to test, and says why', async () => {
    const yaml = 'alerts: [ { console: true } ]\n';
    expect(await alertTest(yaml, '--sink', 'consol')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--sink consol: there is no such sink; did you mean console?') as string,
    });
    expect(await alertTest('{}\n')).toMatchObject({
      code: 2,
      err: expect.stringContaining('has no alerts; add some') as string,
    });
  });
});
