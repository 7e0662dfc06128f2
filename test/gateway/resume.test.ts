/** Streams that break off, over sockets: what a client of the gateway gets of two upstreams' answers. */
import OpenAI from 'openai';
import { chatChunk, chatFrames, type ScriptedUpstream, scriptedUpstream, type UpstreamScene } from 'ripstop/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, type RunningGateway, startGateway } from './harness.js';

/** Letters of one, two and four bytes. */
const words = Array.from({ length: 60 }, (_, index) => `wörd${index} \u{1F600}${index === 59 ? '.' : ' '}`);
const canonical = words.join('');

const good: UpstreamScene = { kind: 'sse', frames: chatFrames(words) };
const breaking = (pieces: number, end: 'cut' | 'close' | 'hang' = 'cut'): UpstreamScene => {
  const frames = [chatChunk({ role: 'assistant', content: '' }), ...words.map((content) => chatChunk({ content }))];
  return { kind: 'sse', frames: frames.slice(0, pieces + 1), end };
};
const refusal: UpstreamScene = {
  kind: 'json',
  status: 400,
  body: { error: { message: 'prefill is not supported here', type: 'invalid_request_error' } },
};
/** Says the rest of what it is given, and everything where it is given nothing. */
const goesOn: UpstreamScene = ({ body }) => {
  const last = (body as { messages: { role: string; content: string }[] }).messages.at(-1);
  const given = last?.role === 'assistant' ? last.content : '';
  return { kind: 'sse', frames: chatFrames([canonical.slice(given.length)]) };
};
/** The same text, in pieces that end elsewhere. */
const otherPieces: UpstreamScene = { kind: 'sse', frames: chatFrames(canonical.match(/.{1,7}/gsu) ?? []) };
const different: UpstreamScene = { kind: 'sse', frames: chatFrames([canonical.slice(0, 100), 'SOMETHING ELSE']) };
const inBand: UpstreamScene = {
  kind: 'sse',
  frames: [...words.slice(0, 40).map((content) => chatChunk({ content })), { error: { message: 'boom', code: 500 } }],
};

interface Cast {
  readonly main: readonly UpstreamScene[];
  readonly spare?: readonly UpstreamScene[];
  readonly prefill?: boolean;
  readonly settings?: string;
}

/** One model a test, each with upstreams of its own. */
const casts = {
  prefill: { main: [breaking(40)], spare: [goesOn], prefill: true },
  restart: { main: [breaking(40)], spare: [otherPieces] },
  refusing: { main: [breaking(40)], spare: [refusal, good], prefill: true },
  overlooking: { main: [breaking(40)], spare: [otherPieces], prefill: true },
  diverging: { main: [breaking(40)], spare: [different] },
  tools: { main: [breaking(40)], spare: [good] },
  off: { main: [breaking(40)], spare: [good], settings: 'resume: false' },
  alone: { main: [breaking(40), good] },
  stalling: { main: [breaking(20, 'hang')], spare: [good], settings: 'timeouts: { gap: 300ms }' },
  early: { main: [breaking(20, 'close')], spare: [good] },
  inBand: { main: [inBand], spare: [good] },
  native: { main: [breaking(40)], spare: [goesOn], prefill: true },
  nativeDiverging: { main: [breaking(40)], spare: [different] },
  leaving: { main: [breaking(40)], spare: [{ kind: 'hang' }] },
  leavingLate: { main: [breaking(40)], spare: [breaking(50, 'hang')] },
} satisfies Record<string, Cast>;
type Name = keyof typeof casts;

const upstreams = new Map<string, ScriptedUpstream>();
let gateway: RunningGateway;

beforeAll(async () => {
  const lines: string[] = ['upstreams:'];
  const models: string[] = ['models:'];
  for (const [name, cast] of Object.entries<Cast>(casts)) {
    const main = await scriptedUpstream(cast.main);
    upstreams.set(`${name}-main`, main);
    lines.push(`  ${name}-main: { url: "${main.url}", model: gpt-x }`);
    const chain = [`${name}-main`];
    if (cast.spare !== undefined) {
      const spare = await scriptedUpstream(cast.spare);
      upstreams.set(`${name}-spare`, spare);
      lines.push(`  ${name}-spare: { url: "${spare.url}", model: gpt-y, prefill: ${cast.prefill === true} }`);
      chain.push(`${name}-spare`);
    }
    models.push(`  ${name}: { chain: [${chain.join(', ')}], ${cast.settings ?? 'resume: true'} }`);
  }
  gateway = await startGateway({ yaml: `${[...lines, ...models].join('\n')}\n` });
});

afterAll(async () => {
  await gateway.stop();
  await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
});

interface Seen {
  readonly text: string;
  readonly chunks: readonly Record<string, unknown>[];
  readonly done: boolean;
  readonly raw: string;
}

async function stream(model: Name, fields: object = {}): Promise<Seen> {
  const body = {
    model,
    messages: [{ role: 'user', content: 'Hi' }],
    stream: true,
    stream_options: { include_usage: true },
    ...fields,
  };
  const { text: raw } = await post(`${gateway.url}/v1/chat/completions`, body, {
    'x-correlation-id': `resume-${model}`,
  });
  const data = raw.split('\n\n').flatMap((event) => (event.startsWith('data: ') ? [event.slice(6)] : []));
  const chunks = data.filter((text) => text !== '[DONE]').map((text) => JSON.parse(text) as Record<string, unknown>);
  const text = chunks.map((chunk) => contentOf(chunk)).join('');
  return { text, chunks, done: data.includes('[DONE]'), raw };
}

function contentOf({ choices }: Record<string, unknown>): string {
  return (choices as { delta: { content?: string } }[])[0]?.delta.content ?? '';
}

const asked = (name: string): number => upstreams.get(name)?.requests.length ?? 0;

test('S08 GW7: a stream cut after 40 of 60 words is said to its end from the text that was sent', async () => {
  const { text, chunks, done } = await stream('prefill');
  expect(text).toBe(canonical);
  expect(done).toBe(true);
  expect(upstreams.get('prefill-spare')?.requests[0]?.body).toMatchObject({
    messages: [{ role: 'user' }, { role: 'assistant', content: words.slice(0, 40).join('') }],
  });
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  expect([...new Set(chunks.map(({ model }) => model))]).toEqual(['prefill-main', 'prefill-spare']);
});

test('GW7: the usage is the sum of both parts, and tells how it is split', async () => {
  const { chunks } = await stream('restart');
  const [last] = chunks.filter(({ usage }) => usage !== undefined && usage !== null);
  const { usage, x_resilience: split } = last as unknown as {
    usage: Record<string, number>;
    x_resilience: { attempts: Record<string, number>[] };
  };
  expect(split.attempts).toMatchObject([
    { model: 'restart-main', completion_tokens: 40, estimated: true },
    { model: 'restart-spare', prompt_tokens: 5 },
  ]);
  for (const field of ['prompt_tokens', 'completion_tokens', 'total_tokens']) {
    expect(usage[field]).toBe(split.attempts.reduce((sum, attempt) => sum + (attempt[field] ?? 0), 0));
  }
});

test('GW7: without prefill the second answer is cut where the first ended, whatever its pieces', async () => {
  const { text, done } = await stream('restart');
  expect([text, done]).toEqual([canonical, true]);
});

test('S14 GW7: a refused prefill leads to a restart, and the client sees nothing of it', async () => {
  const { text, done, raw } = await stream('refusing');
  expect([text, done]).toEqual([canonical, true]);
  expect(raw).not.toMatch(/prefill|invalid|error/);
  expect(asked('refusing-spare')).toBe(2);
});

test('GW7: an upstream that says it can go on and begins anew makes no word come twice', async () => {
  const { text, done } = await stream('overlooking');
  expect([text, done]).toEqual([canonical, true]);
});

test('GW7 GW8: at the first difference the stream ends in an error frame, without [DONE] and without a made-up finish', async () => {
  const { text, chunks, done, raw } = await stream('diverging');
  expect(text).toBe(words.slice(0, 40).join(''));
  expect(done).toBe(false);
  expect(raw).not.toContain('SOMETHING ELSE');
  expect(chunks.at(-1)).toMatchObject({
    id: chunks[0]?.['id'],
    choices: [{ index: 0, delta: {}, finish_reason: 'error' }],
    error: {
      type: 'stream_interrupted',
      is_retryable: true,
      tokens_sent: 40,
      attempts: [{ model: 'diverging-main', error_type: 'stream_interrupted' }],
    },
  });
});

test.each([
  ['tools', { tools: [{ type: 'function', function: { name: 'f' } }] }],
  ['tools', { response_format: { type: 'json_object' } }],
  ['off', {}],
] as const)(
  'GW8: where nothing is resumed (%s %j) the error frame ends the stream, and nobody else is asked',
  async (model, fields) => {
    const { text, chunks, done } = await stream(model, fields);
    expect([text, done]).toEqual([words.slice(0, 40).join(''), false]);
    expect(chunks.at(-1)).toMatchObject({ error: { type: 'stream_interrupted', tokens_sent: 40 } });
    expect(asked(`${model}-spare`)).toBe(0);
  },
);

test('GW7: with one upstream in the chain, that one is asked again', async () => {
  const { text, done } = await stream('alone');
  expect([text, done, asked('alone-main')]).toEqual([canonical, true, 2]);
});

test.each([
  ['S09 GW7: silence in mid-answer', 'stalling'],
  ['GW6 GW7: an end without a finish reason', 'early'],
  ['GW7: an error frame in mid-answer', 'inBand'],
] as const)('%s is resumed like a cut', async (_, model) => {
  const { text, done } = await stream(model);
  expect([text, done]).toEqual([canonical, true]);
});

test('GW7: the openai package reads a resumed stream like any other', async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const completion = await client.chat.completions
    .stream({ model: 'restart', messages: [{ role: 'user', content: 'Hi' }] })
    .finalChatCompletion();
  expect(completion.choices[0]?.message.content).toBe(canonical);
});

test('GW7: the guide’s own stream is resumed as well, and its log line names who ended it', async () => {
  const { text } = await post(
    `${gateway.url}/generate`,
    { prompt: 'Hi', stream: true, model: 'native' },
    { 'x-correlation-id': 'resume-native' },
  );
  const events = text.split('\n\n').flatMap((event) => (event.startsWith('data: ') ? [event.slice(6)] : []));
  const deltas = events.map((event) => JSON.parse(event) as { delta?: string; done?: boolean });
  expect(deltas.map(({ delta = '' }) => delta).join('')).toBe(canonical);
  expect(deltas.at(-1)).toMatchObject({ done: true, success: true });
  const line = (): unknown => gateway.log().find(({ id }) => id === 'resume-native');
  await expect.poll(line).toMatchObject({ model: 'native-spare', attempts: 2, fallback: true, status: 200 });
});

test('GW7 GW8: the guide’s own stream ends in its error where the answers differ', async () => {
  const { text } = await post(`${gateway.url}/generate`, { prompt: 'Hi', stream: true, model: 'nativeDiverging' });
  expect(text).toContain('event: error');
  expect(text).toContain('"error_type":"stream_interrupted"');
  expect(text).not.toContain('"done"');
});

test.each([
  ['while the next upstream is asked', 'leaving', 40],
  ['while the next upstream speaks', 'leavingLate', 50],
] as const)('GW10: a client that leaves %s ends that request at once', async (_, model, pieces) => {
  const client = new AbortController();
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hi' }] }),
    signal: client.signal,
  });
  expect(response.status).toBe(200);
  const request = await upstreams.get(`${model}-spare`)?.request(0);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; !text.includes(`wörd${pieces - 1} `); ) {
    const step = await reader?.read();
    if (step?.done !== false) expect.unreachable('the stream should still be open');
    else text += step.value;
  }
  client.abort();
  await request?.over;
  expect(request?.aborted).toBe(true);
});
