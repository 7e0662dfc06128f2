import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ReportedEvent } from '../call/events.js';
import {
  ContentFilteredError,
  ContextLengthError,
  InvalidInputError,
  ValidationError,
} from '../errors/input-errors.js';
import type { ModelError } from '../errors/model-error.js';
import {
  InferenceTimeoutError,
  InvalidResponseError,
  OutOfMemoryError,
  StreamInterruptedError,
  UpstreamUnavailableError,
} from '../errors/upstream-errors.js';
import { circuitBreaker } from '../policies/circuit-breaker.js';
import { retry } from '../policies/retry.js';
import { type ScriptedAnswer, type ScriptedModel, scriptedModel } from '../testing/scripted-model.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import type { FallbackStream } from './chain-answer.js';
import {
  type ChainCallOptions,
  type FallbackChainOptions,
  type ModelFallbackChain,
  modelFallbackChain,
} from './fallback-chain.js';
import { assistantPrefill } from './resume-request.js';
import type { ChatRequest, Delta, TextModel } from './text-model.js';

const broken = (): Error => new StreamInterruptedError();
const cut = (...pieces: readonly (string | Delta)[]): ScriptedAnswer => ({ pieces, end: broken() });
const whole = (...pieces: readonly (string | Delta)[]): ScriptedAnswer => ({ pieces });

type Script = readonly ScriptedAnswer[] | { readonly prefill: readonly ScriptedAnswer[] };

/** A chain of a, b, c …, each with its script; those under `prefill` go on from a text. */
function chainOf(scripts: readonly Script[], options: FallbackChainOptions = {}) {
  const runtime = virtualRuntime();
  const events: ReportedEvent[] = [];
  runtime.events.on((event) => events.push(event));
  const chain = modelFallbackChain(options, runtime);
  const models = scripts.map((script, index) => {
    const model = scriptedModel('prefill' in script ? script.prefill : script, runtime);
    const own = 'prefill' in script ? { prefill: assistantPrefill } : {};
    if (index === 0) chain.addPrimaryModel(model, 'a', own);
    else chain.addFallbackModel(model, 'abc'[index] ?? '', index, own);
    return model;
  });
  const types = (): string[] => events.map(({ type }) => type).filter((type) => type.startsWith('stream.'));
  return { chain, models, runtime, events, types };
}

interface Read {
  readonly text: string;
  readonly deltas: readonly Delta[];
  readonly error: ModelError | undefined;
  readonly answer: FallbackStream;
}

async function read(
  chain: ModelFallbackChain,
  input: string | ChatRequest = 'Hi',
  options: ChainCallOptions = {},
): Promise<Read> {
  const answer = await chain.streamWithFallback(input, options);
  const deltas: Delta[] = [];
  let error: ModelError | undefined;
  try {
    for await (const delta of answer.stream) deltas.push(delta);
  } catch (thrown) {
    error = thrown as ModelError;
  }
  return { text: deltas.map(({ text = '' }) => text).join(''), deltas, error, answer };
}

function lastMessage(model: ScriptedModel | undefined): unknown {
  const input = model?.calls[0]?.input;
  return typeof input === 'object' ? input.messages.at(-1) : input;
}

test('GW7: a next model that goes on from a text gets it as the assistant’s last message, and says the rest', async () => {
  const { chain, models, types } = chainOf([[cut('The answer ', 'is ')], { prefill: [whole('forty', '-two.')] }]);
  const { text, error, answer } = await read(chain);
  expect([text, error]).toEqual(['The answer is forty-two.', undefined]);
  expect(lastMessage(models[1])).toEqual({ role: 'assistant', content: 'The answer is ' });
  expect(answer).toMatchObject({
    model_used: 'b',
    was_fallback: true,
    attempts: [{ model: 'a', errorType: 'stream_interrupted' }],
  });
  expect(types()).toEqual(['stream.resumed']);
});

test('GW7: a model that cannot go on starts anew, and what its reader has is cut off, to the letter', async () => {
  const { chain, models } = chainOf([[cut('The ans', 'wer is')], [whole('T', 'he answer', ' is forty', '-two.')]]);
  const { text, deltas } = await read(chain);
  expect(text).toBe('The answer is forty-two.');
  expect(deltas.map((delta) => delta.text)).toEqual(['The ans', 'wer is', ' forty', '-two.', undefined]);
  expect(models[1]?.calls[0]?.input).toBe('Hi');
});

test('GW7: at the first difference the stream ends in its error, and says no word of the second answer', async () => {
  const { chain, models, events } = chainOf([[cut('The answer ')], [whole('The ', 'question ', 'is')], ['unused']]);
  const { text, error } = await read(chain);
  expect(text).toBe('The answer ');
  expect(error).toMatchObject({
    errorType: 'stream_interrupted',
    details: { resume: 'diverged' },
    cause: { errorType: 'stream_interrupted' },
    attempts: [{ model: 'a', errorType: 'stream_interrupted' }],
  });
  expect(models[2]?.calls).toHaveLength(0);
  expect(events.at(-1)).toMatchObject({ type: 'stream.not_resumed', model: 'b', reason: 'diverged' });
});

test('GW7: a second answer that ends before the first broke off does not agree with it', async () => {
  for (const end of ['finish', 'stop'] as const) {
    const { chain } = chainOf([[cut('The answer is')], [{ pieces: ['The '], end }]]);
    const { deltas, error } = await read(chain);
    expect(deltas).toEqual([{ text: 'The answer is' }]);
    expect(error).toMatchObject({ details: { resume: 'diverged' } });
  }
});

test('GW7: a tool call agrees with no text', async () => {
  const { chain } = chainOf([[cut('One ')], [whole('One ', { toolCalls: [{ index: 0 }] })]]);
  expect(await read(chain)).toMatchObject({ text: 'One ', error: { details: { resume: 'diverged' } } });
});

test('GW7: the end of a later part is told as its model tells it, and what was kept back until then is not lost', async () => {
  for (const end of ['finish', 'stop'] as const) {
    const { chain } = chainOf([[cut('One ', 'two ')], { prefill: [{ pieces: ['On'], end }] }]);
    const { deltas } = await read(chain);
    expect(deltas.slice(2)).toEqual([end === 'stop' ? { text: 'On' } : { text: 'On', finishReason: 'stop' }]);
  }
});

test('GW8: what fails after the finish was told is not resumed', async () => {
  const { chain, models, events } = chainOf([[cut('One', { finishReason: 'stop' })], ['unused']]);
  expect(await read(chain)).toMatchObject({ text: 'One', error: { errorType: 'stream_interrupted' } });
  expect(models[1]?.calls).toHaveLength(0);
  expect(events.at(-1)).toMatchObject({ type: 'stream.not_resumed', reason: 'finished' });
});

test('GW7: an answer that broke off after its last word is finished by one that says the same', async () => {
  const { chain } = chainOf([[cut('All', ' of it')], [whole('All of it')]]);
  const { text, deltas, error } = await read(chain);
  expect([text, error]).toEqual(['All of it', undefined]);
  expect(deltas.at(-1)).toEqual({ finishReason: 'stop' });
});

test('GW7: a refused text to go on from leads to a restart at the same model, and is told nowhere but in an event', async () => {
  const refusal = new InvalidInputError('no prefill', { details: { status: 400 } });
  const { chain, models, events } = chainOf([[cut('One ')], { prefill: [refusal, whole('One ', 'two')] }]);
  const { text, error, answer } = await read(chain);
  expect([text, error]).toEqual(['One two', undefined]);
  expect(answer.attempts).toMatchObject([{ model: 'a' }]);
  expect(models[1]?.calls.map(({ input }) => typeof input)).toEqual(['object', 'string']);
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'stream.prefill_refused', model: 'b', errorType: 'invalid_input' }),
  );
});

test.each([
  ['says that it is invalid', new ValidationError([])],
  ['has no room for it', new ContextLengthError()],
  ['has nothing to add to it', new InvalidResponseError()],
])('GW7: a model that %s is asked from the beginning', async (_, refusal) => {
  const { chain } = chainOf([[cut('One ')], { prefill: [refusal, whole('One ', 'two')] }]);
  expect(await read(chain)).toMatchObject({ text: 'One two', error: undefined });
});

test('GW7: a model that is down is not asked from the beginning as well', async () => {
  const down = new UpstreamUnavailableError(undefined, { details: { status: 503 } });
  const { chain, models, events } = chainOf([[cut('One ')], { prefill: [down] }, [whole('One two')]]);
  const { text, answer } = await read(chain);
  expect(text).toBe('One two');
  expect(models[1]?.calls).toHaveLength(1);
  expect(answer.attempts).toMatchObject([{ model: 'a' }, { model: 'b', status: 503 }]);
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'model.failed', model: 'b', errorType: 'upstream_unavailable', ms: 0 }),
  );
});

test('GW7: a model whose breaker is open is left out', async () => {
  const { chain, models, events, runtime } = chainOf([[cut('One ')], [whole('One two')]]);
  const closed = circuitBreaker({ name: 'x' }, runtime);
  closed.isolate();
  const refused = scriptedModel(['unused'], runtime);
  chain.addFallbackModel(refused, 'x', 0, { policy: closed });
  expect(await read(chain)).toMatchObject({ text: 'One two', error: undefined });
  expect([refused.calls.length, models[1]?.calls.length]).toEqual([0, 1]);
  expect(events).toContainEqual(expect.objectContaining({ type: 'model.skipped', model: 'x', reason: 'circuit_open' }));
});

test('GW7: what happened is told as events, in order', async () => {
  const { chain, runtime, events } = chainOf([
    [{ pieces: ['One ', 'two '], delayMs: 50, gapMs: 50, end: broken() }],
    { prefill: [new InvalidInputError('no'), whole('One two ', 'three')] },
  ]);
  await runtime.clock.advance(1_000);
  const reading = read(chain);
  await runtime.clock.advance(100);
  const { answer } = await reading;
  const told = events.map(({ at: _at, correlationId: _id, attempt: _attempt, ...event }) => event);
  expect(told).toMatchObject([
    { type: 'model.failed', model: 'a', errorType: 'stream_interrupted', ms: 100 },
    { type: 'stream.prefill_refused', model: 'b', errorType: 'invalid_input' },
    { type: 'stream.resumed', model: 'b', previous: 'a', way: 'restart', sentLength: 8 },
    { type: 'model.answered', model: 'b', ms: 0, wasFallback: true, streamed: true },
  ]);
  expect(answer.attempts).toEqual([{ model: 'a', errorType: 'stream_interrupted', ms: 100 }]);
});

test('GW7: the refusal stays unseen where the restart fails as well', async () => {
  const refusal = new InvalidInputError('no prefill', { details: { status: 400 } });
  const { chain } = chainOf([[cut('One ')], { prefill: [refusal, new UpstreamUnavailableError()] }]);
  const { error } = await read(chain);
  expect(error).toMatchObject({ errorType: 'stream_interrupted', details: { resume: 'exhausted' } });
  expect(error?.attempts?.map(({ errorType }) => errorType)).not.toContain('invalid_input');
  expect(JSON.stringify(error)).not.toContain('prefill');
});

test('GW7: a model that overlooks the text and begins anew is asked for just that, so that nothing is said twice', async () => {
  const anew = whole('One two ', 'three');
  const { chain, models, types } = chainOf([[cut('One ', 'two ')], { prefill: [anew, anew] }]);
  const { text, error } = await read(chain);
  expect([text, error]).toEqual(['One two three', undefined]);
  expect(models[1]?.calls).toHaveLength(2);
  expect(types()).toEqual(['stream.resumed', 'stream.prefill_refused', 'stream.resumed']);
});

test('GW7: with nobody else to ask, the same model is asked once more', async () => {
  const { chain, models } = chainOf([[cut('One '), whole('One two')]]);
  expect(await read(chain)).toMatchObject({ text: 'One two', error: undefined });
  expect(models[0]?.calls).toHaveLength(2);
});

test('GW7: a model that would only break off again is not asked a second time', async () => {
  const end = new StreamInterruptedError(undefined, { cause: new OutOfMemoryError(), isRetryable: false });
  const { chain, models } = chainOf([[{ pieces: ['One '], end }, whole('One two')]]);
  expect((await read(chain)).error).toMatchObject({ errorType: 'stream_interrupted', isRetryable: false });
  expect(models[0]?.calls).toHaveLength(1);
});

test('GW7: when the others fail before their first word, the model that broke off is asked once more', async () => {
  const { chain, models } = chainOf([[cut('One '), whole('One two')], [new UpstreamUnavailableError()]]);
  const { text, answer } = await read(chain);
  expect(text).toBe('One two');
  expect(answer.attempts.map(({ model }) => model)).toEqual(['a', 'b']);
  expect(answer.model_used).toBe('a');
  expect(models.map(({ calls }) => calls.length)).toEqual([2, 1]);
});

test('GW7: an answer may break off more than once; every part goes on where the one before stopped', async () => {
  const { chain, models } = chainOf([
    [cut('One ')],
    { prefill: [cut('two ')] },
    [whole('One two ', 'three'), new Error('unused')],
  ]);
  const { text, answer } = await read(chain);
  expect(text).toBe('One two three');
  expect(answer.billed.map(({ model }) => model)).toEqual(['a', 'b', 'c']);
  expect(models.map(({ calls }) => calls.length)).toEqual([1, 1, 1]);
});

test('GW1 GW7: what always breaks off ends after two streams a model, and six attempts in all', async () => {
  const two = chainOf([[cut('One ')], [cut('One ')]]);
  const { error } = await read(two.chain);
  expect(error).toMatchObject({ errorType: 'stream_interrupted', details: { resume: 'exhausted' } });
  expect(two.models.map(({ calls }) => calls.length)).toEqual([2, 2]);

  const refusal = new InvalidInputError('no prefill');
  const refusing = (): Script => ({ prefill: [refusal, cut('One ')] });
  const three = chainOf([[cut('One ')], refusing(), refusing()]);
  await read(three.chain);
  expect(three.models.reduce((sum, { calls }) => sum + calls.length, 0)).toBe(6);
});

test('GW1 GW7: attempts before the first content count, so that nobody is asked more than three times', async () => {
  const runtime = virtualRuntime();
  const model = scriptedModel([new UpstreamUnavailableError(), cut('One '), new UpstreamUnavailableError()], runtime);
  const policy = retry({ attempts: 3, baseDelayMs: 0, jitter: 'none' }, runtime);
  const reading = read(modelFallbackChain({}, runtime).addPrimaryModel(model, 'a', { policy }));
  await runtime.clock.runAll();
  expect(await reading).toMatchObject({ text: 'One ', error: { details: { resume: 'exhausted' } } });
  expect(model.calls).toHaveLength(3);
});

test('GW7: a silence in mid-answer, and an error in mid-answer, are resumed like a cut', async () => {
  const silence = new InferenceTimeoutError(10_000, { details: { phase: 'gap' } });
  for (const end of [silence, new StreamInterruptedError(undefined, { cause: new UpstreamUnavailableError() })]) {
    const { chain } = chainOf([[{ pieces: ['One '], end }], [whole('One two')]]);
    expect(await read(chain)).toMatchObject({ text: 'One two', error: undefined });
  }
  const { chain } = chainOf([[{ pieces: ['One '], end: silence }], ['different']]);
  expect((await read(chain)).error).toMatchObject({
    errorType: 'stream_interrupted',
    details: { phase: 'gap', resume: 'diverged' },
    cause: silence,
  });
});

test('GW7: the error of an answer that stays broken keeps the wait that was stated', async () => {
  const end = new StreamInterruptedError(undefined, { retryAfterMs: 2_000 });
  const { chain } = chainOf([[new UpstreamUnavailableError()], [{ pieces: ['One '], end }, 'different']]);
  expect((await read(chain)).error).toMatchObject({
    retryAfterMs: 2_000,
    details: { resume: 'diverged' },
    attempts: [{ model: 'a' }, { model: 'b', errorType: 'stream_interrupted' }],
  });
});

test('GW7: a verdict on the answer itself is not asked of anybody else', async () => {
  const end = new StreamInterruptedError(undefined, { cause: new ContentFilteredError() });
  const { chain, models, events } = chainOf([[{ pieces: ['One '], end }], ['unused']]);
  expect((await read(chain)).error).toBe(end);
  expect(models[1]?.calls).toHaveLength(0);
  expect(events.at(-1)).toMatchObject({ type: 'stream.not_resumed', model: 'a', reason: 'not_resumable' });
});

test.each([
  ['tools were asked for', { tools: [{}] }],
  ['a response format was asked for', { response_format: { type: 'json_schema' } }],
  ['log probabilities were asked for', { logprobs: true }],
  ['two answers were asked for', { n: 2 }],
])('GW7 GW8: where %s the stream ends in its error, and nobody else is asked', async (_, fields) => {
  const { chain, models } = chainOf([[cut('One ')], [whole('One two')]]);
  const { text, error, answer } = await read(chain, { messages: [{ role: 'user', content: 'Hi' }], ...fields });
  expect([text, error?.errorType, answer.model_used]).toEqual(['One ', 'stream_interrupted', 'a']);
  expect(models[1]?.calls).toHaveLength(0);
});

test('GW7 GW8: once a tool call was sent nobody else is asked', async () => {
  const { chain, models, events } = chainOf([[cut('One ', { toolCalls: [{ index: 0 }] })], [whole('One two')]]);
  expect(await read(chain)).toMatchObject({ text: 'One ', error: { errorType: 'stream_interrupted' } });
  expect(models[1]?.calls).toHaveLength(0);
  expect(events.at(-1)).toMatchObject({ type: 'stream.not_resumed', reason: 'not_plain_text' });
});

test('GW7: an answer of more than 1 MiB is not kept, and not resumed', async () => {
  const { chain, models, events } = chainOf([[cut('x'.repeat(2 ** 20), 'y')], ['unused']]);
  expect(await read(chain)).toMatchObject({ error: { errorType: 'stream_interrupted' } });
  expect(models[1]?.calls).toHaveLength(0);
  expect(events.at(-1)).toMatchObject({ type: 'stream.not_resumed', reason: 'too_long' });
});

test('GW7: an answer that broke off in its reasoning is said by another, whose reasoning is left out', async () => {
  const { chain, models } = chainOf([
    [cut({ reasoning: 'Hm.' })],
    { prefill: [whole({ reasoning: 'Well.' }, { text: 'Yes', reasoning: '!' })] },
  ]);
  const { deltas } = await read(chain);
  expect(deltas).toEqual([{ reasoning: 'Hm.' }, { text: 'Yes' }, { finishReason: 'stop' }]);
  expect(models[1]?.calls[0]?.input).toBe('Hi');
});

test('GW7: the deltas of later parts have nothing of the later answer but text, finish and usage', async () => {
  const raw = { id: 'second' };
  const { chain } = chainOf([[cut({ text: 'One ', raw: { id: 'first' } })], [whole({ text: 'One two', raw })]]);
  const { deltas } = await read(chain);
  expect(deltas).toEqual([{ text: 'One ', raw: { id: 'first' } }, { text: 'two' }, { finishReason: 'stop' }]);
});

test('GW7: the usage at the end is the sum over all parts, and the split tells what was estimated', async () => {
  const usage = { inputTokens: 12, outputTokens: 3 };
  const { chain } = chainOf([[cut('One ', 'two ')], { prefill: [{ pieces: ['three'], usage }] }]);
  const { deltas, answer } = await read(chain, 'one two three four five six');
  expect(answer.billed).toEqual([
    { model: 'a', usage: { inputTokens: expect.any(Number), outputTokens: 2 }, counted: 'estimated' },
    { model: 'b', usage, counted: 'by_model' },
  ]);
  const first = answer.billed[0]?.usage.inputTokens ?? 0;
  expect(first).toBeGreaterThan(5);
  expect(deltas.at(-1)?.usage).toEqual({ inputTokens: first + 12, outputTokens: 5 });
});

test('GW7: an answer from one model is passed on untouched, and nothing is split', async () => {
  const pieces: Delta[] = [{ text: 'One ', raw: { id: 'x' } }, { reasoning: 'r' }];
  const { chain, types } = chainOf([[{ pieces, usage: { inputTokens: 1, outputTokens: 1 } }]]);
  const { deltas, answer } = await read(chain);
  expect(deltas.slice(0, 2)).toEqual(pieces);
  expect(deltas[0]).toBe(pieces[0]);
  expect(answer.billed).toEqual([]);
  expect(types()).toEqual([]);
});

test('GW7: a model that goes on may use what is left of the tokens asked for', async () => {
  const { chain, models } = chainOf([[cut('One ', 'two ')], { prefill: [whole('three')] }]);
  await read(chain, 'Hi', { maxTokens: 10 });
  expect(models.map(({ calls }) => calls[0]?.options.maxTokens)).toEqual([10, 8]);
});

test('B17 GW7: each break counts against the model that broke off, when it does', async () => {
  const runtime = virtualRuntime();
  const breaker = circuitBreaker({ consecutive: 1 }, runtime);
  const chain = modelFallbackChain({}, runtime)
    .addPrimaryModel(scriptedModel([cut('One ')], runtime), 'a', { policy: breaker })
    .addFallbackModel(scriptedModel([whole('One two')], runtime), 'b');
  const answer = await chain.streamWithFallback('Hi');
  const deltas = answer.stream[Symbol.asyncIterator]();
  await deltas.next();
  expect([breaker.state, answer.model_used]).toEqual(['closed', 'a']);
  expect(await deltas.next()).toEqual({ done: false, value: { text: 'two' } });
  expect([breaker.state, answer.model_used, chain.models[1]?.state]).toEqual(['open', 'b', 'closed']);
});

test('GW7: one deadline holds for all parts', async () => {
  const { chain, runtime, models } = chainOf([
    [{ pieces: ['One ', 'two '], gapMs: 400, end: broken() }],
    [{ pieces: ['One ', 'two ', 'three'], gapMs: 400 }],
  ]);
  const reading = read(chain, 'Hi', { deadlineMs: 1_000 });
  await runtime.clock.advance(1_000);
  expect(await reading).toMatchObject({
    text: 'One two ',
    error: { errorType: 'inference_timeout', details: { phase: 'total' } },
  });
  expect(models[1]?.calls[0]?.options.signal?.aborted).toBe(true);
  expect(runtime.clock.pending).toBe(0);
});

test.each([
  ['the next model is silent', 0],
  ['the next model says what was said before', 250],
  ['the next model says what is new', 650],
])('GW10: a caller who leaves while %s ends its work at once', async (_, atMs) => {
  const { chain, runtime, models } = chainOf([
    [cut('One ', 'two ')],
    [{ pieces: ['One ', 'two ', 'three ', 'four'], delayMs: 200, gapMs: 200 }],
  ]);
  const caller = new AbortController();
  const reading = read(chain, 'Hi', { signal: caller.signal });
  await runtime.clock.advance(atMs);
  expect(models[1]?.calls[0]?.options.signal?.aborted).toBe(false);
  caller.abort('gone');
  expect((await reading).error).toBe('gone');
  expect(models[1]?.calls[0]?.options.signal?.aborted).toBe(true);
  expect(models[1]?.calls).toHaveLength(1);
  await runtime.clock.runAll();
  expect(models.map(({ calls }) => calls.length)).toEqual([1, 1]);
});

test('GW10: a reader who stops reading while the next model is asked ends its work', async () => {
  const { chain, runtime, models } = chainOf([[cut('One ')], [{ pieces: ['One two'], delayMs: 1_000 }]]);
  const { stream } = await chain.streamWithFallback('Hi');
  const deltas = stream[Symbol.asyncIterator]();
  await deltas.next();
  const pending = deltas.next().catch((error: unknown) => error);
  await runtime.clock.advance(500);
  await deltas.return?.();
  expect(await pending).toMatchObject({ errorType: 'cancelled' });
  expect(models[1]?.calls[0]?.options.signal?.aborted).toBe(true);
});

test('GW7: an answer that does not agree is left, and its model told to stop', async () => {
  let stopped = false;
  const second: TextModel = {
    generate: () => 'unused',
    async *stream() {
      try {
        for (;;) yield { text: 'Two ' };
      } finally {
        stopped = true;
      }
    },
  };
  const { chain } = chainOf([[cut('One ')]]);
  chain.addFallbackModel(second, 'second');
  expect((await read(chain)).error).toMatchObject({ details: { resume: 'diverged' } });
  expect(stopped).toBe(true);
});

/** A text in arbitrary pieces, with characters outside the first plane cut in two as well. */
const letters = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '\u{1F600}'), minLength: 1, maxLength: 80 });
const cuts = fc.array(fc.nat({ max: 160 }), { maxLength: 12 });

function inPieces(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % (text.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...places].map((place, index) => text.slice(place, places[index] ?? text.length));
}

test('GW7: wherever an answer breaks off and however a second one comes, the reader gets both ends exactly once, or an error', async () => {
  const manner = fc.constantFrom('restarts', 'goes on', 'refuses', 'overlooks');
  await fc.assert(
    fc.asyncProperty(
      fc.record({ answer: letters, breakAt: fc.nat(), firstCuts: cuts, manner, changed: fc.option(fc.nat()) }),
      cuts,
      async ({ answer, breakAt, firstCuts, manner: how, changed }, secondCuts) => {
        const sent = answer.slice(0, 1 + (breakAt % answer.length));
        const place = changed === null ? answer.length : changed % answer.length;
        const second = changed === null ? answer : `${answer.slice(0, place)}#${answer.slice(place + 1)}`;
        const agrees = second.startsWith(sent);
        const rest = answer.slice(sent.length);
        const model: TextModel = {
          generate: () => 'unused',
          async *stream(input) {
            const given = typeof input === 'object';
            if (given && how === 'refuses') throw new InvalidInputError('no prefill');
            const said = given ? (how === 'goes on' ? rest : answer) : second;
            for (const text of inPieces(said, secondCuts)) yield { text };
            yield { finishReason: 'stop' };
          },
        };
        const { chain } = chainOf([[cut(...inPieces(sent, firstCuts))]]);
        chain.addFallbackModel(model, 'b', 1, how === 'restarts' ? {} : { prefill: assistantPrefill });
        const { text, error } = await read(chain);

        if (error === undefined) {
          const wholes = how === 'goes on' ? [answer, agrees ? second : answer] : [second];
          expect(wholes).toContain(text);
          expect(text.startsWith(sent)).toBe(true);
        } else {
          expect(text).toBe(sent);
          expect(error.errorType).toBe('stream_interrupted');
        }
        if (changed === null) expect([text, error]).toEqual([answer, undefined]);
        // Only in a restart can two answers be compared, and there no difference goes unseen.
        if (how !== 'goes on') expect(error === undefined).toBe(agrees);
      },
    ),
    { numRuns: 1_000 },
  );
});
