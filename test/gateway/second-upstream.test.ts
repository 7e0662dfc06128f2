/** What may be asked of a second upstream, and how a stream may end, over sockets. */
import { chatAnswer, chatFrames, type ScriptedUpstream, scriptedUpstream, type UpstreamScene } from 'ripstop/testing';
import { afterEach, expect, test } from 'vitest';
import { rawClient } from '../raw-client.js';
import { post, type RunningGateway, startGateway } from './harness.js';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUp.splice(0).toReversed()) await end();
});

interface Setting {
  readonly main: readonly UpstreamScene[];
  readonly spare?: readonly UpstreamScene[];
  /** Further keys of the first upstream, of the model, and of the server. */
  readonly upstream?: string;
  readonly model?: string;
  readonly server?: string;
}

interface House {
  readonly gateway: RunningGateway;
  readonly main: ScriptedUpstream;
  readonly spare: ScriptedUpstream;
}

const whole: UpstreamScene = { kind: 'json', body: chatAnswer('ok') };

async function house({ main, spare = [whole], upstream = '', model = '', server = '' }: Setting): Promise<House> {
  const [first, second] = [await scriptedUpstream(main), await scriptedUpstream(spare)];
  const gateway = await startGateway({
    yaml: `
server: { ${server} }
upstreams:
  main: { url: "${first.url}", model: x, ${upstream} }
  spare: { url: "${second.url}", model: y }
models: { default: { chain: [main, spare], ${model} } }`,
  });
  cleanUp.push(
    () => first.close(),
    () => second.close(),
    () => gateway.stop('SIGKILL'),
  );
  return { gateway, main: first, spare: second };
}

const messages = [{ role: 'user', content: 'hi' }];
const ask = ({ gateway }: House, fields: object = {}) =>
  post(`${gateway.url}/v1/chat/completions`, { messages, ...fields });
const quick: UpstreamScene = { kind: 'sse', frames: chatFrames(['quick']) };
const late = (ms: number): UpstreamScene => ({ kind: 'sse', frames: chatFrames(['late']), delayMs: ms });

test('GW18: with hedging on, a stream that is late is asked of the next upstream too, and the first is let go', async () => {
  const scenes = [...Array<UpstreamScene>(20).fill(quick), { kind: 'hang' } as const];
  const hedged = await house({ main: scenes, spare: [late(20)], model: 'hedge: { after: 150ms }' });
  for (let call = 0; call < 20; call += 1) {
    expect((await ask(hedged, { stream: true })).headers.get('x-ripstop-model')).toBe('main');
  }
  const startedAt = performance.now();
  const { text, headers } = await ask(hedged, { stream: true });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(text).toContain('late');
  const names = ['x-ripstop-model', 'x-ripstop-attempts', 'x-ripstop-fallback'];
  expect(names.map((name) => headers.get(name))).toEqual(['spare', '2', 'true']);
  await expect.poll(() => hedged.main.open, { timeout: 2_000 }).toBe(0);
  expect(hedged.spare.requests).toHaveLength(1);
});

test('GW18: it is off unless it is asked for', async () => {
  const plain = await house({ main: [...Array<UpstreamScene>(20).fill(quick), late(600)], spare: [quick] });
  for (let call = 0; call < 21; call += 1) {
    expect((await ask(plain, { stream: true })).headers.get('x-ripstop-model')).toBe('main');
  }
  expect(plain.spare.requests).toHaveLength(0);
});

test('GW25: one upstream may have longer for its first content than the others', async () => {
  const timeouts = 'timeouts: { firstContent: 150ms }';
  const own = await house({ main: [late(500)], upstream: 'firstContent: 5s', model: timeouts });
  expect((await ask(own, { stream: true })).headers.get('x-ripstop-model')).toBe('main');
  const usual = await house({ main: [late(2_000)], spare: [quick], model: timeouts });
  expect((await ask(usual, { stream: true })).headers.get('x-ripstop-model')).toBe('spare');
});

test('after a refusal of a safety filter the next upstream is asked only where that is configured', async () => {
  const body = { error: { message: 'Refused by the content filter', code: 'content_filter' } };
  const refusal: UpstreamScene = { kind: 'json', status: 400, body };
  const stops = await ask(await house({ main: [refusal] }));
  expect([stops.status, stops.body['error']]).toMatchObject([400, { error_type: 'content_filtered' }]);
  const next = await ask(await house({ main: [refusal], model: 'whenFiltered: next' }));
  expect([next.status, next.headers.get('x-ripstop-model')]).toEqual([200, 'spare']);
});

test.each([
  ['breaks its connection where that is configured', 'streamErrorAbort: true', false],
  ['ends like any other unless that is configured', '', true],
])('GW8: after its error frame a stream %s', async (_, server, complete) => {
  const cut: UpstreamScene = { kind: 'sse', frames: chatFrames(['one', 'two']).slice(0, 2), end: 'cut' };
  const { gateway } = await house({ main: [cut], server, model: 'resume: false' });
  const client = await rawClient(Number(new URL(gateway.url).port));
  const body = JSON.stringify({ messages, stream: true });
  client.send(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const text = await client.until();
  expect(text).toContain('"type":"stream_interrupted"');
  // The last chunk of HTTP/1.1: without it the answer is known to be broken off.
  expect(text.endsWith('\r\n0\r\n\r\n')).toBe(complete);
  client.socket.destroy();
  await gateway.stop();
  // The broken connection is our own doing, and no second failure.
  const types = gateway.log().flatMap(({ msg, error_type: type }) => (msg === 'request' ? [type] : []));
  expect(types).toEqual(['stream_interrupted']);
  expect(gateway.log().map(({ error_type: type }) => type)).not.toContain('cancelled');
});
