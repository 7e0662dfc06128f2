import { afterEach, expect, test } from 'vitest';
import { ModelError } from '../errors/model-error.js';
import {
  chatAnswer,
  chatChunk,
  chatFrames,
  type ScriptedUpstream,
  scriptedUpstream,
  type UpstreamAnswer,
  type UpstreamFrame,
} from '../testing/scripted-upstream.js';
import { type OpenaiModel, type OpenaiTimeouts, openaiModel } from './openai-client.js';
import type { ChatRequest, Delta } from './text-model.js';

let server: ScriptedUpstream | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const role = chatChunk({ role: 'assistant', content: '' });
const says = (text: string): UpstreamFrame => chatChunk({ content: text });
const finish = chatChunk({}, 'stop');
const done = 'data: [DONE]\n\n';

async function modelOn(answer: UpstreamAnswer, timeouts: OpenaiTimeouts = {}): Promise<OpenaiModel> {
  server = await scriptedUpstream([answer]);
  return openaiModel({ url: server.url, model: 'gpt-x', timeouts });
}

interface Read {
  readonly deltas: readonly Delta[];
  readonly text: string;
  readonly finishReason: string | undefined;
  /** What the stream failed with, if it did. */
  readonly error: unknown;
  readonly ms: number;
}

async function read(model: OpenaiModel, input: string | ChatRequest = 'Hi', signal?: AbortSignal): Promise<Read> {
  const deltas: Delta[] = [];
  const before = performance.now();
  let error: unknown;
  try {
    for await (const delta of model.stream(input, { signal })) deltas.push(delta);
  } catch (failure) {
    error = failure;
  }
  const text = deltas.map((delta) => delta.text ?? '').join('');
  const { finishReason } = deltas.findLast((delta) => delta.finishReason !== undefined) ?? {};
  return { deltas, text, finishReason, error, ms: performance.now() - before };
}

async function stream(frames: readonly UpstreamFrame[], more: Partial<UpstreamAnswer> & object = {}): Promise<Read> {
  return read(await modelOn({ kind: 'sse', frames, ...more } as UpstreamAnswer));
}

test('a stream is text, a finish reason and usage, each with its raw chunk, and asks for the usage', async () => {
  const { deltas, text, finishReason, error } = await stream(chatFrames(['Hello', ' there', '!']));
  expect(error).toBeUndefined();
  expect(text).toBe('Hello there!');
  expect(finishReason).toBe('stop');
  expect(deltas.at(-1)?.usage).toEqual({ inputTokens: 5, outputTokens: 3 });
  expect(deltas.every(({ raw }) => raw?.['object'] === 'chat.completion.chunk')).toBe(true);
  expect(server?.requests[0]?.body).toMatchObject({
    model: 'gpt-x',
    stream: true,
    stream_options: { include_usage: true },
  });
  expect(server?.requests[0]?.headers.accept).toBe('text/event-stream');
});

test('reasoning and tool calls are deltas too', async () => {
  const call = [{ index: 0, id: '1', function: { name: 'f', arguments: '' } }];
  const frames = [
    role,
    chatChunk({ reasoning_content: 'hm' }),
    chatChunk({ tool_calls: call }),
    chatChunk({}, 'tool_calls'),
  ];
  const { deltas, finishReason, error } = await stream(frames);
  expect(error).toBeUndefined();
  expect(deltas.map(({ reasoning }) => reasoning).join('')).toBe('hm');
  expect(deltas[2]?.toolCalls).toEqual(call);
  expect(finishReason).toBe('tool_calls');
});

test('frames arrive whole however the network cuts them, with comments, other line ends and no space after data:', async () => {
  const wire = `: ping\r\n\r\ndata:${JSON.stringify(says('né 🙂'))}\r\n\r\ndata: ${JSON.stringify(finish)}\r\r`;
  const bytes = Buffer.from(wire);
  const pieces: UpstreamFrame[] = [];
  for (let at = 0; at < bytes.length; at += 9) pieces.push(bytes.subarray(at, at + 9), 1);
  expect(await stream(pieces)).toMatchObject({ text: 'né 🙂', finishReason: 'stop', error: undefined });
});

test('GW5: nothing is delivered before the first content, and then nothing is lost', async () => {
  const model = await modelOn({ kind: 'sse', frames: [role, ': ping\n\n', 150, says('a'), finish, done] });
  const before = performance.now();
  const deltas: Delta[] = [];
  let firstMs = 0;
  for await (const delta of model.stream('Hi')) {
    if (deltas.length === 0) firstMs = performance.now() - before;
    deltas.push(delta);
  }
  expect(firstMs).toBeGreaterThan(140);
  expect(deltas[0]?.raw).toEqual(role);
  expect(deltas.map(({ text }) => text)).toEqual([undefined, 'a', undefined]);
});

test('GW6: [DONE] is optional, and so is the end of the connection', async () => {
  expect(await stream([role, says('a'), finish])).toMatchObject({ text: 'a', finishReason: 'stop', error: undefined });
  await server?.close();

  const afterDone = await stream([role, says('a'), finish, done], { end: 'hang' });
  expect(afterDone).toMatchObject({ text: 'a', error: undefined });
  expect(afterDone.ms).toBeLessThan(900);
  await server?.close();

  const afterFinish = await stream([role, says('a'), finish], { end: 'hang' });
  expect(afterFinish).toMatchObject({ text: 'a', finishReason: 'stop', error: undefined });
  expect(afterFinish.ms).toBeLessThan(1_500);
  await server?.requests[0]?.over;
  expect(server?.requests[0]?.aborted).toBe(true);
});

test('GW6: what breaks after the finish breaks nothing', async () => {
  expect(await stream([says('a'), finish], { end: 'cut' })).toMatchObject({ text: 'a', error: undefined });
});

test('GW6: an end without a finish reason is a stream that was interrupted, [DONE] or not', async () => {
  for (const frames of [
    [role, says('a')],
    [role, says('a'), done],
  ]) {
    const { text, error } = await stream(frames);
    expect(text).toBe('a');
    expect(error).toMatchObject({ errorType: 'stream_interrupted', isRetryable: true });
    await server?.close();
  }
});

test('a connection that breaks after content is a stream that was interrupted, with the network’s error beneath', async () => {
  const { text, error } = await stream([role, says('a'), says('b')], { end: 'cut' });
  expect(text).toBe('ab');
  expect(error).toMatchObject({ errorType: 'stream_interrupted', cause: { errorType: 'upstream_unavailable' } });
});

test('GW5: whatever fails before the first content fails as it is, before the first delta', async () => {
  const overloaded = 'data: {"error":{"message":"The engine is currently overloaded","type":"server_error"}}\n\n';
  const cases: readonly (readonly [readonly UpstreamFrame[], object, string])[] = [
    [[overloaded], {}, 'model_overloaded'],
    [[`event: error\n${overloaded}`], {}, 'model_overloaded'],
    [[role, '{"error":"infra_overload","detail":"no capacity"}\n'], {}, 'model_overloaded'],
    [[role], { end: 'cut' }, 'upstream_unavailable'],
    [[role], {}, 'invalid_response'],
    [[], {}, 'invalid_response'],
    [[done], {}, 'invalid_response'],
    [[role, finish, done], {}, 'invalid_response'],
    [[role, chatChunk({}, 'content_filter'), done], {}, 'content_filtered'],
  ];
  for (const [frames, end, errorType] of cases) {
    const { deltas, error } = await stream(frames, end);
    expect([errorType, error]).toMatchObject([errorType, { errorType }]);
    expect(deltas).toEqual([]);
    await server?.close();
  }
});

test('an error in mid-stream, in whatever shape, interrupts the stream and is its cause', async () => {
  const error = { message: 'The engine is currently overloaded' };
  for (const frame of [
    { error },
    'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
    '{"error":"infra_overload","detail":"The engine is currently overloaded"}\n',
    { ...chatChunk({}), choices: [{ index: 0, delta: {}, finish_reason: 'error' }], error },
    { ...chatChunk({}), choices: [{ index: 0, delta: {}, finish_reason: null, error }] },
  ]) {
    const read = await stream([role, says('a'), frame, done]);
    expect(read.text).toBe('a');
    expect(read.error).toMatchObject({ errorType: 'stream_interrupted', cause: { errorType: 'model_overloaded' } });
    expect(JSON.stringify(read.error)).not.toContain(String(server?.port));
    await server?.close();
  }
});

test('GW6: one frame that cannot be read is dropped, three in a row are an invalid response', async () => {
  const bad = 'data: {"choices":[{"del\n\n';
  const dropped = await stream([role, says('a'), bad, bad, says('b'), bad, finish, done]);
  expect(dropped).toMatchObject({ text: 'ab', finishReason: 'stop', error: undefined });
  await server?.close();

  for (const frames of [
    [bad, bad, bad],
    [role, says('a'), bad, bad, bad, says('b'), finish],
  ]) {
    expect((await stream(frames)).error).toMatchObject({ errorType: 'invalid_response' });
    await server?.close();
  }
});

test('frames of another dialect are no answer and no error', async () => {
  const frames = [{ type: 'ping' }, role, { usage: { prompt_tokens: 1 } }, says('a'), { type: 'ping' }, finish, done];
  expect(await stream(frames)).toMatchObject({ text: 'a', error: undefined });
});

test('of several choices asked for, all must finish', async () => {
  const choice = (index: number, delta: object, reason: string | null = null): object => {
    return { ...chatChunk({}), choices: [{ index, delta, finish_reason: reason }] };
  };
  const frames = [choice(0, { content: 'a' }), choice(1, { content: 'b' }), choice(1, {}, 'length')];
  const input = { messages: [], n: 2 };
  const whole = await read(await modelOn({ kind: 'sse', frames: [...frames, choice(0, {}, 'stop'), done] }), input);
  expect(whole).toMatchObject({ finishReason: 'stop', error: undefined });
  await server?.close();
  const half = await read(await modelOn({ kind: 'sse', frames: [...frames, done] }), input);
  expect(half.error).toMatchObject({ errorType: 'stream_interrupted' });
});

test('a whole answer to a request for a stream is a stream of one', async () => {
  const { deltas, text, finishReason, error } = await read(
    await modelOn({ kind: 'json', body: chatAnswer('all of it') }),
  );
  expect(error).toBeUndefined();
  expect(deltas).toHaveLength(1);
  expect({ text, finishReason }).toEqual({ text: 'all of it', finishReason: 'stop' });
  expect(deltas[0]?.raw).toMatchObject({
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { content: 'all of it' }, finish_reason: 'stop' }],
  });
});

test('GW25: silence, or only roles and comments, ends at firstContentMs, headers or none', async () => {
  const chatter = Array.from({ length: 40 }, () => [role, ': ping\n\n', 10]).flat();
  const scenes: UpstreamAnswer[] = [
    { kind: 'hang' },
    { kind: 'sse', frames: [], end: 'hang' },
    { kind: 'sse', frames: chatter, end: 'hang' },
  ];
  for (const scene of scenes) {
    const { error, deltas, ms } = await read(await modelOn(scene, { firstContentMs: 120, headersMs: 10 }));
    expect(error).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'first_content' } });
    expect(deltas).toEqual([]);
    expect(ms).toBeLessThan(600);
    await server?.requests[0]?.over;
    expect(server?.requests[0]?.aborted).toBe(true);
    await server?.close();
  }
});

test('GW25: silence after content ends at gapMs', async () => {
  const { error, text } = await read(
    await modelOn({ kind: 'sse', frames: [role, says('a')], end: 'hang' }, { gapMs: 80 }),
  );
  expect(text).toBe('a');
  expect(error).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'gap' } });
  await server?.requests[0]?.over;
  expect(server?.requests[0]?.aborted).toBe(true);
});

test('GW10: an abort in mid-stream closes the connection within 100 ms, and its reason passes through', async () => {
  const model = await modelOn({ kind: 'sse', frames: [role, says('a')], end: 'hang' });
  const controller = new AbortController();
  const deltas = model.stream('Hi', { signal: controller.signal });
  await deltas.next();
  await deltas.next();
  const waiting = deltas.next();
  const before = performance.now();
  controller.abort('stop');
  await expect(waiting).rejects.toBe('stop');
  await server?.requests[0]?.over;
  expect(performance.now() - before).toBeLessThan(100);
  expect(server?.requests[0]?.aborted).toBe(true);
});

test('GW10: a reader who leaves in mid-stream closes the connection within 100 ms', async () => {
  const model = await modelOn({ kind: 'sse', frames: [says('a'), says('b')], end: 'hang' });
  for await (const delta of model.stream('Hi')) {
    expect(delta.text).toBe('a');
    break;
  }
  const before = performance.now();
  await server?.requests[0]?.over;
  expect(performance.now() - before).toBeLessThan(100);
  expect(server?.requests[0]?.aborted).toBe(true);
});

test('errors of a stream are ModelErrors, one and all', async () => {
  const { error } = await stream([says('a')], { end: 'cut' });
  expect(ModelError.isInstance(error)).toBe(true);
});
