import { request } from 'node:http';
import { chatChunk, scriptedUpstream, type UpstreamScene } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { startGateway } from './harness.js';

const phases: readonly (readonly [phase: string, stream: boolean, scene: UpstreamScene])[] = [
  ['before the headers of an answer', false, { kind: 'hang' }],
  ['before the headers of a stream', true, { kind: 'hang' }],
  ['before the body of an answer', false, { kind: 'json', body: {}, bodyDelayMs: 600_000 }],
  ['before the first content', true, { kind: 'sse', frames: [chatChunk({ role: 'assistant' })], end: 'hang' }],
  ['in mid-stream', true, { kind: 'sse', frames: [chatChunk({ content: 'Par' })], end: 'hang' }],
];

test.each(phases)('GW10: a client that leaves %s takes its upstream request with it', async (phase, stream, scene) => {
  await using upstream = await scriptedUpstream([scene]);
  const gateway = await startGateway({
    yaml: [
      `upstreams: { main: { url: "${upstream.url}", model: x } }`,
      'models: { default: [main] }',
      'load: { maxInFlight: 1, queue: 0 }',
    ].join('\n'),
  });
  for (let round = 0; round < 2; round += 1) {
    const leave = ask(gateway.url, stream);
    const arrived = await upstream.request(round);
    if (phase === 'in mid-stream') await leave.firstBytes;
    leave.now();
    await arrived.over;
    expect(arrived.aborted).toBe(true);
  }
  const logged = () => gateway.log().filter(({ route }) => route === '/v1/chat/completions');
  await expect.poll(logged).toHaveLength(2);
  expect(logged()).toMatchObject([{ status: 499 }, { status: 499 }]);
  await gateway.stop('SIGKILL');
});

test('GW10: a client that leaves between two tries is not worked for any longer', async () => {
  const limited: UpstreamScene = {
    kind: 'json',
    status: 429,
    headers: { 'retry-after': '1' },
    body: { error: { message: 'slow down' } },
  };
  await using upstream = await scriptedUpstream([limited]);
  await using spare = await scriptedUpstream([limited]);
  const gateway = await startGateway({
    yaml: [
      `upstreams: { main: { url: "${upstream.url}", model: x }, spare: { url: "${spare.url}", model: y } }`,
      'models: { default: [main, spare] }',
    ].join('\n'),
  });
  const leave = ask(gateway.url, false);
  await (await upstream.request(0)).over;
  leave.now();
  await expect.poll(() => gateway.log().filter(({ status }) => status === 499)).toHaveLength(1);
  // Longer than the wait that was announced.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await gateway.stop('SIGKILL');
  expect([upstream.requests.length, spare.requests.length]).toEqual([1, 0]);
});

/** A client on a connection of its own, which closes when it leaves. */
function ask(url: string, stream: boolean): { readonly now: () => void; readonly firstBytes: Promise<void> } {
  const client = request(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    agent: false,
  });
  const firstBytes = new Promise<void>((resolve) => {
    client.once('response', (response) => response.once('data', () => resolve()));
  });
  // Its own leaving is an error to it.
  client.on('error', () => undefined);
  client.end(JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], stream }));
  return { now: () => client.destroy(), firstBytes };
}
