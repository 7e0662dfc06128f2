import { chatAnswer, chatFrames, type ScriptedUpstream, scriptedUpstream } from 'ripstop/testing';
import { openaiModel } from 'ripstop/models';
import { afterEach, expect, test } from 'vitest';
import { type UndiciTransport, undiciTransport } from './undici-transport.js';

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

async function upstreamAndTransport(
  scenes: Parameters<typeof scriptedUpstream>[0],
): Promise<{ upstream: ScriptedUpstream; transport: UndiciTransport['transport'] }> {
  const upstream = await scriptedUpstream(scenes);
  const { transport, close } = undiciTransport();
  cleanUp.push(() => upstream.close(), close);
  return { upstream, transport };
}

test('answers and streams of one upstream share a connection', async () => {
  const { upstream, transport } = await upstreamAndTransport([
    { kind: 'json', body: chatAnswer('one') },
    { kind: 'sse', frames: chatFrames(['t', 'wo']) },
    { kind: 'json', body: chatAnswer('three') },
  ]);
  const model = openaiModel({ url: upstream.url, model: 'x', transport });
  // A connection is free again one turn of the event loop after its answer.
  const freed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  expect((await model.generate('hi')).text).toBe('one');
  await freed();
  let text = '';
  for await (const delta of model.stream('hi')) text += delta.text ?? '';
  expect(text).toBe('two');
  await freed();
  expect((await model.generate('hi')).text).toBe('three');
  expect(upstream.requests.map(({ connection }) => connection)).toEqual([1, 1, 1]);
});

test.each(['before any header', 'in mid-stream'])('an abort %s reaches the upstream at once', async (phase) => {
  const { upstream, transport } = await upstreamAndTransport([
    phase === 'in mid-stream'
      ? { kind: 'sse', frames: chatFrames(['one']).slice(0, 2), end: 'hang' }
      : { kind: 'hang' },
  ]);
  const leaving = new AbortController();
  const reason = new Error('the caller left');
  const reading = (async () => {
    const model = openaiModel({ url: upstream.url, model: 'x', transport });
    for await (const _ of model.stream('hi', { signal: leaving.signal })) leaving.abort(reason);
  })();
  const request = await upstream.request(0);
  if (phase === 'before any header') leaving.abort(reason);
  await expect(reading).rejects.toBe(reason);
  await request.over;
  expect(request.aborted).toBe(true);
});

test('a connection that is refused is an unavailable upstream, and its address stays inside', async () => {
  const { upstream, transport } = await upstreamAndTransport([{ kind: 'hang' }]);
  await upstream.close();
  const failure = await openaiModel({ url: upstream.url, model: 'x', transport })
    .generate('hi')
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ errorType: 'upstream_unavailable', isRetryable: true });
  expect(JSON.stringify(failure)).not.toContain(String(upstream.port));
});
