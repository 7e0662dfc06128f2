/** The end of the gateway: SIGTERM, the wait before it, and what becomes of what is under way. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { chatAnswer, chatFrames, scriptedUpstream, type UpstreamScene } from 'ripstop/testing';
import { afterEach, expect, test } from 'vitest';
import { rawClient } from '../raw-client.js';
import { post, type RunningGateway, startGateway } from './harness.js';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

async function started(scenes: readonly UpstreamScene[], server: string) {
  const upstream = await scriptedUpstream(scenes);
  cleanUp.push(() => upstream.close());
  const yaml = [
    `server: { ${server} }`,
    `upstreams: { main: { url: "${upstream.url}", model: x } }`,
    'models: { default: [main] }',
  ].join('\n');
  const gateway = await startGateway({ yaml });
  cleanUp.push(() => gateway.stop('SIGKILL'));
  return { gateway, upstream, exited: once(gateway.child, 'exit') as Promise<[number | null, string | null]> };
}

const messages = [{ role: 'user', content: 'hi' }];
const ask = ({ url }: RunningGateway, fields: object = {}) =>
  post(`${url}/v1/chat/completions`, { messages, ...fields });
const statusOf = async ({ url }: RunningGateway, path: string): Promise<number> =>
  (await fetch(`${url}${path}`)).status;
const words = Array.from({ length: 20 }, (_, index) => `w${index} `);
const quick: UpstreamScene = { kind: 'json', body: chatAnswer('ok') };
const slowStream: UpstreamScene = { kind: 'sse', frames: chatFrames(words).flatMap((frame) => [frame, 100]) };
const endless: UpstreamScene = { kind: 'sse', frames: chatFrames(['one']).slice(0, 2), end: 'hang' };

test('GW23: after SIGTERM /readyz says 503 and all else goes on, then nothing new is accepted, and what runs ends well', async () => {
  const { gateway, upstream, exited } = await started([slowStream, quick], 'drainWait: 800ms');
  const streaming = ask(gateway, { stream: true });
  await upstream.request(0);
  expect(await statusOf(gateway, '/readyz')).toBe(200);
  gateway.child.kill('SIGTERM');
  await expect.poll(() => statusOf(gateway, '/readyz'), { interval: 20 }).toBe(503);
  expect(await statusOf(gateway, '/livez')).toBe(200);
  expect((await ask(gateway)).status).toBe(200);
  await pause(1_000);
  await expect(ask(gateway)).rejects.toThrow('fetch failed');
  const { text } = await streaming;
  expect(text).toContain('w19');
  expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  expect(await exited).toEqual([0, null]);
});

test('GW23: answers tell that their connection ends, on one that is kept alive too', async () => {
  const { gateway, upstream, exited } = await started([{ ...quick, delayMs: 600 }], 'drainWait: 1ms');
  const client = await rawClient(Number(new URL(gateway.url).port));
  const body = JSON.stringify({ messages });
  client.send(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await upstream.request(0);
  gateway.child.kill('SIGTERM');
  const answer = (await client.until('"ok"')).toLowerCase();
  expect(answer).toContain('http/1.1 200');
  expect(answer).toContain('connection: close');
  client.socket.destroy();
  expect(await exited).toEqual([0, null]);
});

test('GW23: a stream that outlasts the drain ends in an error frame that says so, and without a [DONE]', async () => {
  const { gateway, upstream, exited } = await started([endless], 'drainWait: 1ms, drain: 300ms');
  const streaming = ask(gateway, { stream: true });
  await upstream.request(0);
  gateway.child.kill('SIGTERM');
  const { text } = await streaming;
  expect(text).toContain('"one"');
  expect(text).toContain('"reason":"draining"');
  expect(text).not.toContain('[DONE]');
  expect(await exited).toEqual([0, null]);
});

test('GW23: a second signal ends it now, and Ctrl-C waits for no load balancer', async () => {
  const twice = await started([endless], 'drainWait: 20s');
  const streaming = ask(twice.gateway, { stream: true }).catch(() => 'cut off');
  await twice.upstream.request(0);
  twice.gateway.child.kill('SIGTERM');
  await expect.poll(() => statusOf(twice.gateway, '/readyz'), { interval: 20 }).toBe(503);
  twice.gateway.child.kill('SIGTERM');
  expect(await twice.exited).toEqual([143, null]);
  expect(await streaming).toBe('cut off');

  const alone = await started([quick], 'drainWait: 20s');
  alone.gateway.child.kill('SIGINT');
  expect(await alone.exited).toEqual([0, null]);
});
