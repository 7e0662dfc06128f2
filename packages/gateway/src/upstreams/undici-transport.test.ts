import { chatAnswer, chatFrames, type ScriptedUpstream, scriptedUpstream } from 'ripstop/testing';
import { createServer, type AddressInfo, type Socket } from 'node:net';
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

test.each([
  ['closed', (socket: Socket) => socket.end()],
  ['reset', (socket: Socket) => socket.resetAndDestroy()],
])(
  'a connection that was used before and is %s under a request costs one more try, which nobody sees',
  async (_, lose) => {
    const answer = JSON.stringify(chatAnswer('fine'));
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}\r\n\r\n`;
    const requests: number[] = [];
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      const connection = connections;
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        if (!data.toString().includes('POST')) return;
        requests.push(connection);
        const isFirst = requests.filter((one) => one === connection).length === 1;
        if (connection < 3 && isFirst) socket.write(head + answer);
        else lose(socket);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { transport, close } = undiciTransport();
    cleanUp.push(() => new Promise((resolve) => server.close(() => resolve())), close);
    const { port } = server.address() as AddressInfo;
    const model = openaiModel({ url: `http://127.0.0.1:${port}/v1`, model: 'x', transport });
    const freed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    for (let call = 0; call < 2; call += 1) {
      expect((await model.generate('hi')).text).toBe('fine');
      await freed();
    }
    expect(requests).toEqual([1, 1, 2]);
    // The next one is lost twice: on the used connection, which is free, and on a new one, which is a failure.
    await expect(model.generate('hi')).rejects.toMatchObject({ errorType: 'upstream_unavailable' });
    expect(requests).toEqual([1, 1, 2, 2, 3]);
  },
);
