import { expect, test } from 'vitest';
import type { ReportedEvent } from '../call/events.js';
import { InvalidInputError } from '../errors/input-errors.js';
import type { ModelError } from '../errors/model-error.js';
import { UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { type ScriptedAnswer, type ScriptedModel, scriptedModel } from '../testing/scripted-model.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import type { FallbackStream } from './chain-answer.js';
import { type ModelFallbackChain, modelFallbackChain } from './fallback-chain.js';
import type { ChainHedge, SecondLine } from './hedged-walk.js';

interface Hedged {
  readonly chain: ModelFallbackChain;
  readonly models: readonly ScriptedModel[];
  readonly runtime: VirtualRuntime;
  readonly events: ReportedEvent[];
  readonly seconds: SecondLine[];
  /** One stream, told when its first content came and what it says. */
  readonly ask: () => Promise<{ ms: number; said: string; model: string; attempts: FallbackStream['attempts'] }>;
}

/** A chain of a, b, c …, in which a stream is hedged after 100 ms. */
function hedgedChain(scripts: readonly (readonly ScriptedAnswer[])[], hedge: Partial<ChainHedge> = {}): Hedged {
  const runtime = virtualRuntime();
  const events: ReportedEvent[] = [];
  runtime.events.on((event) => events.push(event));
  const seconds: SecondLine[] = [];
  const allows = (second: SecondLine): boolean => {
    seconds.push(second);
    return hedge.allows?.(second) ?? true;
  };
  const chain = modelFallbackChain({ hedge: { delayMs: () => 100, ...hedge, allows } }, runtime);
  const models = scripts.map((script) => scriptedModel(script, runtime));
  for (const [index, model] of models.entries()) {
    if (index === 0) chain.addPrimaryModel(model, 'a');
    else chain.addFallbackModel(model, 'abc'[index] ?? '', index);
  }
  async function ask() {
    const startedAt = runtime.clock.now();
    const answer = await chain.streamWithFallback('Hi');
    const ms = runtime.clock.now() - startedAt;
    let said = '';
    for await (const { text = '' } of answer.stream) said += text;
    return { ms, said, model: answer.model_used, attempts: answer.attempts };
  }
  return { chain, models, runtime, events, seconds, ask };
}

const late = (text: string, delayMs: number): ScriptedAnswer => ({ pieces: [text, '!'], delayMs, gapMs: 10 });
const told = (events: readonly ReportedEvent[]): string[] =>
  events.flatMap(({ type }) => (type.startsWith('hedge.') || type.startsWith('model.') ? [type] : []));
const aborted = ({ calls }: ScriptedModel): (boolean | undefined)[] =>
  calls.map(({ options }) => options.signal?.aborted);

test('GW18: a stream without content after the delay is asked of the next model too, and whoever speaks first is heard', async () => {
  const { ask, models, runtime, events } = hedgedChain([[late('from a', 5_000)], [late('from b', 50)]]);
  const asked = ask();
  await runtime.clock.advance(99);
  expect(models[1]?.calls).toHaveLength(0);
  await runtime.clock.advance(200);
  expect(await asked).toEqual({
    ms: 150,
    said: 'from b!',
    model: 'b',
    attempts: [{ model: 'a', errorType: 'cancelled', ms: 150 }],
  });
  expect(models.map(aborted)).toEqual([[true], [false]]);
  expect(told(events)).toEqual(['hedge.started', 'hedge.won', 'hedge.lost', 'model.answered']);
  expect(runtime.clock.pending).toBe(0);
});

test('GW18: the first model may still be sooner, and then the second one is aborted', async () => {
  const { ask, models, runtime, events } = hedgedChain([[late('from a', 150)], [late('from b', 5_000)]]);
  const asked = ask();
  await runtime.clock.advance(300);
  expect(await asked).toMatchObject({ ms: 150, said: 'from a!', model: 'a' });
  expect(models.map(aborted)).toEqual([[false], [true]]);
  expect(told(events)).toEqual(['hedge.started', 'hedge.lost', 'model.answered']);
});

test('GW18: an answer in time, an answer as a whole, and the only model there is are not hedged', async () => {
  const inTime = hedgedChain([[late('from a', 99)], ['from b']]);
  const asked = inTime.ask();
  await inTime.runtime.clock.advance(300);
  expect(await asked).toMatchObject({ said: 'from a!' });
  const whole = inTime.chain.generateWithFallback('Hi');
  await inTime.runtime.clock.advance(300);
  await whole;
  expect(inTime.models[1]?.calls).toHaveLength(0);
  expect(inTime.runtime.clock.pending).toBe(0);

  const alone = hedgedChain([[late('from a', 500)]]);
  const single = alone.ask();
  await alone.runtime.clock.advance(1_000);
  expect(await single).toMatchObject({ ms: 500, said: 'from a!' });
  expect(alone.seconds).toEqual([]);
});

test('GW18: without a delay, and without leave, there is no second model', async () => {
  for (const hedge of [{ delayMs: () => undefined }, { allows: () => false }]) {
    const { ask, models, runtime } = hedgedChain([[late('from a', 500)], ['from b']], hedge);
    const asked = ask();
    await runtime.clock.advance(1_000);
    expect(await asked).toMatchObject({ ms: 500, said: 'from a!' });
    expect(models[1]?.calls).toHaveLength(0);
  }
});

test('GW1 GW18: both lines together ask each model once, and a failure in one is not the end of the other', async () => {
  const down = (): ScriptedAnswer => ({ end: new UpstreamUnavailableError(), delayMs: 20 });
  const { ask, models, runtime, seconds } = hedgedChain([[late('from a', 400)], [down()], [down()]]);
  const asked = ask();
  await runtime.clock.advance(1_000);
  expect(await asked).toMatchObject({ ms: 400, said: 'from a!', attempts: [{ model: 'b' }, { model: 'c' }] });
  expect(models.map(({ calls }) => calls.length)).toEqual([1, 1, 1]);
  expect(seconds.map(({ model }) => model)).toEqual(['b']);

  const lost = hedgedChain([[{ end: new UpstreamUnavailableError(), delayMs: 400 }], [down()]]);
  const failing = lost.ask().catch((error: unknown) => error as ModelError);
  await lost.runtime.clock.advance(1_000);
  expect(await failing).toMatchObject({ errorType: 'model_overloaded', details: { tried_models: ['b', 'a'] } });
});

test('GW18: a verdict on the request ends both lines', async () => {
  const wrong = new InvalidInputError('No such parameter');
  const { ask, models, runtime } = hedgedChain([[late('from a', 400)], [{ end: wrong, delayMs: 20 }]]);
  const failing = ask().catch((error: unknown) => error);
  await runtime.clock.advance(200);
  expect(await failing).toBe(wrong);
  expect(models.map(aborted)).toEqual([[true], [false]]);
});

test('GW10 GW18: a caller who leaves ends both lines', async () => {
  const { chain, models, runtime } = hedgedChain([[late('from a', 5_000)], [late('from b', 5_000)]]);
  const leaving = new AbortController();
  const failing = chain.streamWithFallback('Hi', { signal: leaving.signal }).catch((error: unknown) => error);
  await runtime.clock.advance(200);
  leaving.abort(new Error('gone'));
  expect(await failing).toEqual(new Error('gone'));
  expect(models.map(aborted)).toEqual([[true], [true]]);
  expect(runtime.clock.pending).toBe(0);
});
