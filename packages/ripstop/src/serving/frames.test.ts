import { describe, expect, test } from 'vitest';
import { ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import { StreamInterruptedError } from '../errors/upstream-errors.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { Frames, type FramesEnd, type FramesOptions } from './frames.js';

interface Setup {
  readonly frames: Frames;
  readonly ends: FramesEnd[];
  readonly failures: unknown[];
  readonly runtime: VirtualRuntime;
}

async function framesOf(source: AsyncIterator<unknown>, options: Partial<FramesOptions> = {}): Promise<Setup> {
  const runtime = virtualRuntime();
  const ends: FramesEnd[] = [];
  const failures: unknown[] = [];
  const frames = new Frames(source, await source.next(), {
    framing: 'sse',
    dialect: 'native',
    heartbeatMs: 10_000,
    streamErrors: 'frame',
    clock: runtime.clock,
    failed: (error) => {
      failures.push(error);
      return ModelError.isInstance(error) ? error : new StreamInterruptedError(undefined, { cause: error });
    },
    ended: (end) => ends.push(end),
    ...options,
  });
  return { frames, ends, failures, runtime };
}

async function textOf(frames: AsyncIterable<string | Uint8Array>): Promise<string> {
  let text = '';
  for await (const frame of frames) text += typeof frame === 'string' ? frame : new TextDecoder().decode(frame);
  return text;
}

async function* items(...values: unknown[]): AsyncGenerator {
  for (const value of values) yield value;
}

describe('framing', () => {
  test('SSE: one JSON value per event, line ends in text escaped', async () => {
    const { frames, ends } = await framesOf(items({ delta: 'a\n\nb\r' }, { done: true }));
    expect(await textOf(frames)).toBe('data: {"delta":"a\\n\\nb\\r"}\n\ndata: {"done":true}\n\n');
    expect(ends).toEqual([{ kind: 'completed' }]);
  });

  test('NDJSON: one JSON value per line', async () => {
    const { frames } = await framesOf(items({ a: 1 }, null, undefined, 'x'), { framing: 'ndjson' });
    expect(await textOf(frames)).toBe('{"a":1}\nnull\nnull\n"x"\n');
  });

  test('OpenAI: [DONE] at the end, and only there', async () => {
    const { frames } = await framesOf(items({ id: 1 }), { dialect: 'openai' });
    expect(await textOf(frames)).toBe('data: {"id":1}\n\ndata: [DONE]\n\n');
    const empty = await framesOf(items(), { dialect: 'openai' });
    expect(await textOf(empty.frames)).toBe('data: [DONE]\n\n');
  });

  test('bytes are sent as they are', async () => {
    const { frames } = await framesOf(items(new TextEncoder().encode('event: x\ndata: 1\n\n'), { a: 1 }));
    expect(await textOf(frames)).toBe('event: x\ndata: 1\n\ndata: {"a":1}\n\n');
  });
});

describe('D63: a source that breaks', () => {
  async function* breaking(error: unknown): AsyncGenerator {
    yield { id: 'c', object: 'chat.completion.chunk', model: 'm' };
    throw error;
  }

  test('ends in an error frame of the dialect, without [DONE]', async () => {
    const native = await framesOf(breaking(new StreamInterruptedError()));
    expect(await textOf(native.frames)).toMatch(/\n\nevent: error\ndata: \{.*"stream_interrupted".*\}\n\n$/);
    const openai = await framesOf(breaking(new StreamInterruptedError()), { dialect: 'openai' });
    const text = await textOf(openai.frames);
    expect(text).toContain('"finish_reason":"error"');
    expect(text).toContain('"id":"c"');
    expect(text).not.toContain('[DONE]');
    expect(openai.ends).toMatchObject([{ kind: 'failed', error: { errorType: 'stream_interrupted' } }]);
  });

  test('is told to stop, also when it is our own framing that failed', async () => {
    let stopped = false;
    async function* source(): AsyncGenerator {
      try {
        yield 'fine';
        yield 1n;
      } finally {
        stopped = true;
      }
    }
    const { frames, ends } = await framesOf(source());
    expect(await textOf(frames)).toContain('event: error');
    expect(stopped).toBe(true);
    expect(ends).toMatchObject([{ kind: 'failed' }]);
  });

  test('D64: because the client left sends nothing more', async () => {
    const { frames, ends } = await framesOf(breaking(new CancelledError()), { dialect: 'openai' });
    expect(await textOf(frames)).not.toMatch(/error|DONE/);
    expect(ends).toMatchObject([{ kind: 'failed', error: { errorType: 'cancelled' } }]);
  });
});

describe('heartbeats', () => {
  function slow(runtime: () => VirtualRuntime, delayMs: number): AsyncGenerator {
    return (async function* () {
      yield 1;
      await new Promise<void>((resolve) => runtime().clock.after(delayMs, resolve));
      yield 2;
    })();
  }

  test('a comment comes after every ten silent seconds, between events', async () => {
    let runtime = virtualRuntime();
    const setup = await framesOf(slow(() => runtime, 25_000));
    runtime = setup.runtime;
    const text = textOf(setup.frames);
    await runtime.clock.advance(30_000);
    expect(await text).toBe('data: 1\n\n: ping\n\n: ping\n\ndata: 2\n\n');
    expect(runtime.clock.pending).toBe(0);
  });

  test('NDJSON has none, and none are sent where they are switched off', async () => {
    for (const options of [{ framing: 'ndjson' }, { heartbeatMs: Number.POSITIVE_INFINITY }] as const) {
      let runtime = virtualRuntime();
      const setup = await framesOf(
        slow(() => runtime, 25_000),
        options,
      );
      runtime = setup.runtime;
      const text = textOf(setup.frames);
      await runtime.clock.advance(30_000);
      expect(await text).not.toContain('ping');
    }
  });
});

describe('a reader that leaves', () => {
  test('stops the source, between two items and in the middle of one', async () => {
    let stopped = 0;
    async function* source(hang: Promise<void>): AsyncGenerator {
      try {
        yield 1;
        await hang;
        yield 2;
      } finally {
        stopped += 1;
      }
    }
    const between = await framesOf(source(Promise.resolve()));
    await between.frames.next();
    await between.frames.return();
    await new Promise(setImmediate);
    expect(stopped).toBe(1);

    let release = (): void => undefined;
    const hung = await framesOf(source(new Promise((resolve) => (release = resolve))));
    await hung.frames.next();
    const waiting = hung.frames.next();
    expect(await hung.frames.return()).toEqual({ done: true, value: undefined });
    release();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await new Promise(setImmediate);
    expect(stopped).toBe(2);
    expect(hung.ends).toEqual([{ kind: 'returned' }]);
  });

  test('before the first frame still ends the stream, once', async () => {
    const { frames, ends } = await framesOf(items(1, 2));
    await frames.return();
    await frames.return();
    expect(await frames.next()).toEqual({ done: true, value: undefined });
    expect(ends).toEqual([{ kind: 'returned' }]);
  });

  test('a source that cannot stop cleanly says so to the handler of errors, and to nobody else', async () => {
    const source: AsyncIterator<unknown> = {
      next: () => Promise.resolve({ done: false, value: 1 }),
      return: () => Promise.reject(new Error('cannot close')),
    };
    const { frames, failures } = await framesOf(source);
    await frames.next();
    await frames.return();
    await new Promise(setImmediate);
    expect(failures).toMatchObject([{ message: 'cannot close' }]);
  });
});

test('a slow reader slows the source down: nothing is read ahead', async () => {
  let produced = 0;
  async function* source(): AsyncGenerator {
    for (;;) yield (produced += 1);
  }
  const { frames } = await framesOf(source());
  for (let read = 0; read < 3; read += 1) await frames.next();
  await new Promise(setImmediate);
  expect(produced).toBe(3);
  await frames.return();
});

test('a broken stream may break its connection as well, once the frame that says so is on its way', async () => {
  const broken = async function* (): AsyncGenerator {
    yield { delta: 'a' };
    throw new StreamInterruptedError();
  };
  const { frames, ends, runtime } = await framesOf(broken(), { streamErrors: 'frame_and_break' });
  await frames.next();
  expect((await frames.next()).value).toContain('event: error');
  const last = frames.next().catch((error: unknown) => error);
  await runtime.clock.advance(10);
  expect(await last).toBeInstanceOf(CancelledError);
  expect(await frames.next()).toEqual({ done: true, value: undefined });
  expect(ends).toMatchObject([{ kind: 'failed', error: { errorType: 'stream_interrupted' } }]);

  const left = await framesOf(broken(), { streamErrors: 'frame_and_break' });
  for (let read = 0; read < 2; read += 1) await left.frames.next();
  await left.frames.return();
  expect(await left.frames.next()).toEqual({ done: true, value: undefined });
  expect(left.ends).toHaveLength(1);
  expect(left.runtime.clock.pending).toBe(0);
});
