/** What holds for every endpoint of a model: who leaves takes his work along, and a deadline is one. */
import { request } from 'node:http';
import { type ScriptedUpstream, scriptedUpstream } from 'ripstop/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { over, said } from './endpoint-scenes.js';
import { post, type RunningGateway, startGateway } from './harness.js';

const requests: readonly (readonly [path: string, body: object])[] = [
  ['/generate_resilient', { prompt: 'Hi' }],
  ['/generate_resilient', { prompt: 'Hi', stream: true }],
  ['/adaptive_generate', { prompt: 'Hi' }],
  ['/adaptive_generate', { prompt: 'Hi', stream: true }],
  ['/generate_image', { prompt: 'Hi' }],
  ['/v1/completions', { prompt: 'Hi' }],
  ['/v1/completions', { prompt: 'Hi', stream: true }],
  ['/v1/embeddings', { input: 'Hi' }],
  ['/v1/images/generations', { prompt: 'Hi' }],
];

describe('while an upstream is silent', () => {
  let upstream: ScriptedUpstream;
  let gateway: RunningGateway;
  beforeAll(async () => {
    upstream = await scriptedUpstream([{ kind: 'hang' }]);
    gateway = await startGateway({
      yaml: [
        `upstreams: { main: { url: "${upstream.url}", model: x } }`,
        'models: { default: [main] }',
        'images: { default: [main] }',
      ].join('\n'),
    });
  });
  afterAll(async () => {
    await gateway.stop('SIGKILL');
    await upstream.close();
  });

  test.each(requests)('GW10: a client of %s that leaves takes its upstream request with it: %j', async (path, body) => {
    const count = upstream.requests.length;
    const client = request(`${gateway.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      agent: false,
    });
    // Its own leaving is an error to it.
    client.on('error', () => undefined);
    client.end(JSON.stringify(body));
    const arrived = await upstream.request(count);
    client.destroy();
    await arrived.over;
    expect(arrived.aborted).toBe(true);
  });

  test.each(requests)('X-Request-Timeout-Ms holds for %s: %j', async (path, body) => {
    const { status, text } = await post(`${gateway.url}${path}`, body, { 'x-request-timeout-ms': '150' });
    expect(status).toBe(504);
    expect(text).toContain('inference_timeout');
  });
});

test('GW10: a client that leaves a completion in mid-stream takes its upstream request with it', async () => {
  await using played = await over([{ kind: 'sse', frames: [said(' upon')], end: 'hang' }]);
  const leaving = new AbortController();
  const response = await fetch(`${played.gateway.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'Once', stream: true }),
    signal: leaving.signal,
  });
  await response.body?.getReader().read();
  leaving.abort();
  const asked = played.upstreams[0]?.requests[0];
  await asked?.over;
  expect(asked?.aborted).toBe(true);
});
