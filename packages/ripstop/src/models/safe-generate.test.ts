import { expect, test } from 'vitest';
import type { CallEvent } from '../call/events.js';
import { createContext } from '../call/root-scope.js';
import { ContextLengthError, InvalidInputError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { RateLimitError } from '../errors/rejections.js';
import { OutOfMemoryError } from '../errors/upstream-errors.js';
import { type ScriptedScene, scriptedModel } from '../testing/scripted-model.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { type LocalTextModel, safeGenerate, safeGenerateDefaults, safeGenerateStream } from './safe-generate.js';
import type { Delta, GenerateOptions } from './text-model.js';

async function failure(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => error,
  );
}

async function collect(deltas: AsyncIterable<Delta>): Promise<{ text: string; error: unknown }> {
  let text = '';
  try {
    for await (const delta of deltas) text += delta.text ?? '';
  } catch (error) {
    return { text, error };
  }
  return { text, error: undefined };
}

/** Fails as often as it is told, then says how much it was asked for. */
function failing(
  ...errors: readonly unknown[]
): LocalTextModel & { readonly asked: GenerateOptions[]; cleared: number } {
  const asked: GenerateOptions[] = [];
  return {
    asked,
    cleared: 0,
    clearCache() {
      this.cleared += 1;
    },
    generate(_input, options = {}) {
      asked.push(options);
      if (asked.length <= errors.length) throw errors[asked.length - 1];
      return `${options.maxTokens} tokens`;
    },
  };
}

const cudaOutOfMemory = new Error('CUDA out of memory. Tried to allocate 2.00 GiB');

test('R94: each way in which a language model fails comes out as its own type, and says whether to try again', async () => {
  const runtime = virtualRuntime();
  const silent: LocalTextModel = { generate: () => new Promise(() => undefined) };
  const small: LocalTextModel = { ...failing(), contextLength: 8 };
  const full: LocalTextModel = { ...failing(), memory: () => ({ usedBytes: 99, totalBytes: 100 }) };
  const failures = [small, full, failing(cudaOutOfMemory, cudaOutOfMemory), silent, failing(new Error('boom'))].map(
    (model) => failure(safeGenerate(model, 'Tell me a story', {}, runtime)),
  );
  await runtime.clock.advance(30_000);
  const told = (await Promise.all(failures)).map((error) => {
    return ModelError.isInstance(error) ? [error.errorType, error.isRetryable] : error;
  });
  expect(told).toEqual([
    ['context_length_exceeded', false],
    ['out_of_memory', false],
    ['out_of_memory', false],
    ['inference_timeout', true],
    ['generation_failed', true],
  ]);
});

test('R95: the defaults are 100 tokens, temperature 0.7 and 30 seconds', async () => {
  expect(safeGenerateDefaults).toEqual({ maxTokens: 100, temperature: 0.7, timeoutMs: 30_000 });
  const model = scriptedModel(['Hello']);
  await safeGenerate(model, 'Hi');
  expect(model.calls[0]?.options).toMatchObject({ maxTokens: 100, temperature: 0.7 });
});

test('R95: options reach the model, and what a request says stands where no option does', async () => {
  const model = scriptedModel(['Hello']);
  await safeGenerate(model, 'Hi', {
    maxTokens: 7,
    temperature: 0,
    topP: 0.5,
    seed: 1,
    stop: ['x'],
    correlationId: 'c-1',
  });
  const { signal: _signal, ...options } = model.calls[0]?.options ?? {};
  expect(options).toEqual({ maxTokens: 7, temperature: 0, topP: 0.5, seed: 1, stop: ['x'], correlationId: 'c-1' });

  await safeGenerate(model, { messages: [], max_tokens: 9, temperature: 0.2 });
  expect(model.calls[1]?.options).toMatchObject({ maxTokens: 9, temperature: 0.2 });
});

test('R96 D72: input and output together must fit the window, and the model is not asked if they do not', async () => {
  const model = scriptedModel(['Hello'], undefined, { contextLength: 50, countTokens: () => 40 });
  expect(await safeGenerate(model, 'Hi', { maxTokens: 10 })).toMatchObject({ success: true });

  const sum = await failure(safeGenerate(model, 'Hi', { maxTokens: 11 }));
  expect(sum).toBeInstanceOf(ContextLengthError);
  expect(sum).toMatchObject({ details: { input_length: 51, max_length: 50, max_tokens: 11, max_tokens_left: 10 } });

  const long = scriptedModel(['Hello'], undefined, { contextLength: 50, countTokens: () => 60 });
  const error = await failure(safeGenerate(long, 'Hi', { maxTokens: 10 }));
  expect(error).toMatchObject({ errorType: 'context_length_exceeded', details: { input_length: 60, max_length: 50 } });
  expect(long.calls).toHaveLength(0);
});

test('R96: a model that cannot count is counted for', async () => {
  const model = scriptedModel(['Hello'], undefined, { contextLength: 120 });
  expect(await safeGenerate(model, 'What is a circuit breaker?')).toMatchObject({ success: true });
  const error = await failure(safeGenerate(model, 'What is a circuit breaker? '.repeat(40)));
  expect(error).toMatchObject({ errorType: 'context_length_exceeded', details: { max_length: 120 } });
});

test('R97: with more than nine tenths of the memory in use nothing is begun, and the error says how much', async () => {
  const model = (usedMb: number): LocalTextModel & { readonly asked: GenerateOptions[] } => ({
    ...failing(),
    memory: () => ({ usedBytes: usedMb * 1024 ** 2, totalBytes: 1_000 * 1024 ** 2 }),
  });
  expect(await safeGenerate(model(900), 'Hi')).toMatchObject({ success: true });
  const full = model(901);
  const error = await failure(safeGenerate(full, 'Hi'));
  expect(error).toMatchObject({
    errorType: 'out_of_memory',
    details: { memory_used_mb: 901, memory_available_mb: 99 },
  });
  expect(full.asked).toHaveLength(0);
});

test('R98 D70: at the limit the caller has the error, and the work has been told to stop', async () => {
  const runtime = virtualRuntime();
  let stopped: unknown;
  const model: LocalTextModel = {
    generate: (_input, { signal } = {}) =>
      new Promise(() => signal?.addEventListener('abort', () => (stopped = signal.reason))),
  };
  const call = failure(safeGenerate(model, 'Hi', {}, runtime));
  await runtime.clock.advance(29_999);
  expect(stopped).toBeUndefined();
  await runtime.clock.advance(1);
  const error = await call;
  expect(error).toMatchObject({ errorType: 'inference_timeout', details: { timeout_seconds: 30 }, isRetryable: true });
  expect(stopped).toBe(error);
  expect(runtime.clock.pending).toBe(0);
});

test('R99: the result has the guide’s keys and no others', async () => {
  const counting = scriptedModel(['Hello there'], undefined, { countTokens: () => 12 });
  expect(await safeGenerate(counting, 'Hi')).toEqual({
    generated_text: 'Hello there',
    input_tokens: 12,
    success: true,
  });
});

test('R99: input tokens are the model’s own count, else what it reported, else an estimate', async () => {
  const usage = { inputTokens: 9, outputTokens: 1 };
  const reporting = scriptedModel([{ pieces: ['Hello'], usage }]);
  expect((await safeGenerate(reporting, 'Hi')).input_tokens).toBe(9);
  const silent = await safeGenerate(scriptedModel(['Hello']), 'What is a circuit breaker?');
  expect(silent.input_tokens).toBeGreaterThan(3);
  expect(silent.input_tokens).toBeLessThan(10);
});

test('R100 D74: when memory runs out the cache is cleared and half is asked for, once, and the answer says so', async () => {
  for (const error of [cudaOutOfMemory, new OutOfMemoryError()]) {
    const model = failing(error);
    expect(await safeGenerate(model, 'Hi', { maxTokens: 75 })).toMatchObject({
      generated_text: '37 tokens',
      success: true,
      warning: 'Reduced max_tokens due to memory constraints',
    });
    expect(model.asked.map(({ maxTokens }) => maxTokens)).toEqual([75, 37]);
    expect(model.cleared).toBe(1);
  }
});

test('R100 D74: half of one token is one, a second failure is final and says its own cause', async () => {
  const single = failing(cudaOutOfMemory);
  expect(await safeGenerate(single, 'Hi', { maxTokens: 1 })).toMatchObject({ generated_text: '1 tokens' });

  const hopeless = failing(cudaOutOfMemory, cudaOutOfMemory);
  expect(await failure(safeGenerate(hopeless, 'Hi'))).toMatchObject({
    errorType: 'out_of_memory',
    cause: cudaOutOfMemory,
  });
  expect(hopeless.asked).toHaveLength(2);

  const limited = failing(cudaOutOfMemory, new RateLimitError());
  expect(await failure(safeGenerate(limited, 'Hi'))).toMatchObject({ errorType: 'rate_limited' });
});

test('D74: the retry has what is left of the limit, and not a limit of its own', async () => {
  const runtime = virtualRuntime();
  const scenes: ScriptedScene[] = [
    { delayMs: 20_000, end: cudaOutOfMemory },
    { delayMs: 20_000, pieces: ['late'] },
  ];
  const call = failure(safeGenerate(scriptedModel(scenes, runtime), 'Hi', {}, runtime));
  await runtime.clock.advance(30_000);
  expect(await call).toMatchObject({ errorType: 'inference_timeout', details: { timeout_seconds: 30 } });
});

test('R100: that less was asked for is told as an event', async () => {
  const runtime = virtualRuntime();
  const events: CallEvent[] = [];
  runtime.events.on((event) => events.push(event));
  await safeGenerate(failing(cudaOutOfMemory), 'Hi', { correlationId: 'c-1' }, runtime);
  expect(events).toMatchObject([{ type: 'generation.reduced', maxTokens: 50 }]);
});

test('D67: an error that is typed already passes as the very same object', async () => {
  for (const error of [new InvalidInputError(), new ContextLengthError({ inputLength: 9 }), new RateLimitError()]) {
    expect(await failure(safeGenerate(failing(error), 'Hi'))).toBe(error);
  }
});

test('R101: any other failure is a generation that failed, retryable, with the original beneath and nothing of it above', async () => {
  const original = new Error('secret prompt at 10.0.0.7:8000');
  const error = await failure(safeGenerate(failing(original), 'Hi'));
  expect(error).toMatchObject({
    errorType: 'generation_failed',
    message: 'Text generation failed',
    isRetryable: true,
    cause: original,
  });
  expect(JSON.stringify(error)).not.toMatch(/secret|10\.0/);
  for (const thrown of ['text', undefined, null, 7, new TypeError('x is not a function')]) {
    expect(await failure(safeGenerate(failing(thrown), 'Hi'))).toMatchObject({ errorType: 'generation_failed' });
  }
});

test('R101: what an SDK or the network says clearly is believed', async () => {
  const refused = new TypeError('fetch failed', {
    cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  });
  expect(await failure(safeGenerate(failing(refused), 'Hi'))).toMatchObject({ errorType: 'upstream_unavailable' });
  const limited = Object.assign(new Error('429 Too Many Requests'), { status: 429 });
  expect(await failure(safeGenerate(failing(limited), 'Hi'))).toMatchObject({ errorType: 'rate_limited' });
});

test('R101: an abort that nobody asked for is no cancellation', async () => {
  const abort = new DOMException('This operation was aborted', 'AbortError');
  expect(await failure(safeGenerate(failing(abort), 'Hi'))).toMatchObject({ errorType: 'generation_failed' });
});

test('R102 R207: a model may answer a value or a promise, a text or a generation', async () => {
  for (const answer of ['Hello', Promise.resolve('Hello'), { text: 'Hello' }, Promise.resolve({ text: 'Hello' })]) {
    expect(await safeGenerate({ generate: () => answer }, 'Hi')).toMatchObject({ generated_text: 'Hello' });
  }
});

test('R102: nothing is blocked while the model works: the caller holds a promise, and the clock goes on', async () => {
  const runtime = virtualRuntime();
  const call = safeGenerate(scriptedModel([{ delayMs: 1_000, pieces: ['Hello'] }], runtime), 'Hi', {}, runtime);
  let settled = false;
  void call.then(() => (settled = true));
  await runtime.clock.advance(999);
  expect(settled).toBe(false);
  await runtime.clock.advance(1);
  expect(await call).toMatchObject({ generated_text: 'Hello' });
});

test('the caller’s abort passes through as it is, and so does that of the call it is a part of', async () => {
  for (const make of [
    (signal: AbortSignal) => ({ signal }),
    (signal: AbortSignal) => ({ context: createContext({ signal }) }),
  ]) {
    const controller = new AbortController();
    const call = failure(
      safeGenerate(scriptedModel([{ end: 'hang', abort: 'ignored' }]), 'Hi', make(controller.signal)),
    );
    const reason = { user: 'left' };
    controller.abort(reason);
    expect(await call).toBe(reason);
  }
});

test('the correlation id of the call it is a part of reaches the model', async () => {
  const model = scriptedModel(['Hello']);
  await safeGenerate(model, 'Hi', { context: createContext({ correlationId: 'c-7' }) });
  expect(model.calls[0]?.options.correlationId).toBe('c-7');
});

test('a bad option is refused', async () => {
  const model = scriptedModel(['Hello']);
  for (const options of [
    { maxTokens: 0 },
    { maxTokens: 1.5 },
    { maxTokens: Infinity },
    { temperature: -1 },
    { timeoutMs: 0 },
  ]) {
    expect(await failure(safeGenerate(model, 'Hi', options))).toBeInstanceOf(RangeError);
  }
  expect(model.calls).toHaveLength(0);
});

test('a stream is checked before it begins, and then flows', async () => {
  const model = scriptedModel([{ pieces: ['Hello', ' there'] }], undefined, {
    contextLength: 120,
    countTokens: () => 30,
  });
  expect(await collect(safeGenerateStream(model, 'Hi', { maxTokens: 90 }))).toEqual({
    text: 'Hello there',
    error: undefined,
  });
  const refused = await collect(safeGenerateStream(model, 'Hi', { maxTokens: 91 }));
  expect(refused.error).toMatchObject({ errorType: 'context_length_exceeded' });
  expect(model.calls).toHaveLength(1);
});

test('D70: a stream that outlasts the limit is ended and told to stop', async () => {
  const runtime = virtualRuntime();
  const model = scriptedModel([{ pieces: ['a', 'b', 'c'], gapMs: 400 }], runtime);
  const read = collect(safeGenerateStream(model, 'Hi', { timeoutMs: 1_000, maxTokens: 5 }, runtime));
  await runtime.clock.advance(700);
  expect(model.calls[0]?.options.signal?.aborted).toBe(false);
  await runtime.clock.advance(300);
  expect(await read).toMatchObject({ text: 'abc', error: undefined });

  const slow = scriptedModel([{ pieces: ['a', 'b', 'c'], gapMs: 600 }], runtime);
  const late = collect(safeGenerateStream(slow, 'Hi', { timeoutMs: 1_000 }, runtime));
  await runtime.clock.advance(1_000);
  expect(await late).toMatchObject({ text: 'ab', error: { errorType: 'inference_timeout' } });
  expect(slow.calls[0]?.options.signal?.aborted).toBe(true);
  expect(runtime.clock.pending).toBe(0);
});

test('a stream that fails is what its failure means before the first content, and interrupted after it', async () => {
  const before = await collect(safeGenerateStream(scriptedModel([new Error('boom')]), 'Hi'));
  expect(before).toMatchObject({ text: '', error: { errorType: 'generation_failed' } });
  const after = await collect(safeGenerateStream(scriptedModel([{ pieces: ['a'], end: new Error('boom') }]), 'Hi'));
  expect(after).toMatchObject({
    text: 'a',
    error: { errorType: 'stream_interrupted', cause: { errorType: 'generation_failed' } },
  });
  const typed = new RateLimitError();
  expect((await collect(safeGenerateStream(scriptedModel([{ pieces: ['a'], end: typed }]), 'Hi'))).error).toBe(typed);
});

test('a stream of a model that cannot stream is one piece', async () => {
  expect(await collect(safeGenerateStream({ generate: () => 'Hello' }, 'Hi'))).toEqual({
    text: 'Hello',
    error: undefined,
  });
  expect(ModelError.isInstance((await collect(safeGenerateStream(failing('x'), 'Hi'))).error)).toBe(true);
});
