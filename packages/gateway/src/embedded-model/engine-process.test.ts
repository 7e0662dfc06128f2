import { virtualRuntime } from 'ripstop/testing';
import { describe, expect, test } from 'vitest';
import { fakeEngines } from '../../../../test/embedded-model/fake-engine.js';
import type { EngineEnd } from './engine-end.js';
import { EngineProcess } from './engine-process.js';
import type { GenerationRequest } from './protocol.js';

const limits = {
  startMs: 1_000,
  silenceMs: 500,
  generationMs: 5_000,
  cancelMs: 300,
  memoryMb: 100,
  memoryPollMs: 50,
};
const request: GenerationRequest = { turns: [], temperature: 0, topP: 1, topK: 0, seed: 1, stop: [] };

function started({ memoryMb = (): number | undefined => 10 } = {}) {
  const runtime = virtualRuntime();
  const { open, lives } = fakeEngines();
  const ends: EngineEnd[] = [];
  const engine = new EngineProcess(
    { open, limits, readMemoryMb: async () => memoryMb(), onReady: () => undefined, onEnd: (end) => ends.push(end) },
    runtime,
  );
  const life = lives[0];
  /** Lets time pass while the process keeps saying that it lives. */
  const passes = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      life.say({ type: 'heartbeat', rssMb: 10 });
      await runtime.clock.advance(50);
    }
  };
  return { runtime, engine, life, ends, passes };
}

const outcome = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);
const noText = (): void => undefined;

describe('a generation', () => {
  test('is sent with a number of its own, and gets the texts and the end with that number', async () => {
    const { engine, life } = started();
    life.ready();
    const texts: string[] = [];
    const answer = engine.generate(request, { onText: (text) => texts.push(text) });
    expect(life.heard).toEqual([{ ...request, type: 'generate', id: 1 }]);
    life.say({ type: 'text', id: 1, text: 'a' });
    life.say({ type: 'text', id: 9, text: 'not mine' });
    life.say({ type: 'done', id: 1, finishReason: 'stop', inputTokens: 2, outputTokens: 1 });
    expect(await answer).toMatchObject({ finishReason: 'stop', inputTokens: 2, outputTokens: 1 });
    expect(texts).toEqual(['a']);
  });

  test('that does not fit the window is a ContextLengthError with both lengths', async () => {
    const { engine, life } = started();
    life.ready();
    const answer = outcome(engine.generate(request, { onText: noText }));
    life.say({ type: 'too_long', id: 1, inputTokens: 500, maxTokens: 40, contextLength: 512 });
    expect(await answer).toMatchObject({
      errorType: 'context_length_exceeded',
      details: { input_length: 540, max_length: 512, input_tokens: 500, max_tokens: 40 },
    });
  });

  test('that goes wrong inside is a GenerationFailedError, and its text stays private', async () => {
    const { engine, life } = started();
    life.ready();
    const answer = outcome(engine.generate(request, { onText: noText }));
    life.say({ type: 'error', id: 1, message: 'secret' });
    const error = await answer;
    expect(error).toMatchObject({ errorType: 'generation_failed', isRetryable: true });
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  test('that is cancelled rejects at once with its own reason, and the process is told', async () => {
    const { engine, life, runtime, passes, ends } = started();
    life.ready();
    const caller = new AbortController();
    const answer = outcome(engine.generate(request, { signal: caller.signal, onText: noText }));
    caller.abort('gone');
    expect(await answer).toBe('gone');
    expect(life.heard.at(-1)).toEqual({ type: 'cancel', id: 1 });
    life.say({ type: 'done', id: 1, finishReason: 'cancelled', inputTokens: 1, outputTokens: 0 });
    await passes(limits.cancelMs + 100);
    expect(ends).toEqual([]);
    engine.kill({ kind: 'stopped' });
    expect(runtime.clock.pending).toBe(0);
  });

  test('whose cancellation is not obeyed costs the process its life', async () => {
    const { engine, life, passes, ends } = started();
    life.ready();
    const caller = new AbortController();
    const answer = outcome(engine.generate(request, { signal: caller.signal, onText: noText }));
    const innocent = outcome(engine.generate(request, { onText: noText }));
    caller.abort('gone');
    expect(await answer).toBe('gone');
    await passes(limits.cancelMs);
    expect(ends).toEqual([{ kind: 'unresponsive', limitMs: 300 }]);
    expect(life.killed).toBe(true);
    expect(await innocent).toMatchObject({ errorType: 'inference_timeout' });
  });

  test('that takes too long is an InferenceTimeoutError, and is cancelled in the process', async () => {
    const { engine, life, passes } = started();
    life.ready();
    const answer = outcome(engine.generate(request, { onText: noText }));
    await passes(limits.generationMs);
    expect(await answer).toMatchObject({ errorType: 'inference_timeout', details: { timeout_seconds: 5 } });
    expect(life.heard.at(-1)).toEqual({ type: 'cancel', id: 1 });
  });
});

test('tokens are counted while a generation runs', async () => {
  const { engine, life } = started();
  life.ready();
  void outcome(engine.generate(request, { onText: noText }));
  const count = engine.countTokens([{ role: 'user', text: 'x' }]);
  expect(life.heard.at(-1)).toEqual({ type: 'count', id: 2, turns: [{ role: 'user', text: 'x' }] });
  life.say({ type: 'counted', id: 2, inputTokens: 12 });
  expect(await count).toBe(12);
});

describe('the process is killed, and what was under way in it told why', () => {
  test('when it does not load in time', async () => {
    const { life, runtime, ends } = started();
    await runtime.clock.advance(limits.startMs);
    expect(ends).toEqual([{ kind: 'start_limit', limitMs: 1_000 }]);
    expect(life.killed).toBe(true);
    expect(runtime.clock.pending).toBe(0);
  });

  test('when it says that it cannot start', () => {
    const { life, ends } = started();
    life.say({ type: 'failed', reason: 'model_file', message: 'no such file' });
    expect(ends).toEqual([{ kind: 'failed_to_start', reason: 'model_file', message: 'no such file' }]);
    expect(life.killed).toBe(true);
  });

  test('when it says nothing for too long', async () => {
    const { engine, life, runtime, ends, passes } = started();
    life.ready();
    const answer = outcome(engine.generate(request, { onText: noText }));
    await passes(2_000);
    expect(ends).toEqual([]);
    await runtime.clock.advance(400);
    expect(ends).toEqual([]);
    await runtime.clock.advance(200);
    expect(ends).toEqual([{ kind: 'unresponsive', limitMs: 500 }]);
    expect(await answer).toMatchObject({ errorType: 'inference_timeout', isRetryable: true });
  });

  test('when it takes too much memory', async () => {
    let memory = 50;
    const { engine, life, runtime, ends } = started({ memoryMb: () => memory });
    life.ready();
    const answer = outcome(engine.generate(request, { onText: noText }));
    await runtime.clock.advance(100);
    expect(engine.rssMb).toBe(50);
    memory = 101;
    await runtime.clock.advance(50);
    expect(ends).toEqual([{ kind: 'memory_limit', usedMb: 101, limitMb: 100 }]);
    expect(await answer).toMatchObject({
      errorType: 'out_of_memory',
      details: { memory_used_mb: 101, memory_available_mb: 100 },
    });
  });
});

describe('when the process ends by itself', () => {
  test.each([
    ['a signal', { signal: 'SIGSEGV' }, 'generation_failed'],
    ['an exit code', { signal: null, code: 134 }, 'generation_failed'],
    ['V8 out of heap', { signal: 'SIGABRT', lastWords: 'FATAL ERROR: JavaScript heap out of memory' }, 'out_of_memory'],
    ['C++ out of memory', { signal: 'SIGABRT', lastWords: 'what():  std::bad_alloc' }, 'out_of_memory'],
  ])('by %s, every request in flight fails with an error of its own', async (_name, exit, errorType) => {
    const { engine, life, runtime, ends } = started();
    life.ready();
    const answers = [outcome(engine.generate(request, { onText: noText })), outcome(engine.countTokens([]))];
    life.exit(exit);
    const [first, second] = await Promise.all(answers);
    expect(first).toMatchObject({ errorType });
    expect(second).toMatchObject({ errorType });
    expect(first).not.toBe(second);
    expect(ends).toHaveLength(1);
    expect(runtime.clock.pending).toBe(0);
    await engine.exited;
    expect(await outcome(engine.generate(request, { onText: noText }))).toMatchObject({ errorType });
  });

  test('its last words are for our log only', async () => {
    const { engine, life } = started();
    life.ready();
    const answer = outcome(engine.generate(request, { onText: noText }));
    life.exit({ lastWords: 'secret' });
    const error = (await answer) as { diagnostics: unknown };
    expect(error.diagnostics).toMatchObject({ lastWords: 'secret' });
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  test('after we killed it, the first reason stays', async () => {
    const { engine, life, ends } = started();
    life.ready();
    engine.kill({ kind: 'stopped' });
    life.exit();
    await engine.exited;
    expect(ends).toEqual([{ kind: 'stopped' }]);
  });
});
