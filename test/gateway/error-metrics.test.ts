/** `GET /error_metrics` of a real gateway before a real upstream that breaks and is mended; a minute is a second here. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ErrorSummary } from 'ripstop/observation';
import { chatAnswer, scriptedUpstream, type UpstreamAnswer } from 'ripstop/testing';
import { afterEach, expect, test } from 'vitest';
import type { GatewayErrorSummary } from '../../packages/gateway/src/observation/error-metrics.js';
import { configSchema } from '../../packages/gateway/src/config/schema.js';
import { post, type RunningGateway, startGateway } from './harness.js';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

const fine: UpstreamAnswer = { kind: 'json', body: chatAnswer('Paris.') };
const broken: UpstreamAnswer = { kind: 'json', status: 500, body: { error: { message: 'worker 17 is gone' } } };

/** A gateway before one upstream that answers as `now` says at that time. */
async function before(now: { answer: UpstreamAnswer }, more: readonly string[] = []): Promise<RunningGateway> {
  const upstream = await scriptedUpstream([() => now.answer]);
  cleanUp.push(() => upstream.close());
  const yaml = [
    `upstreams: { main: { url: "${upstream.url}", model: x } }`,
    'models: { default: { chain: [main], retry: { attempts: 1 }, breaker: { consecutive: 1000 } } }',
    'observation: { spikes: { recent: 1s, baseline: 10s, minCount: 5 } }',
    ...more,
  ].join('\n');
  const gateway = await startGateway({ yaml });
  cleanUp.push(() => gateway.stop('SIGKILL'));
  return gateway;
}

const chat = ({ url }: RunningGateway) =>
  post(`${url}/v1/chat/completions`, { messages: [{ role: 'user', content: 'secret words' }] });

async function summaryOf({ url }: RunningGateway): Promise<GatewayErrorSummary> {
  return (await (await fetch(`${url}/error_metrics`)).json()) as GatewayErrorSummary;
}

/** What the errors are that are out of the ordinary. How fast calls are is up to the machine. */
function spiking({ active_spikes }: ErrorSummary): string[] {
  return active_spikes.filter(({ kind }) => kind === 'errors').map(({ subject }) => subject);
}

/** Asks again and again, for so long. */
async function askFor(gateway: RunningGateway, ms: number): Promise<number> {
  const end = performance.now() + ms;
  let calls = 0;
  for (; performance.now() < end; calls += 1) {
    await chat(gateway);
    await pause(50);
  }
  return calls;
}

test('R143 R141 GW20 D104 D105: an outage is a spike in the summary, of the requests and of the upstream, and gone again', async () => {
  const now = { answer: fine };
  const gateway = await before(now);
  const good = await askFor(gateway, 3_500);
  await fetch(`${gateway.url}/livez`);
  expect(await summaryOf(gateway)).toMatchObject({
    total_errors_1h: 0,
    total_calls_1h: good,
    error_ratio_1h: 0,
    spikes: [],
    throughput: { '/v1/chat/completions': {} },
    models: { total_calls_1h: good, latency: { main: {} } },
  });

  now.answer = broken;
  const bad = await askFor(gateway, 1_500);
  const during = await summaryOf(gateway);
  expect(during).toMatchObject({ total_errors_1h: bad, total_calls_1h: good + bad });
  const type = during.spikes[0]?.error_type ?? '';
  expect(during.spikes).toMatchObject([{ type: 'error_spike', historical_rate: 0 }]);
  expect(during.error_types).toEqual({ [type]: bad });
  expect(during.top_patterns).toEqual([[`${type}:/v1/chat/completions`, bad]]);
  expect(spiking(during)).toEqual([type]);
  expect(spiking(during.models)).toEqual([`${type}:main`]);
  expect(JSON.stringify(during)).not.toMatch(/secret words|worker 17|127\.0\.0\.1/);

  now.answer = fine;
  await askFor(gateway, 3_500);
  const after = await summaryOf(gateway);
  expect(after).toMatchObject({ total_errors_1h: bad, spikes: [] });
  expect([...spiking(after), ...spiking(after.models)]).toEqual([]);
  const told = gateway.log().filter(({ event, kind }) => String(event).startsWith('spike.') && kind === 'errors');
  expect(told.map(({ event, subject }) => [event, subject])).toEqual(
    expect.arrayContaining([
      ['spike.started', type],
      ['spike.started', `${type}:main`],
      ['spike.ended', type],
      ['spike.ended', `${type}:main`],
    ]),
  );
  expect(told).toHaveLength(4);
}, 30_000);

test('R143 D107: with admin keys only operators see it, and with none whoever may call', async () => {
  const now = { answer: fine };
  const gateway = await before(now, ['server: { keys: [caller], adminKeys: [operator] }']);
  const status = async (headers: Readonly<Record<string, string>>): Promise<number> =>
    (await fetch(`${gateway.url}/error_metrics`, { headers })).status;
  expect(await status({})).toBe(401);
  expect(await status({ 'x-api-key': 'caller' })).toBe(403);
  expect(await status({ 'x-api-key': 'operator' })).toBe(200);
  expect((await fetch(`${(await before(now)).url}/error_metrics`)).status).toBe(200);
});

test('D103: windows that make no sense are refused with their key', () => {
  const refused = (spikes: object): unknown => configSchema.safeParse({ observation: { spikes } }).error?.issues[0];
  expect(refused({ recent: '100ms' })).toMatchObject({ path: ['observation', 'spikes', 'recent'] });
  expect(refused({ recent: '60s', baseline: '90s' })).toMatchObject({ path: ['observation', 'spikes', 'baseline'] });
  expect(refused({ baseline: '48h' })).toMatchObject({ path: ['observation', 'spikes', 'baseline'] });
  expect(refused({ recent: '2s', baseline: '10s' })).toBeUndefined();
});
