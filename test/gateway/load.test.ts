/** The gate before the models, from outside: a real gateway, a real upstream, real sockets. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import {
  chatAnswer,
  chatChunk,
  chatFrames,
  scriptedUpstream,
  seededRandom,
  type UpstreamAnswer,
  type UpstreamRequest,
} from 'ripstop/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { post, type RunningGateway, startGateway } from './harness.js';
import { rawClient } from '../raw-client.js';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

interface Setting {
  readonly load?: string;
  readonly server?: string;
  readonly model?: string;
}

async function before(script: Parameters<typeof scriptedUpstream>[0], { load = '', server = '', model }: Setting) {
  const upstream = await scriptedUpstream(script);
  cleanUp.push(() => upstream.close());
  const yaml = [
    `server: { ${server} }`,
    `upstreams: { main: { url: "${upstream.url}", model: x } }`,
    `models: { default: ${model ?? '[main]'} }`,
    `load: { ${load} }`,
  ].join('\n');
  const gateway = await startGateway({ yaml });
  cleanUp.push(() => gateway.stop('SIGKILL'));
  return { upstream, gateway };
}

function chat({ url }: RunningGateway, name = 'hi', headers: Readonly<Record<string, string>> = {}) {
  return post(`${url}/v1/chat/completions`, { messages: [{ role: 'user', content: name }] }, headers);
}

function stream({ url }: RunningGateway, signal: AbortSignal | null = null, whole = false): Promise<Response> {
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], stream: !whole });
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal,
  });
}

/** Longer than it takes a request to arrive, and much shorter than what it then waits for. */
const arrival = 100;
const slow = (delayMs: number): UpstreamAnswer => ({ kind: 'json', body: chatAnswer('ok'), delayMs });
const frameOf = (frame: string | number) => (typeof frame === 'number' ? frame : chatChunk({ content: frame }));
const said = ({ body }: UpstreamRequest) => (body as { messages: { content: string }[] }).messages[0]?.content;
const reasonOf = ({ body }: Awaited<ReturnType<typeof chat>>) =>
  (body['error'] as { details?: { reason?: string } } | undefined)?.details?.reason;

describe('overload', () => {
  test('GW15 GW17 I9: of ten times the limit those under way and in line are answered, the rest is told when to come back', async () => {
    const { upstream, gateway } = await before([slow(1_000)], { load: 'maxInFlight: 4, queue: 4, queueWait: 10s' });
    const asked = Promise.all(Array.from({ length: 40 }, () => chat(gateway)));
    await pause(2 * arrival);
    for (const path of ['/livez', '/health', '/', '/v1/models']) {
      expect((await fetch(`${gateway.url}${path}`)).status, path).toBe(200);
    }
    const answers = await asked;
    const refused = answers.filter(({ status }) => status === 503);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(8);
    expect(refused).toHaveLength(32);
    for (const answer of refused) {
      expect(answer.body['error']).toMatchObject({
        error_type: 'model_overloaded',
        origin: 'service',
        is_retryable: true,
        details: { reason: 'queue_full' },
      });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(10);
    }
    expect(upstream.requests).toHaveLength(8);
    expect((await chat(gateway)).status).toBe(200);
  });

  test('GW15: who waits for longer than queueWait is told so', async () => {
    const { gateway } = await before([{ kind: 'hang' }], { load: 'maxInFlight: 1, queueWait: 300ms' });
    const holder = new AbortController();
    const held = stream(gateway, holder.signal).catch(() => 'left');
    await pause(arrival);
    const answer = await chat(gateway);
    holder.abort();
    await held;
    expect(answer.status).toBe(503);
    expect(reasonOf(answer)).toBe('queue_timeout');
    expect(Number(/queue;dur=([\d.]+)/.exec(answer.headers.get('server-timing') ?? '')?.[1])).toBeGreaterThan(290);
  });

  test('GW17: the body of a request that is shed is not waited for', async () => {
    const { gateway } = await before([{ kind: 'hang' }], { load: 'maxInFlight: 1, queue: 0' });
    const holder = new AbortController();
    const held = stream(gateway, holder.signal).catch(() => 'left');
    await pause(arrival);
    const client = await rawClient(Number(new URL(gateway.url).port));
    client.send(
      'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n{"messages":[',
    );
    expect(await client.until('queue_full')).toContain('HTTP/1.1 503');
    client.socket.destroy();
    holder.abort();
    await held;
  });

  test('GW16 I9: after two seconds at the limit less urgent requests are shed first, and others still wait', async () => {
    const { gateway } = await before([{ kind: 'hang' }], { load: 'maxInFlight: 1, queue: 2, queueWait: 500ms' });
    const holder = new AbortController();
    const held = stream(gateway, holder.signal).catch(() => 'left');
    await pause(arrival);
    const low = () => chat(gateway, 'low', { 'x-ripstop-priority': '0' });
    expect(reasonOf(await low())).toBe('queue_timeout');
    // The level is read while requests come in.
    await expect.poll(async () => reasonOf(await low()), { timeout: 12_000, interval: 100 }).toBe('shed');
    expect(reasonOf(await chat(gateway))).toBe('queue_timeout');
    holder.abort();
    await held;
  });
});

test('GW16: at minimal what is not urgent is answered by the smaller model, where one is configured', async () => {
  const [upstream, hanging] = [await scriptedUpstream([slow(0)]), await scriptedUpstream([{ kind: 'hang' }])];
  cleanUp.push(
    () => upstream.close(),
    () => hanging.close(),
  );
  const gateway = await startGateway({
    yaml: `
upstreams:
  main: { url: "${upstream.url}", model: large }
  small: { url: "${upstream.url}", model: tiny }
  hung: { url: "${hanging.url}", model: x }
models: { default: { chain: [main], smaller: tiny }, tiny: [small], other: [main], hung: [hung] }
load: { maxInFlight: 4, levels: { reduced: 0.1, minimal: 0.2 } }`,
  });
  cleanUp.push(() => gateway.stop('SIGKILL'));
  const ask = (model: string, headers: Readonly<Record<string, string>>) =>
    post(`${gateway.url}/v1/chat/completions`, { model, messages: [{ role: 'user', content: 'hi' }] }, headers);
  const holding = ask('hung', {}).catch(() => 'gone');
  // One of four slots is minimal here.
  await hanging.request(0);
  const low = { 'x-ripstop-priority': '0' };
  const less = async () => (await ask('default', low)).headers.get('x-ripstop-degraded');
  await expect.poll(less, { timeout: 12_000, interval: 100 }).toBe('model');
  const [smaller, usual, shed, refused] = [
    await ask('default', low),
    await ask('default', {}),
    await ask('other', low),
    await ask('default', { ...low, 'x-ripstop-allow-degraded': 'false' }),
  ];
  expect([smaller, usual].map(({ body }) => body['model'])).toEqual(['small', 'main']);
  expect([shed, refused].map(({ status }) => status)).toEqual([503, 503]);
  expect([reasonOf(shed), reasonOf(refused)]).toEqual(['shed', 'shed']);
  await gateway.stop('SIGKILL');
  expect(await holding).toBe('gone');
});

describe('order', () => {
  test('GW15 I9: the higher priority goes first; anything but a digit is refused', async () => {
    const { upstream, gateway } = await before([slow(600), slow(20)], { load: 'maxInFlight: 1' });
    const asked = [chat(gateway, 'first')];
    await upstream.request(0);
    for (const priority of ['1', '5', '9']) {
      asked.push(chat(gateway, priority, { 'x-ripstop-priority': priority }));
      await pause(20);
    }
    expect((await chat(gateway, 'bad', { 'x-ripstop-priority': '10' })).status).toBe(400);
    await Promise.all(asked);
    expect(upstream.requests.map(said)).toEqual(['first', '9', '5', '1']);
  });

  test('GW15: a caller with many requests does not keep another one waiting', async () => {
    const { upstream, gateway } = await before([slow(600), slow(20)], {
      load: 'maxInFlight: 1',
      server: 'keys: [many, one]',
    });
    const ask = (key: string) => chat(gateway, key, { authorization: `Bearer ${key}` });
    const asked = [ask('many')];
    await upstream.request(0);
    for (const key of ['many', 'many', 'many', 'one']) {
      asked.push(ask(key));
      await pause(20);
    }
    expect((await chat(gateway)).status).toBe(401);
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    // Whoever was first among those that waited, the next turn was the other's.
    expect(upstream.requests.map(said).indexOf('one')).toBeLessThanOrEqual(2);
  });
});

test('GW17 I8: a key that asks too often gets 429 with OpenAI’s headers, and the others are served', async () => {
  const { gateway } = await before([slow(0)], {
    load: 'perKey: { requests: 2, per: 1h }',
    server: 'keys: [many, one]',
  });
  const ask = (key: string) => chat(gateway, key, { authorization: `Bearer ${key}` });
  const answers = [await ask('many'), await ask('many'), await ask('many'), await ask('one')];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429, 200]);
  const left = answers.map(({ headers }) => headers.get('x-ratelimit-remaining-requests'));
  expect(left).toEqual(['1', '0', '0', '1']);
  expect(answers[2]?.body['error']).toMatchObject({ error_type: 'rate_limited', origin: 'service' });
  expect(Number(answers[2]?.headers.get('retry-after'))).toBeGreaterThan(1_700);
});

describe('slots', () => {
  test('GW10: a client that leaves the line frees its place, and its request is never sent', async () => {
    const { upstream, gateway } = await before([slow(900)], { load: 'maxInFlight: 1, queue: 1' });
    const first = chat(gateway, 'first');
    await upstream.request(0);
    const leaving = new AbortController();
    const left = stream(gateway, leaving.signal).catch(() => 'left');
    await pause(arrival);
    expect(reasonOf(await chat(gateway, 'no room'))).toBe('queue_full');
    leaving.abort();
    expect(await left).toBe('left');
    await pause(arrival);
    expect((await chat(gateway, 'second')).status).toBe(200);
    expect((await first).status).toBe(200);
    expect(upstream.requests.map(said)).toEqual(['first', 'second']);
  });

  test('GW15: a stream holds its slot until it ends, breaks off or is left', async () => {
    const open: UpstreamAnswer = { kind: 'sse', frames: chatFrames(['one']).slice(0, 2), end: 'hang' };
    const cut: UpstreamAnswer = { kind: 'sse', frames: chatFrames(['one']).slice(0, 2), end: 'cut' };
    const whole: UpstreamAnswer = { kind: 'sse', frames: chatFrames(['one', 'two']) };
    const { upstream, gateway } = await before([open, whole, cut, slow(0)], { load: 'maxInFlight: 1, queue: 0' });
    const leaving = new AbortController();
    const response = await stream(gateway, leaving.signal);
    expect(response.status).toBe(200);
    expect((await chat(gateway)).status).toBe(503);
    leaving.abort();
    await (await upstream.request(0)).over;
    // The last step of each takes a moment: the slot is free once the connection is seen to be closed.
    await expect.poll(async () => (await stream(gateway)).text()).toContain('[DONE]');
    await expect.poll(async () => (await stream(gateway)).text()).toContain('stream_interrupted');
    await expect.poll(async () => (await chat(gateway)).status).toBe(200);
  });

  test('GW10: after three hundred clients that left at any moment all slots and places are free', async () => {
    const streamed: UpstreamAnswer = { kind: 'sse', frames: ['one', 20, 'two', 20].map(frameOf) };
    const { upstream, gateway } = await before(
      [({ body }) => ((body as { stream?: boolean }).stream === true ? streamed : slow(30))],
      { load: 'maxInFlight: 4, queue: 4' },
    );
    const random = seededRandom(7);
    const client = async (): Promise<void> => {
      const leaving = new AbortController();
      const timer = setTimeout(() => leaving.abort(), random() * 80);
      await stream(gateway, leaving.signal, random() < 0.5)
        .then((response) => response.text())
        .catch(() => 'left');
      clearTimeout(timer);
    };
    for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 30 }, client));
    // The gateway hears of the last who left a moment after they did; a place that was lost would never come back.
    const asked = async (): Promise<number[]> => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => chat(gateway)));
      return answers.map(({ status }) => status);
    };
    await expect.poll(asked, { timeout: 5_000 }).toEqual(Array.from({ length: 8 }, () => 200));
    // Idle connections are given up after some seconds.
    await expect.poll(() => upstream.open, { timeout: 15_000 }).toBe(0);
  });

  test('GW15: failures of every kind give their slot back', async () => {
    const answers: Readonly<Record<string, UpstreamAnswer>> = {
      refused: { kind: 'json', status: 400, body: { error: { message: 'no' } } },
      reset: { kind: 'reset' },
      page: { kind: 'text', body: '<html>' },
      silence: { kind: 'hang' },
    };
    const { gateway } = await before([(request) => answers[said(request) ?? ''] ?? slow(0)], {
      load: 'maxInFlight: 1, queue: 0',
      model: '{ chain: [main], retry: { attempts: 1 }, timeouts: { headers: 200ms } }',
    });
    expect((await post(`${gateway.url}/v1/chat/completions`, 'no json')).status).toBe(400);
    const statuses: number[] = [];
    for (const name of [...Object.keys(answers), 'fine']) statuses.push((await chat(gateway, name)).status);
    expect(statuses).toEqual([400, 502, 502, 504, 200]);
  });
});

describe('limits of one upstream', () => {
  test('GW15 I9: what is over the limit of an upstream goes to the next one at once, and waits where there is none', async () => {
    const main = await scriptedUpstream([slow(700)]);
    const spare = await scriptedUpstream([slow(0)]);
    cleanUp.push(
      () => main.close(),
      () => spare.close(),
    );
    const gateway = await startGateway({
      yaml: [
        'upstreams:',
        `  main: { url: "${main.url}", model: x, maxInFlight: 1 }`,
        `  spare: { url: "${spare.url}", model: y }`,
        'models: { default: [main, spare], alone: [main] }',
      ].join('\n'),
    });
    cleanUp.push(() => gateway.stop('SIGKILL'));
    const first = chat(gateway);
    await main.request(0);
    const second = await chat(gateway);
    expect(second.headers.get('x-ripstop-model')).toBe('spare');
    expect(main.requests).toHaveLength(1);
    const waits = await post(`${gateway.url}/v1/chat/completions`, {
      model: 'alone',
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect(waits.status).toBe(200);
    expect((await first).headers.get('x-ripstop-model')).toBe('main');
    expect(main.requests).toHaveLength(2);
  });
});

describe('time', () => {
  test('I7: the deadline is the lesser of X-Request-Timeout-Ms and the configured total', async () => {
    const { gateway } = await before([{ kind: 'hang' }], { model: '{ chain: [main], timeouts: { total: 700ms } }' });
    const started = performance.now();
    const hasty = await chat(gateway, 'hi', { 'x-request-timeout-ms': '200' });
    const between = performance.now();
    const patient = await chat(gateway, 'hi', { 'x-request-timeout-ms': '60000' });
    const ended = performance.now();
    expect([hasty.status, patient.status]).toEqual([504, 504]);
    expect(between - started).toBeLessThan(ended - between);
    expect((await chat(gateway, 'hi', { 'x-request-timeout-ms': 'soon' })).status).toBe(400);
  });

  test('answers say where the time went: ours, in line, upstream', async () => {
    const { gateway } = await before([slow(300), slow(0)], { load: 'maxInFlight: 1' });
    const first = chat(gateway);
    await pause(arrival);
    const [one, two] = [await first, await chat(gateway)];
    const parts = (answer: typeof one) =>
      /^gw;dur=([\d.]+),queue;dur=([\d.]+),up;dur=([\d.]+)$/
        .exec(answer.headers.get('server-timing') ?? '')
        ?.slice(1)
        .map(Number) ?? [];
    expect(parts(one)[2]).toBeGreaterThanOrEqual(290);
    expect(parts(two)).toHaveLength(3);
    expect(parts(two)[2]).toBeLessThan(290);
    const health = await fetch(`${gateway.url}/health`);
    expect(health.headers.get('server-timing')).toBeNull();
  });
});

test('GW9: a client that reads nothing stops the reading of its upstream, and others are served meanwhile', async () => {
  const piece = 'x'.repeat(65_536);
  const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
  const { createServer } = await import('node:http');
  let sent = 0;
  const endless = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const more = (): void => {
      while (!response.destroyed) {
        sent += piece.length;
        if (!response.write(chunk(piece))) return void response.once('drain', more);
      }
    };
    more();
  });
  endless.listen(0, '127.0.0.1');
  await once(endless, 'listening');
  cleanUp.push(async () => {
    endless.closeAllConnections();
    endless.close();
  });
  const { port } = endless.address() as { port: number };
  const quick = await scriptedUpstream([slow(0)]);
  cleanUp.push(() => quick.close());
  const gateway = await startGateway({
    yaml: [
      'upstreams:',
      `  endless: { url: "http://127.0.0.1:${port}/v1", model: x }`,
      `  quick: { url: "${quick.url}", model: y }`,
      'models: { default: [quick], endless: [endless] }',
    ].join('\n'),
  });
  cleanUp.push(() => gateway.stop('SIGKILL'));
  const client = await rawClient(Number(new URL(gateway.url).port));
  client.socket.pause();
  const body = JSON.stringify({ model: 'endless', messages: [{ role: 'user', content: 'hi' }], stream: true });
  client.send(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  let held = -1;
  await expect
    .poll(
      () => {
        const before = held;
        held = sent;
        return sent > 0 && sent === before;
      },
      { interval: 300 },
    )
    .toBe(true);
  // The kernel's buffers on both connections; without a limit it would be hundreds of megabytes by now.
  expect(held).toBeLessThan(32 * 1_048_576);
  expect((await chat(gateway)).status).toBe(200);
  client.socket.resume();
  await expect.poll(() => sent).toBeGreaterThan(held + 10 * piece.length);
  client.socket.destroy();
  await expect
    .poll(
      () =>
        new Promise<number>((resolve, reject) =>
          endless.getConnections((error, count) => (error ? reject(error) : resolve(count))),
        ),
    )
    .toBe(0);
});
