import { createChute, type Logger, respond } from 'ripstop/serving';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { admission } from './admission.js';
import { Gate } from './gate.js';

const silent = (): void => undefined;
const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent };

/** A chute behind a gate for one, whose cord answers what it is told to. */
function gated(answer: (name: string) => unknown) {
  const runtime = virtualRuntime();
  const gate = new Gate({ maxInFlight: 1, queue: 0, queueWaitMs: 2_000 }, () => 'full', runtime);
  const chute = createChute({ name: 'gated', logger }, runtime)
    .use(admission({ gate, callerOf: () => '' }, runtime))
    .cord('model', {}, ({ input }) => answer((input as { name: string }).name))
    .cord('page', { method: 'GET' }, () => ({ in: gate.running }));
  const ask = (name: string, signal?: AbortSignal): Promise<Response> =>
    chute.request('/model', { method: 'POST', json: { name }, ...(signal && { signal }) });
  return { gate, chute, ask, runtime };
}

async function started(app: ReturnType<typeof gated>): Promise<ReturnType<typeof gated>> {
  await app.chute.start();
  return app;
}

test('GW15: a slot is held while a model works, and free when it has answered or failed', async () => {
  const seen: number[] = [];
  const app = await started(
    gated((name) => {
      seen.push(app.gate.running);
      if (name === 'bad') throw new Error('broken');
      return name === 'full' ? respond(200, {}, 'all') : { ok: true };
    }),
  );
  const statuses: number[] = [];
  for (const name of ['good', 'bad', 'full']) statuses.push((await app.ask(name)).status);
  expect(statuses).toEqual([200, 500, 200]);
  expect(seen).toEqual([1, 1, 1]);
  expect(app.gate.running).toBe(0);
});

test.each(['read to its end', 'given up', 'given up unread', 'broken', 'aborted while nobody reads it'])(
  'GW15: a stream holds its slot until it is %s',
  async (end) => {
    const app = await started(
      gated(async function* () {
        yield { part: 1 };
        if (end === 'broken') throw new Error('broken');
        yield { part: 2 };
      }),
    );
    const leaving = new AbortController();
    const response = await app.ask('stream', leaving.signal);
    expect(app.gate.running).toBe(1);
    if (end === 'given up') {
      const reader = response.body?.getReader();
      await reader?.read();
      await reader?.cancel();
    } else if (end.startsWith('aborted')) leaving.abort();
    else if (end === 'given up unread') await response.body?.cancel();
    else await response.text();
    expect(app.gate.running).toBe(0);
  },
);

test('GW15: what is no model passes freely, and no time is told of it', async () => {
  const app = await started(gated(() => new Promise(() => undefined)));
  const asked = app.ask('hang');
  await app.runtime.clock.advance(0);
  const page = await app.chute.request('/page');
  expect(await page.json()).toEqual({ in: 1 });
  expect(page.headers.get('server-timing')).toBeNull();
  expect((await app.chute.request('/livez')).status).toBe(200);
  expect((await app.chute.request('/nowhere', { method: 'POST' })).status).toBe(404);
  expect((await app.ask('refused')).status).toBe(503);
  void asked;
});

test('Server-Timing stands on answers, on streams, on failures and on refusals', async () => {
  const app = await started(
    gated(async (name) => {
      if (name === 'bad') throw new Error('broken');
      await app.runtime.clock.advance(30);
      return name === 'stream'
        ? (async function* () {
            yield 1;
          })()
        : { ok: true };
    }),
  );
  const timings: (string | null)[] = [];
  for (const name of ['good', 'bad', 'stream', 'refused']) {
    timings.push((await app.ask(name)).headers.get('server-timing'));
  }
  const own = (ms: number): string => `gw;dur=${ms},queue;dur=0,up;dur=0`;
  expect(timings).toEqual([own(30), own(0), own(30), own(0)]);
});
