/** Sinks that hang, refuse or are gone, and scrapers that never read: nobody who asks for an answer notices. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { chatAnswer, chatFrames, scriptedUpstream, type ScriptedUpstream, type UpstreamAnswer } from 'ripstop/testing';
import { afterEach, expect, test } from 'vitest';
import { httpReceiver, type Receiver } from './alert-receivers.js';
import { post, type RunningGateway, startGateway } from './harness.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Each has a credential of its own that can be refused, which is an alert of its own, told at once. */
const names = Array.from({ length: 20 }, (_, n) => `model-${n}`);
const rounds = 5;

/** An upstream that refuses every credential while it is told to. */
async function upstreamOf(now: { refuses: boolean }): Promise<ScriptedUpstream> {
  const upstream = await scriptedUpstream([
    ({ body }): UpstreamAnswer => {
      if (now.refuses)
        return { kind: 'json', status: 401, body: { error: { message: 'No.', code: 'invalid_api_key' } } };
      const { stream } = body as { stream?: boolean };
      return stream === true
        ? { kind: 'sse', frames: chatFrames(['Pa', 'ris.']) }
        : { kind: 'json', body: chatAnswer('Paris.') };
    },
  ]);
  closers.push(() => upstream.close());
  return upstream;
}

interface Run {
  readonly gateway: RunningGateway;
  /** What each request got, in their order. */
  readonly results: readonly string[];
  /** What the gateway has counted of them. */
  readonly counts: readonly string[];
  readonly page: string;
}

/** The same requests each time, of which those of every other round are refused. */
async function run(alerts: string, prepare: (gateway: RunningGateway) => void = () => undefined): Promise<Run> {
  const now = { refuses: false };
  const upstream = await upstreamOf(now);
  const yaml = [
    'server: { drain: 1s, drainWait: 100ms }',
    'upstreams:',
    ...names.map((name) => `  ${name}: { url: "${upstream.url}", model: m }`),
    'models:',
    ...names.map((name) => `  ${name}: { chain: [${name}], retry: { attempts: 1 } }`),
    'observation: { alerts: { group: 10ms, clear: 10ms, cooldown: 10ms } }',
    `alerts: ${alerts}`,
  ].join('\n');
  const gateway = await startGateway({ yaml });
  closers.push(() => gateway.stop());
  prepare(gateway);
  const results: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const refuses of [true, false]) {
      now.refuses = refuses;
      const answers = await Promise.all(names.map((model, n) => ask(gateway, { model, stream: n % 4 === 0 })));
      results.push(...answers);
    }
    // Long enough for each alert to be told to be over, and to be forgotten.
    await pause(200);
  }
  const page = await (await fetch(`${gateway.url}/metrics`)).text();
  const counts = page
    .split('\n')
    .filter((line) => /^ripstop_(requests|attempts|answers|model_failures|tokens)_total\{/.test(line));
  return { gateway, results, counts: counts.filter((line) => !line.includes('"GET"')).sort(), page };
}

async function ask({ url }: RunningGateway, { model, stream }: { model: string; stream: boolean }): Promise<string> {
  const messages = [{ role: 'user', content: 'Where?' }];
  const { status, text } = await post(`${url}/v1/chat/completions`, { model, messages, stream });
  return `${model} ${status} ${/"code":"\w+"/.exec(text)?.[0] ?? text.match(/"content":"[^"]+"/g)?.join('')}`;
}

function metric(page: string, series: string): number {
  return Number(
    page
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')[1] ?? 0,
  );
}

/** Asks for the page of metrics again and again, and never reads a word. */
function stuckScraper({ url }: RunningGateway): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).pause();
  socket.on('error', () => undefined);
  socket.write(`GET /metrics HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`.repeat(200));
  return socket;
}

/** Takes connections and says nothing. */
async function silentServer(): Promise<Server> {
  const server = createServer((socket) => void socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  return server;
}

async function receiver(status?: number): Promise<Receiver> {
  const made = await httpReceiver((response) => void (status !== undefined && response.writeHead(status).end()));
  closers.push(() => made.close());
  return made;
}

test('D56 I1: dead sinks and stuck scrapers change no answer and no count, hold bounded queues, and let the gateway end', async () => {
  const alone = await run('[]');
  await alone.gateway.stop();

  const [hanging, refusing, gone] = await Promise.all([receiver(), receiver(403), httpReceiver()]);
  const { port } = (await silentServer()).address() as AddressInfo;
  await gone.close();
  const scrapers: Socket[] = [];
  const among = await run(
    `[ { slack: "${hanging.url}" }, { webhook: "${gone.url}" }, { pagerduty: { key: k, url: "${refusing.url}" } },
  { email: { smtp: "smtp://127.0.0.1:${port}", to: a@shop.example } }, { alertmanager: "${hanging.url}" } ]`,
    (gateway) => scrapers.push(...Array.from({ length: 20 }, () => stuckScraper(gateway))),
  );
  expect(among.results).toEqual(alone.results);
  expect(among.counts).toEqual(alone.counts);
  const requests = among.counts.filter((line) => line.startsWith('ripstop_requests_total'));
  expect(requests.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)).toBe(among.results.length);

  // A hundred wait for each sink; who tells more is told what became of the oldest.
  for (const sink of ['slack', 'webhook', 'email', 'alertmanager']) {
    expect(metric(among.page, `ripstop_alerts_total{sink="${sink}",outcome="dropped"}`), sink).toBeGreaterThan(20);
    expect(metric(among.page, `ripstop_alerts_total{sink="${sink}",outcome="delivered"}`), sink).toBe(0);
  }
  expect(hanging.messages.length).toBeLessThan(8);
  expect(metric(among.page, 'ripstop_in_flight{name="gateway"}')).toBe(0);
  const memory = 'process_resident_memory_bytes';
  expect(metric(among.page, memory) - metric(alone.page, memory)).toBeLessThan(150e6);

  const { gateway } = among;
  const reasons = (event: string): unknown[] =>
    gateway.log().flatMap((line) => (line['event'] === event ? [line['reason']] : []));
  await expect.poll(() => reasons('alert.failed')).toContain('HTTP 403');
  const started = performance.now();
  expect(await gateway.stop('SIGTERM')).toBe(0);
  // A second for requests, five for alerts, ten for a mail server that says nothing.
  expect(performance.now() - started).toBeLessThan(20_000);
  expect(reasons('alert.dropped')).toEqual(expect.arrayContaining(['queue_full', 'closing']));
  expect(gateway.output()).not.toContain(hanging.url);
  for (const scraper of scrapers) scraper.destroy();
}, 90_000);
