import { expect, test } from 'vitest';
import type { ReportedEvent } from '../call/events.js';
import { createContext } from '../call/root-scope.js';
import {
  AuthenticationError,
  ContentFilteredError,
  ContextLengthError,
  InvalidInputError,
} from '../errors/input-errors.js';
import type { ModelError } from '../errors/model-error.js';
import { ModelOverloadedError, RateLimitError } from '../errors/rejections.js';
import { OutOfMemoryError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { circuitBreaker } from '../policies/circuit-breaker.js';
import { pipeline } from '../policies/policy.js';
import { retry } from '../policies/retry.js';
import { timeout } from '../policies/timeout.js';
import { type ScriptedAnswer, type ScriptedModel, scriptedModel } from '../testing/scripted-model.js';
import { virtualRuntime, type VirtualRuntime } from '../testing/virtual-runtime.js';
import type { FallbackStream } from './chain-answer.js';
import {
  type ChainCallOptions,
  type FallbackChainOptions,
  fallbackChainDefaults,
  type ModelFallbackChain,
  modelFallbackChain,
} from './fallback-chain.js';
import type { ChatRequest, Delta, GenerateOptions, TextModel } from './text-model.js';

const unavailable = (): ModelError => new UpstreamUnavailableError(undefined, { details: { status: 503 } });

interface Chain {
  readonly chain: ModelFallbackChain;
  readonly models: readonly ScriptedModel[];
  readonly runtime: VirtualRuntime;
  readonly events: ReportedEvent[];
}

/** A chain of a, b, c …, each with its script. */
function chainOf(
  scripts: readonly (readonly ScriptedAnswer[])[],
  options: FallbackChainOptions = {},
  windows: readonly number[] = [],
): Chain {
  const runtime = virtualRuntime();
  const events: ReportedEvent[] = [];
  runtime.events.on((event) => events.push(event));
  const chain = modelFallbackChain(options, runtime);
  const models = scripts.map((script, index) => {
    const contextLength = windows[index];
    return scriptedModel(script, runtime, contextLength === undefined ? {} : { contextLength });
  });
  for (const [index, model] of models.entries()) {
    if (index === 0) chain.addPrimaryModel(model, 'a');
    else chain.addFallbackModel(model, 'abcdef'[index] ?? '', index);
  }
  return { chain, models, runtime, events };
}

async function failure(call: Promise<unknown>): Promise<ModelError> {
  return await call.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => error as ModelError,
  );
}

async function collect({ stream }: FallbackStream): Promise<{ text: string; error: unknown }> {
  let text = '';
  try {
    for await (const delta of stream) text += delta.text ?? '';
  } catch (error) {
    return { text, error };
  }
  return { text, error: undefined };
}

test('R112: a new chain is empty, and a call of it is a mistake', async () => {
  const chain = modelFallbackChain();
  expect(chain.models).toEqual([]);
  expect(await failure(chain.generateWithFallback('Hi'))).toBeInstanceOf(RangeError);
});

test('R113 D86: the primary is asked first, a second one takes its place and leaves nothing of the first', async () => {
  const { chain, runtime } = chainOf([[unavailable()], ['from b']]);
  for (let call = 0; call < 4; call += 1) await chain.generateWithFallback('Hi');
  expect(chain.models[0]).toEqual({ name: 'a', is_fallback: false, priority: 0, state: 'open' });
  chain.addPrimaryModel(scriptedModel(['from the new a'], runtime), 'a');
  expect(chain.models.map(({ name, state }) => [name, state])).toEqual([
    ['a', 'closed'],
    ['b', 'closed'],
  ]);
  expect(await chain.generateWithFallback('Hi')).toMatchObject({
    generated_text: 'from the new a',
    was_fallback: false,
  });
});

test('R114: fallbacks are asked by priority, lower first, and the older first among equals', () => {
  const chain = modelFallbackChain();
  const model = scriptedModel(['x']);
  chain.addFallbackModel(model, 'third', 5).addFallbackModel(model, 'first').addFallbackModel(model, 'second', 1);
  chain.addPrimaryModel(model, 'primary').addFallbackModel(model, 'zeroth', 0);
  expect(chain.models.map(({ name }) => name)).toEqual(['primary', 'zeroth', 'first', 'second', 'third']);
});

test('R115 R116: when the primary fails, the fallback answers, and the answer says who did', async () => {
  const { chain } = chainOf([
    [new Error('boom')],
    [{ pieces: ['Fallback success'], usage: { inputTokens: 3, outputTokens: 2 } }],
  ]);
  expect(await chain.generateWithFallback('Hi')).toEqual({
    generated_text: 'Fallback success',
    model_used: 'b',
    was_fallback: true,
    usage: { inputTokens: 3, outputTokens: 2 },
    finish_reason: 'stop',
    attempts: [{ model: 'a', errorType: 'generation_failed', ms: 0 }],
  });
});

test('R115: options reach the model, with a signal and the correlation id of the call', async () => {
  const { chain, models } = chainOf([['ok']]);
  await chain.generateWithFallback('Hi', { maxTokens: 5, correlationId: 'c-1', deadlineMs: 1_000 });
  const { signal, ...options } = models[0]?.calls[0]?.options ?? {};
  expect(signal).toBeInstanceOf(AbortSignal);
  expect(options).toEqual({ maxTokens: 5, correlationId: 'c-1' });
});

test('R115: a model that takes the call itself gets no signal, and is aborted with the call', async () => {
  const runtime = virtualRuntime();
  const seen: GenerateOptions[] = [];
  const model: TextModel = {
    takes: 'context',
    generate: (_input, options = {}) => {
      seen.push(options);
      return new Promise((_, reject) => void options.context?.onAbort(reject));
    },
  };
  const leaving = new AbortController();
  const chain = modelFallbackChain({}, runtime).addPrimaryModel(model, 'a');
  const call = chain.generateWithFallback('Hi', { signal: leaving.signal, maxTokens: 5 });
  await Promise.resolve();
  leaving.abort('enough');
  await expect(call).rejects.toBe('enough');
  expect(seen[0]).not.toHaveProperty('signal');
  expect(seen[0]?.context?.aborted).toBe(true);
  expect(seen[0]?.maxTokens).toBe(5);
});

test('R117: what failed, was left out and answered is told as events', async () => {
  const { chain, events } = chainOf([[unavailable()], ['from b']], { breaker: { consecutive: 1 } });
  await chain.generateWithFallback('Hi');
  await chain.generateWithFallback('Hi');
  expect(events.filter(({ type }) => type.startsWith('model.'))).toMatchObject([
    { type: 'model.failed', model: 'a', errorType: 'upstream_unavailable', ms: 0 },
    { type: 'model.answered', model: 'b', wasFallback: true },
    { type: 'model.skipped', model: 'a', reason: 'circuit_open' },
    { type: 'model.answered', model: 'b', wasFallback: true },
  ]);
});

test('R118 D81: when all have failed, the error names those that were tried, and why each of them failed', async () => {
  const first = unavailable();
  const second = new RateLimitError(undefined, { retryAfterMs: 2_000 });
  const { chain } = chainOf([[first], [second]]);
  const error = await failure(chain.generateWithFallback('Hi'));
  expect(error).toMatchObject({
    errorType: 'model_overloaded',
    message: 'All models in fallback chain failed',
    isRetryable: true,
    retryAfterMs: 2_000,
    details: { tried_models: ['a', 'b'], skipped_models: [] },
    attempts: [
      { model: 'a', errorType: 'upstream_unavailable', status: 503, ms: 0 },
      { model: 'b', errorType: 'rate_limited', ms: 0 },
    ],
  });
  expect(error.cause).toBeInstanceOf(AggregateError);
  expect((error.cause as AggregateError).errors).toEqual([first, second]);
  expect((error.cause as AggregateError).errors[0]).toBe(first);
});

test('R119 D84: a model without generate is refused when it is added', () => {
  const chain = modelFallbackChain();
  for (const model of [{}, undefined, { generate: 'text' }] as unknown as TextModel[]) {
    expect(() => chain.addPrimaryModel(model, 'a')).toThrow(RangeError);
    expect(() => chain.addFallbackModel(model, 'a')).toThrow(/model must have a generate function/);
  }
  expect(chain.models).toEqual([]);
});

test('R120 R122 D79: a model that failed four times in a row is left out at no cost for five minutes, then tried again', async () => {
  expect(fallbackChainDefaults.breaker).toEqual({ consecutive: 4, cooldownMs: 300_000 });
  const { chain, models, runtime } = chainOf([
    [unavailable(), unavailable(), unavailable(), unavailable(), 'back'],
    ['from b'],
  ]);
  for (let call = 0; call < 10; call += 1)
    expect(await chain.generateWithFallback('Hi')).toMatchObject({ model_used: 'b' });
  expect(models[0]?.calls).toHaveLength(4);
  await runtime.clock.advance(299_999);
  await chain.generateWithFallback('Hi');
  expect(models[0]?.calls).toHaveLength(4);
  await runtime.clock.advance(1);
  expect(await chain.generateWithFallback('Hi')).toMatchObject({ generated_text: 'back', was_fallback: false });
  expect(chain.models[0]?.state).toBe('closed');
});

test('R120 D80: the cooldown counts from the failure, however long ago the last success was', async () => {
  const { chain, models, runtime } = chainOf([['ok', ...Array.from({ length: 4 }, unavailable), 'ok'], ['from b']]);
  await chain.generateWithFallback('Hi');
  await runtime.clock.advance(86_410_000);
  for (let call = 0; call < 6; call += 1) await chain.generateWithFallback('Hi');
  expect(models[0]?.calls).toHaveLength(5);
});

test('D88: when a model was added counts for nothing: no success is on record until there is one', async () => {
  for (const ageMs of [0, 299_999, 86_400_000]) {
    const { chain, models, runtime } = chainOf([Array.from({ length: 20 }, unavailable), ['from b']]);
    await runtime.clock.advance(ageMs);
    expect(chain.models[0]).toEqual({ name: 'a', is_fallback: false, priority: 0, state: 'closed' });
    for (let call = 0; call < 6; call += 1) await chain.generateWithFallback('Hi');
    expect([chain.models[0]?.state, models[0]?.calls.length]).toEqual(['open', 4]);
    await runtime.clock.advance(300_000);
    await chain.generateWithFallback('Hi');
    // One trial, which failed: what was never well is not well again because time has passed.
    expect([chain.models[0]?.state, models[0]?.calls.length]).toEqual(['open', 5]);
  }
});

test('R121: a success forgets earlier failures', async () => {
  const script = [unavailable(), unavailable(), unavailable(), 'ok', unavailable(), unavailable(), unavailable(), 'ok'];
  const { chain, models } = chainOf([script, ['from b']]);
  for (let call = 0; call < 8; call += 1) await chain.generateWithFallback('Hi');
  expect(models[0]?.calls).toHaveLength(8);
});

test('D78: any failure of a model leads to the next, whatever it threw', async () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  for (const thrown of [
    new Error('ConnectionError'),
    refused,
    new AuthenticationError(),
    new TypeError('x'),
    'text',
    undefined,
  ]) {
    const chain = modelFallbackChain();
    chain.addPrimaryModel({ generate: () => Promise.reject(thrown) }, 'a').addFallbackModel(scriptedModel(['ok']), 'b');
    expect(await chain.generateWithFallback('Hi')).toMatchObject({ model_used: 'b', attempts: [{ model: 'a' }] });
  }
});

test('D82: a fault of the caller’s ends the call, and makes nobody unhealthy', async () => {
  const error = new InvalidInputError();
  const { chain, models } = chainOf([[error], ['from b']], { breaker: { consecutive: 1 } });
  for (let call = 0; call < 3; call += 1) expect(await failure(chain.generateWithFallback('Hi'))).toBe(error);
  expect(error.attempts).toEqual([{ model: 'a', errorType: 'invalid_input', ms: 0 }]);
  expect(chain.models[0]?.state).toBe('closed');
  expect(models[1]?.calls).toHaveLength(0);
});

test('D82: an input that is too long goes to a model that declares a larger window, and to no other', async () => {
  const tooLong = new ContextLengthError({ inputLength: 9_000, maxLength: 8_192 });
  const { chain, models } = chainOf([[tooLong], ['b'], ['c'], ['d']], {}, [8_192, 4_096, 8_192, 32_768]);
  expect(await chain.generateWithFallback('Hi')).toMatchObject({ model_used: 'd' });
  expect(models.map(({ calls }) => calls.length)).toEqual([1, 0, 0, 1]);

  const none = chainOf([[tooLong], ['b']], {}, [8_192]);
  expect(await failure(none.chain.generateWithFallback('Hi'))).toBe(tooLong);
  const short = chainOf([[tooLong], ['b']], {}, [8_192, 8_500]);
  expect(await failure(short.chain.generateWithFallback('Hi'))).toBe(tooLong);
});

test('a later verdict on the request outranks the failures before it', async () => {
  const tooLong = new ContextLengthError({ inputLength: 9_000, maxLength: 8_192 });
  const { chain } = chainOf([[unavailable()], [tooLong]]);
  const error = await failure(chain.generateWithFallback('Hi'));
  expect(error).toBe(tooLong);
  expect(error.attempts?.map(({ model }) => model)).toEqual(['a', 'b']);
});

test('a filter’s refusal is the answer, unless the chain says otherwise', async () => {
  const refused = new ContentFilteredError();
  expect(await failure(chainOf([[refused], ['from b']]).chain.generateWithFallback('Hi'))).toBe(refused);
  const next = chainOf([[refused], ['from b']], { whenFiltered: 'next' });
  expect(await next.chain.generateWithFallback('Hi')).toMatchObject({ model_used: 'b' });
});

test('D83 R207: a model may answer a value or a promise, a text or a generation', async () => {
  for (const answer of ['Hello', Promise.resolve('Hello'), { text: 'Hello' }, Promise.resolve({ text: 'Hello' })]) {
    const chain = modelFallbackChain().addPrimaryModel({ generate: () => answer }, 'a');
    expect(await chain.generateWithFallback('Hi')).toEqual({
      generated_text: 'Hello',
      model_used: 'a',
      was_fallback: false,
      attempts: [],
    });
  }
});

test('D85: one deadline holds for all models, and aborts the one that is at work', async () => {
  const { chain, models, runtime } = chainOf([
    [{ delayMs: 600, end: unavailable() as Error }],
    [{ delayMs: 600, pieces: ['late'] }],
  ]);
  const call = failure(chain.generateWithFallback('Hi', { deadlineMs: 1_000 }));
  await runtime.clock.advance(1_000);
  expect(await call).toMatchObject({
    errorType: 'inference_timeout',
    details: { phase: 'total' },
    attempts: [
      { model: 'a', ms: 600 },
      { model: 'b', ms: 400 },
    ],
  });
  expect(models[1]?.calls[0]?.options.signal?.aborted).toBe(true);
  expect(runtime.clock.pending).toBe(0);
});

test('D85: a caller who leaves ends the call with his own reason, whether or not the model notices', async () => {
  for (const make of [
    (signal: AbortSignal) => ({ signal }),
    (signal: AbortSignal) => ({ context: createContext({ signal }) }),
  ]) {
    const { chain, models } = chainOf([[{ end: 'hang', abort: 'ignored' }], ['from b']], {
      breaker: { consecutive: 1 },
    });
    const controller = new AbortController();
    const call = chain.generateWithFallback('Hi', make(controller.signal));
    const reason = new Error('user pressed stop');
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(models[1]?.calls).toHaveLength(0);
    expect(chain.models[0]?.state).toBe('closed');
  }
});

test('D86: a name is given once', () => {
  const { chain } = chainOf([['ok'], ['ok']]);
  const model = scriptedModel(['ok']);
  expect(() => chain.addFallbackModel(model, 'b')).toThrow(new RangeError('name must be new to the chain, got "b"'));
  expect(() => chain.addFallbackModel(model, 'a')).toThrow(RangeError);
  expect(() => chain.addPrimaryModel(model, 'b')).toThrow(RangeError);
  expect(() => chain.addFallbackModel(model, '')).toThrow(RangeError);
  expect(() => chain.addFallbackModel(model, 'z', Number.NaN)).toThrow(RangeError);
});

test('D87: when all are unhealthy the one that has the least to wait is tried, and a success makes it healthy', async () => {
  const { chain, models, runtime } = chainOf(
    [
      [unavailable(), 'a is back'],
      [unavailable(), 'b is back'],
    ],
    {
      breaker: { consecutive: 1 },
    },
  );
  await failure(chain.generateWithFallback('Hi'));
  await runtime.clock.advance(1_000);
  expect(chain.models.map(({ state }) => state)).toEqual(['open', 'open']);
  expect(await chain.generateWithFallback('Hi')).toMatchObject({ generated_text: 'a is back', was_fallback: false });
  expect(chain.models.map(({ state }) => state)).toEqual(['closed', 'open']);
  expect(models[1]?.calls).toHaveLength(1);
});

test('D87: of many calls in an outage one at a time tries the least bad model; the others fail at once', async () => {
  const { chain, models, runtime } = chainOf([[unavailable(), { delayMs: 100, end: unavailable() as Error }]], {
    breaker: { consecutive: 1 },
  });
  await failure(chain.generateWithFallback('Hi'));
  const calls = Array.from({ length: 10 }, () => failure(chain.generateWithFallback('Hi')));
  const others = await Promise.all(calls.slice(1));
  expect(models[0]?.calls).toHaveLength(2);
  expect(others[0]).toMatchObject({
    errorType: 'model_overloaded',
    retryAfterMs: 300_000,
    origin: 'service',
    details: { reason: 'circuit_open', tried_models: [], skipped_models: [{ model: 'a', reason: 'circuit_open' }] },
  });
  expect(others[0]?.cause).toMatchObject({ errors: [{ cause: { errorType: 'upstream_unavailable' } }] });
  await runtime.clock.advance(100);
  expect(await calls[0]).toMatchObject({ details: { tried_models: ['a'], skipped_models: [] } });
});

test('D87 GW12: after a trial that failed the model rests for a second, whatever its cooldown; then one call tries it', async () => {
  const { chain, models, runtime } = chainOf([[...Array.from({ length: 3 }, unavailable), 'back', 'again']], {
    breaker: { consecutive: 1, cooldownMs: 60_000 },
  });
  for (let call = 0; call < 6; call += 1) await failure(chain.generateWithFallback('Hi'));
  expect(models[0]?.calls).toHaveLength(2);
  await runtime.clock.advance(999);
  const error = await failure(chain.generateWithFallback('Hi'));
  expect(error).toMatchObject({ retryAfterMs: 59_001, details: { reason: 'circuit_open', tried_models: [] } });
  await runtime.clock.advance(1);
  for (let call = 0; call < 3; call += 1) await failure(chain.generateWithFallback('Hi'));
  expect(models[0]?.calls).toHaveLength(3);
  await runtime.clock.advance(1_000);
  expect(await chain.generateWithFallback('Hi')).toMatchObject({ generated_text: 'back' });
  expect(await chain.generateWithFallback('Hi')).toMatchObject({ generated_text: 'again' });
});

test('D87 GW12: by option the others wait for that trial, and are asked where it went well', async () => {
  const { chain, models, runtime } = chainOf([[unavailable(), { pieces: ['back'], delayMs: 100 }, 'again']], {
    breaker: { consecutive: 1 },
    trialWaitMs: 2_000,
  });
  await failure(chain.generateWithFallback('Hi'));
  const calls = Array.from({ length: 3 }, () => chain.generateWithFallback('Hi'));
  await runtime.clock.advance(99);
  expect(models[0]?.calls).toHaveLength(2);
  await runtime.clock.advance(1);
  const answers = await Promise.all(calls);
  expect(answers.map(({ generated_text: text }) => text)).toEqual(['back', 'again', 'again']);
  expect(runtime.clock.pending).toBe(0);
});

test('D87 GW12: those who wait fail with the trial, at the end of their patience, or with their deadline', async () => {
  const failing = { delayMs: 100, end: unavailable() as Error };
  const hanging = { end: 'hang' as const };
  for (const [scene, deadlineMs, afterMs, expected] of [
    [failing, 60_000, 100, { details: { reason: 'circuit_open' } }],
    [hanging, 60_000, 2_000, { details: { reason: 'circuit_open' } }],
    [hanging, 500, 500, { errorType: 'inference_timeout' }],
  ] as const) {
    const options = { breaker: { consecutive: 1 }, trialWaitMs: 2_000 };
    const { chain, runtime } = chainOf([[unavailable(), scene]], options);
    await failure(chain.generateWithFallback('Hi'));
    const trying = failure(chain.generateWithFallback('Hi', { deadlineMs: 3_000 }));
    let waited = 0;
    const waiting = failure(chain.generateWithFallback('Hi', { deadlineMs })).finally(() => {
      waited = runtime.clock.now();
    });
    await runtime.clock.advance(3_000);
    expect(await waiting).toMatchObject(expected);
    expect(waited).toBe(afterMs);
    await trying;
  }
});

test('a policy may bring its breaker: its state is told, and a trial that goes well closes it', async () => {
  const runtime = virtualRuntime();
  const breaker = circuitBreaker({ consecutive: 1 }, runtime);
  const model = scriptedModel([unavailable(), 'back'], runtime);
  const chain = modelFallbackChain({}, runtime).addPrimaryModel(model, 'a', { policy: breaker, breaker });
  await failure(chain.generateWithFallback('Hi'));
  expect(chain.models[0]?.state).toBe('open');
  expect(await chain.generateWithFallback('Hi')).toMatchObject({ generated_text: 'back' });
  expect(chain.models[0]?.state).toBe('closed');
});

test('D87: by option, nobody is tried while all are unhealthy', async () => {
  const { chain, models } = chainOf([[unavailable()]], { breaker: { consecutive: 1 }, whenAllUnhealthy: 'fail' });
  await failure(chain.generateWithFallback('Hi'));
  expect(await failure(chain.generateWithFallback('Hi'))).toMatchObject({ details: { reason: 'circuit_open' } });
  expect(models[0]?.calls).toHaveLength(1);
});

test('a model may be called under a policy of its own; every attempt under it is in the story', async () => {
  const runtime = virtualRuntime();
  const policyFor = (name: string) =>
    pipeline(
      retry({ attempts: 2, jitter: 'none', baseDelayMs: 100 }, runtime),
      circuitBreaker({ name, consecutive: 4 }, runtime),
      timeout({ limitMs: 1_000 }, runtime),
    );
  const a = scriptedModel([unavailable(), { end: 'hang', abort: 'ignored' }], runtime);
  const b = scriptedModel([unavailable(), 'from b'], runtime);
  const chain = modelFallbackChain({ policyFor }, runtime).addPrimaryModel(a, 'a').addFallbackModel(b, 'b');
  const call = chain.generateWithFallback('Hi');
  await runtime.clock.advance(10_000);
  expect(await call).toMatchObject({
    model_used: 'b',
    attempts: [
      { model: 'a', errorType: 'upstream_unavailable', status: 503, ms: 0 },
      { model: 'a', errorType: 'inference_timeout', phase: 'attempt', ms: 1_000 },
      { model: 'b', errorType: 'upstream_unavailable', status: 503, ms: 0 },
    ],
  });
  expect(chain.models.map(({ state }) => state)).toEqual([undefined, undefined]);
  expect(runtime.clock.pending).toBe(0);
});

test('a policy of its own that rejects is a model left out', async () => {
  const runtime = virtualRuntime();
  const breaker = circuitBreaker({ consecutive: 1 }, runtime);
  const a = scriptedModel([unavailable()], runtime);
  const chain = modelFallbackChain({}, runtime).addPrimaryModel(a, 'a', { policy: breaker });
  chain.addFallbackModel(scriptedModel(['from b'], runtime), 'b');
  await chain.generateWithFallback('Hi');
  expect(await chain.generateWithFallback('Hi')).toMatchObject({ model_used: 'b', attempts: [] });
  expect(a.calls).toHaveLength(1);
});

test('GW5 D85: a stream falls back until the first content, and says who answers before it flows', async () => {
  const runtime = virtualRuntime();
  const a = scriptedModel([{ pieces: [{ raw: { role: 'assistant' } }], end: unavailable() as Error }], runtime);
  const b = scriptedModel([{ pieces: [{ raw: { role: 'assistant' } }, 'Hello', ' there'] }], runtime);
  const chain = modelFallbackChain({}, runtime).addPrimaryModel(a, 'a').addFallbackModel(b, 'b');
  const answer = await chain.streamWithFallback('Hi');
  expect(answer).toMatchObject({
    model_used: 'b',
    was_fallback: true,
    attempts: [{ model: 'a', errorType: 'upstream_unavailable', status: 503 }],
  });
  const deltas: Delta[] = [];
  for await (const delta of answer.stream) deltas.push(delta);
  expect(deltas).toMatchObject([
    { raw: { role: 'assistant' } },
    { text: 'Hello' },
    { text: ' there' },
    { finishReason: 'stop' },
  ]);
});

test('GW5 GW8: without resuming, after the first content nobody else is asked; the failure is the reader’s', async () => {
  const scripts = [[{ pieces: ['Hel'], end: new Error('boom') }], ['from b']];
  const { chain, models, events } = chainOf(scripts, { resume: 'off' });
  const read = await collect(await chain.streamWithFallback('Hi'));
  expect(read).toMatchObject({
    text: 'Hel',
    error: { errorType: 'stream_interrupted', cause: { errorType: 'generation_failed' } },
  });
  expect(models[1]?.calls).toHaveLength(0);
  expect(events).toMatchObject([{ type: 'model.failed', model: 'a', errorType: 'stream_interrupted' }]);
});

test('B17: a stream is judged at its end: one that breaks counts against its model', async () => {
  const options = { breaker: { consecutive: 2 }, resume: 'off' } as const;
  const { chain } = chainOf([[{ pieces: ['Hel'], end: new Error('boom') }, 'fine']], options);
  await collect(await chain.streamWithFallback('Hi'));
  await collect(await chain.streamWithFallback('Hi'));
  expect(chain.models[0]?.state).toBe('closed');
  const broken = chainOf([[{ pieces: ['Hel'], end: new Error('boom') }]], options);
  await collect(await broken.chain.streamWithFallback('Hi'));
  expect(broken.chain.models[0]?.state).toBe('closed');
  await collect(await broken.chain.streamWithFallback('Hi'));
  expect(broken.chain.models[0]?.state).toBe('open');
});

test('a stream that ends before it has said anything is a failure, and one of a model that cannot stream is one piece', async () => {
  const { chain } = chainOf([[{ end: 'stop' }], ['unused']]);
  const chainOfOne = modelFallbackChain().addPrimaryModel({ generate: () => 'Hello' }, 'plain');
  expect(await chain.streamWithFallback('Hi')).toMatchObject({
    attempts: [{ model: 'a', errorType: 'invalid_response' }],
  });
  expect(await collect(await chainOfOne.streamWithFallback('Hi'))).toEqual({ text: 'Hello', error: undefined });
});

test('R118: a stream that nobody can begin fails like any other call', async () => {
  const { chain, runtime } = chainOf([[unavailable()], [{ end: 'hang' }]]);
  const call = failure(chain.streamWithFallback('Hi', { deadlineMs: 500 }));
  await runtime.clock.advance(500);
  expect(await call).toMatchObject({
    errorType: 'inference_timeout',
    attempts: [{ model: 'a' }, { model: 'b', ms: 500 }],
  });
  const all = chainOf([[unavailable()]]);
  expect(await failure(all.chain.streamWithFallback('Hi'))).toBeInstanceOf(ModelOverloadedError);
});

test('T5: deadline and caller reach a stream until it ends, and then let go of it', async () => {
  const { chain, runtime, models } = chainOf([[{ pieces: ['a', 'b', 'c'], gapMs: 400, abort: 'ignored' }]]);
  const late = chain.streamWithFallback('Hi', { deadlineMs: 500 }).then(collect);
  await runtime.clock.advance(500);
  expect(await late).toMatchObject({
    text: 'ab',
    error: { errorType: 'inference_timeout', details: { phase: 'total' } },
  });
  expect(models[0]?.calls[0]?.options.signal?.aborted).toBe(true);

  const inTime = chain.streamWithFallback('Hi', { deadlineMs: 5_000 }).then(collect);
  await runtime.clock.advance(900);
  expect(await inTime).toEqual({ text: 'abc', error: undefined });
  expect(runtime.clock.pending).toBe(0);
});

test('a reader who leaves, even before the first delta, ends the model’s work', async () => {
  for (const reads of [0, 1]) {
    let ended = false;
    const model: TextModel = {
      generate: () => 'unused',
      async *stream() {
        try {
          for (;;) yield { text: 'a' };
        } finally {
          ended = true;
        }
      },
    };
    const { stream } = await modelFallbackChain().addPrimaryModel(model, 'a').streamWithFallback('Hi');
    const deltas = stream[Symbol.asyncIterator]();
    for (let read = 0; read < reads; read += 1) await deltas.next();
    await deltas.return?.();
    expect(ended).toBe(true);
  }
});

test('a bad option is refused', () => {
  expect(() => modelFallbackChain({ breaker: { consecutive: 0 } })).toThrow(RangeError);
  expect(() => modelFallbackChain({ whenFiltered: 'maybe' as 'stop' })).toThrow(RangeError);
  expect(() => modelFallbackChain({ whenAllUnhealthy: 'maybe' as 'fail' })).toThrow(RangeError);
  expect(() => modelFallbackChain({ resume: 'maybe' as 'off' })).toThrow(RangeError);
});

test('after memory ran out the same model is asked for half of the tokens, once, before the next one', async () => {
  const full = (): ModelError => new OutOfMemoryError();
  const ask = async (scripts: readonly ScriptedAnswer[][], options: ChainCallOptions, input: string | ChatRequest) => {
    const { chain, models, events } = chainOf(scripts);
    const answer = await chain.generateWithFallback(input, { whenOutOfMemory: 'halve', ...options });
    const tokens = models.map(({ calls }) => calls.map((call) => call.options.maxTokens));
    return { answer, tokens, types: events.map(({ type }) => type) };
  };
  const halved = await ask([[full(), 'from a'], ['from b']], { maxTokens: 81 }, 'Hi');
  expect(halved.answer).toMatchObject({
    model_used: 'a',
    reduced_max_tokens: 40,
    attempts: [{ model: 'a', errorType: 'out_of_memory' }],
  });
  expect(halved.tokens).toEqual([[81, 40], []]);
  expect(halved.types).toEqual(['generation.reduced', 'model.answered']);

  const inRequest = await ask([[full()], ['from b']], {}, { messages: [], max_tokens: 1 });
  expect(inRequest.answer.model_used).toBe('b');
  expect(inRequest.answer).not.toHaveProperty('reduced_max_tokens');
  expect(inRequest.tokens).toEqual([[undefined, 1], [undefined]]);

  // Half of nothing is nothing; and who did not ask for it gets it nowhere.
  expect((await ask([[full()], ['from b']], {}, 'Hi')).tokens).toEqual([[undefined], [undefined]]);
  expect((await ask([[full()], ['from b']], { maxTokens: 8, whenOutOfMemory: 'next' }, 'Hi')).tokens).toEqual([
    [8],
    [8],
  ]);
});

test('a stream that cannot begin for want of memory is begun for half of the tokens', async () => {
  const { chain, models } = chainOf([[new OutOfMemoryError(), 'from a']]);
  const answer = await chain.streamWithFallback('Hi', { maxTokens: 80, whenOutOfMemory: 'halve' });
  expect(answer.reduced_max_tokens).toBe(40);
  expect(await collect(answer)).toEqual({ text: 'from a', error: undefined });
  expect(models[0]?.calls.map(({ options }) => options.maxTokens)).toEqual([80, 40]);
});
