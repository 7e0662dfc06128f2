import { GenerationFailedError, type ModelError } from 'ripstop';
import type { SecondLine } from 'ripstop/models';
import type { DegradationLevel } from 'ripstop/observation';
import {
  recordingContext,
  type ScriptedAnswer,
  type ScriptedModel,
  scriptedModel,
  virtualRuntime,
} from 'ripstop/testing';
import { expect, test } from 'vitest';
import { configSchema } from '../config/schema.js';
import type { Upstream } from '../upstreams/upstream.js';
import type { Served } from './askable.js';
import { createChains } from './chains.js';
import { Hedging, type HedgingOptions } from './hedging.js';

const second = { model: 'b' } as SecondLine;

/** A hedging whose surroundings say yes to everything, and what it tells. */
function hedgingOf(options: Partial<HedgingOptions> = {}) {
  const begun: string[] = [];
  const runtime = virtualRuntime();
  const hedging = new Hedging(
    { hedge: {}, level: () => 'full', pay: () => 'granted', begun: ({ model }) => begun.push(model), ...options },
    runtime,
  );
  /** So many streams, whose first content came after 1, 2, 3 … ms; whether each was hedged. */
  const streams = (count: number, askFor: 'if slow' | 'always' = 'always'): boolean[] =>
    Array.from({ length: count }, (_, index) => {
      const delayMs = hedging.delayMs();
      hedging.heard(index + 1);
      return delayMs !== undefined && askFor === 'always' && hedging.allows(second);
    });
  return { hedging, streams, begun, runtime };
}

test('GW18: the delay is what 95 % of recent streams took, and unknown before there were twenty', async () => {
  const { hedging, streams, runtime } = hedgingOf();
  streams(19, 'if slow');
  expect(hedging.delayMs()).toBeUndefined();
  streams(100, 'if slow');
  expect(hedging.delayMs()).toBeGreaterThan(85);
  expect(hedging.delayMs()).toBeLessThan(100);
  await runtime.clock.advance(600_000);
  expect(hedging.delayMs()).toBeUndefined();
});

test('GW18: however slow all are, one stream in twenty is hedged, and quiet times save up no more than five', () => {
  const { streams, begun } = hedgingOf({ hedge: { after: 100 } });
  expect(streams(20).map((hedged, index) => (hedged ? index + 1 : 0))).toContain(20);
  expect(begun).toHaveLength(1);
  streams(380);
  expect(begun).toHaveLength(20);
  streams(1_000, 'if slow');
  begun.length = 0;
  streams(19);
  expect(begun).toHaveLength(5);
});

test('GW16 GW18: under pressure nothing is hedged, whenever it begins, nor what a spent budget would pay for', () => {
  let level: DegradationLevel = 'reduced';
  const { hedging, streams } = hedgingOf({ level: () => level, hedge: { after: 100 } });
  expect(streams(100)).not.toContain(true);
  level = 'full';
  expect(hedging.delayMs()).toBe(100);
  level = 'minimal';
  expect(hedging.allows(second)).toBe(false);
  expect(hedgingOf({ hedge: { after: 1 }, pay: () => 'denied' }).streams(100)).not.toContain(true);
});

interface House {
  readonly models: Readonly<Record<'a' | 'b', ScriptedModel>>;
  readonly ask: () => Promise<{ said: string; served: Served | undefined; ms: number } | ModelError>;
}

/** A chain of a and b with hedging after 100 ms. */
function house(a: readonly ScriptedAnswer[], b: readonly ScriptedAnswer[], level: DegradationLevel = 'full'): House {
  const runtime = virtualRuntime();
  const models = { a: scriptedModel(a, runtime), b: scriptedModel(b, runtime) };
  const nothing = async (): Promise<void> => undefined;
  const none = (): undefined => undefined;
  const upstreams = new Map(
    Object.entries(models).map(([name, model]): [string, Upstream] => [
      name,
      { name, model: () => model, endpoint: none, health: none, start: nothing, close: nothing },
    ]),
  );
  const config = configSchema.parse({ models: { default: { chain: ['a', 'b'], hedge: { after: '100ms' } } } });
  const chains = createChains({ config, upstreams, level: () => level }, runtime);
  const one = async () => {
    let served: Served | undefined;
    const startedAt = runtime.clock.now();
    const context = recordingContext({}, runtime);
    const answer = await chains.get(undefined).stream('hi', { context, served: (facts) => (served = facts) });
    const ms = runtime.clock.now() - startedAt;
    let said = '';
    for await (const { text = '' } of answer.deltas) said += text;
    return { said, served, ms };
  };
  return {
    models,
    async ask() {
      const progress = { over: false };
      const call = one().catch((error: unknown) => error as ModelError);
      void call.finally(() => (progress.over = true));
      while (!progress.over) await runtime.clock.advance(10);
      return call;
    },
  };
}

const slow = { pieces: ['slow'], delayMs: 3_000 };

test('GW18: the second try goes to the next upstream, which is told as the one that answered', async () => {
  const { ask, models } = house([...Array<string>(19).fill('quick'), slow], ['from b']);
  for (let call = 0; call < 19; call += 1) await ask();
  expect(await ask()).toMatchObject({
    said: 'from b',
    ms: 100,
    served: { upstream: 'b', attempts: 2, wasFallback: true },
  });
  expect(models.a.calls.at(-1)?.options.signal?.aborted).toBe(true);
  // Its one hedge is spent.
  expect(await ask()).toMatchObject({ said: 'slow', ms: 3_000 });

  const reduced = house([...Array<string>(19).fill('quick'), slow], ['from b'], 'reduced');
  for (let call = 0; call < 19; call += 1) await reduced.ask();
  expect(await reduced.ask()).toMatchObject({ said: 'slow' });
  expect(reduced.models.b.calls).toHaveLength(0);
});

test('GW1 GW18: tries of both lines together are six at most, and three at each upstream', async () => {
  const failing = { end: new GenerationFailedError(), delayMs: 60 };
  const { ask, models } = house([...Array<string>(19).fill('quick'), failing], [failing]);
  for (let call = 0; call < 19; call += 1) await ask();
  expect(await ask()).toMatchObject({ errorType: 'generation_failed' });
  expect(models.a.calls.length - 19).toBeLessThanOrEqual(3);
  expect(models.b.calls.length).toBeLessThanOrEqual(3);
  expect(models.b.calls.length).toBeGreaterThanOrEqual(1);
});
