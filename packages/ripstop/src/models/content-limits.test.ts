import { expect, test } from 'vitest';
import { createContext } from '../call/root-scope.js';
import { scriptedModel, type ScriptedScene } from '../testing/scripted-model.js';
import { virtualRuntime, type VirtualRuntime } from '../testing/virtual-runtime.js';
import { assertContentLimits, isContent } from './content-limits.js';
import { LimitedContent } from './limited-content.js';
import type { Delta } from './text-model.js';

const limits = { firstContentMs: 10_000, gapMs: 5_000 };

interface Watched {
  readonly seen: Delta[];
  /** `undefined` once the stream has ended well, its error when it has failed. */
  readonly outcome: Promise<unknown>;
  readonly reason: () => unknown;
}

function watch(runtime: VirtualRuntime, scene: ScriptedScene, readerMs = 0, minRate?: number): Watched {
  const attempt = createContext({}, runtime);
  const seen: Delta[] = [];
  const model = scriptedModel([scene], runtime);
  const read = async (): Promise<void> => {
    const deltas = model.stream('hi', { signal: attempt.signal });
    for await (const delta of new LimitedContent(deltas, { ...limits, minRate }, attempt)) {
      seen.push(delta);
      if (readerMs > 0) await new Promise<void>((resolve) => runtime.clock.after(readerMs, resolve));
    }
  };
  return { seen, outcome: read().catch((error: unknown) => error), reason: () => attempt.reason };
}

test('GW25: text, reasoning and tool calls are content; roles, empty texts, usage and finishes are not', () => {
  for (const content of [{ text: 'a' }, { reasoning: 'b' }, { toolCalls: [] }]) expect(isContent(content)).toBe(true);
  const usage = { inputTokens: 1, outputTokens: 1 };
  for (const other of [{}, { text: '' }, { reasoning: '' }, { usage }, { finishReason: 'stop' }, { raw: {} }]) {
    expect(isContent(other)).toBe(false);
  }
});

test('GW25 T1: a stream without content in time fails with phase first_content, and its source is told to stop', async () => {
  const runtime = virtualRuntime();
  const { outcome, reason, seen } = watch(runtime, { delayMs: 10_001, pieces: ['late'] });
  await runtime.clock.advance(10_000);
  const error = await outcome;
  expect(error).toMatchObject({
    errorType: 'inference_timeout',
    details: { phase: 'first_content', timeout_seconds: 10 },
  });
  expect(reason()).toBe(error);
  expect(seen).toEqual([]);
  expect(runtime.clock.pending).toBe(0);
});

test('GW25: what is no content does not stop the clock, however often it comes', async () => {
  const runtime = virtualRuntime();
  const { outcome, seen } = watch(runtime, {
    pieces: Array.from({ length: 50 }, () => ({ raw: { role: 'assistant' } })),
    gapMs: 900,
  });
  await runtime.clock.advance(10_000);
  expect(await outcome).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'first_content' } });
  expect(seen).toHaveLength(12);
});

test('GW25: after the first content the limit is the gap, and only content renews it', async () => {
  const runtime = virtualRuntime();
  const steady = watch(runtime, { delayMs: 9_000, pieces: ['a', 'b', 'c', 'd'], gapMs: 4_900 });
  await runtime.clock.advance(9_000 + 3 * 4_900);
  expect(await steady.outcome).toBeUndefined();
  expect(steady.seen.map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd', undefined]);

  const stalled = watch(runtime, { pieces: ['a', { text: '' }, 'b'], gapMs: 3_000 });
  await runtime.clock.advance(5_000);
  expect(await stalled.outcome).toMatchObject({
    errorType: 'inference_timeout',
    details: { phase: 'gap', timeout_seconds: 5 },
  });
  expect(runtime.clock.pending).toBe(0);
});

test('GW9: time that the reader takes for itself is no silence of the model', async () => {
  const runtime = virtualRuntime();
  const { outcome, seen } = watch(runtime, { pieces: ['a', 'b', 'c'], gapMs: 1_000 }, 60_000);
  await runtime.clock.advance(1_000_000);
  expect(await outcome).toBeUndefined();
  expect(seen).toHaveLength(4);
});

test('GW6: after the finish a stream has one second left, whose trouble no longer matters', async () => {
  for (const end of ['hang', new Error('reset')] as const) {
    const runtime = virtualRuntime();
    const pieces: Delta[] = [{ text: 'a' }, { finishReason: 'stop' }, { usage: { inputTokens: 1, outputTokens: 1 } }];
    const { outcome, seen } = watch(runtime, { pieces, end });
    await runtime.clock.advance(1_000);
    expect(await outcome).toBeUndefined();
    expect(seen).toHaveLength(3);
    expect(runtime.clock.pending).toBe(0);
  }
});

test('a reader that leaves ends the source, and leaves no timer behind', async () => {
  const runtime = virtualRuntime();
  let ended = false;
  async function* source(): AsyncGenerator<Delta> {
    try {
      yield { text: 'a' };
      yield { text: 'b' };
    } finally {
      ended = true;
    }
  }
  for await (const delta of new LimitedContent(source(), limits, createContext({}, runtime))) {
    expect(delta.text).toBe('a');
    break;
  }
  expect(ended).toBe(true);
  expect(runtime.clock.pending).toBe(0);
});

test('a caller who aborts ends the wait at once, with his own reason', async () => {
  const runtime = virtualRuntime();
  const controller = new AbortController();
  const attempt = createContext({ signal: controller.signal }, runtime);
  const model = scriptedModel([{ delayMs: Number.POSITIVE_INFINITY, abort: 'ignored' }], runtime);
  const first = new LimitedContent(model.stream('hi'), limits, attempt).next();
  const reason = new Error('user pressed stop');
  controller.abort(reason);
  await expect(first).rejects.toBe(reason);
  expect(runtime.clock.pending).toBe(0);
});

test('a bad limit is refused', () => {
  expect(() => assertContentLimits({ firstContentMs: 0, gapMs: 1 })).toThrow('firstContentMs must be above 0, got 0');
  expect(() => assertContentLimits({ firstContentMs: 1, gapMs: -1 })).toThrow('gapMs must be above 0, got -1');
});

test('GW25: with a least rate a stream that drips is a failure; without one, and for a slow reader, it is none', async () => {
  const pieces = Array.from({ length: 30 }, (_, index) => `w${index}`);
  const after = async (gapMs: number, readerMs: number, minRate?: number): Promise<[unknown, number]> => {
    const runtime = virtualRuntime();
    const { outcome, seen } = watch(runtime, { pieces, gapMs }, readerMs, minRate);
    await runtime.clock.advance(120_000);
    return [await outcome, seen.length];
  };
  const [failure, seen] = await after(1_000, 0, 2);
  expect(failure).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'rate', min_rate: 2 } });
  expect(seen).toBeLessThan(10);
  for (const [gapMs, readerMs, minRate] of [
    [1_000, 0, undefined],
    [400, 0, 2],
    [100, 1_000, 2],
  ] as const) {
    expect((await after(gapMs, readerMs, minRate))[0]).toBeUndefined();
  }
  expect(() => assertContentLimits({ ...limits, minRate: 0 })).toThrow(RangeError);
});
