import {
  AuthenticationError,
  InferenceTimeoutError,
  InvalidResponseError,
  type ModelError,
  ModelLoadingError,
  ModelOverloadedError,
  OutOfMemoryError,
  RateLimitError,
  UpstreamUnavailableError,
} from 'ripstop';
import { recordingContext, type VirtualRuntime, virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { configSchema } from '../config/schema.js';
import type { Upstream } from '../upstreams/upstream.js';
import type { ChainOptions } from './askable.js';
import { type Chains, createChains } from './chains.js';

/** What an upstream does when it is asked: an answer or an error, at once or after so many milliseconds. */
type Act = () =>
  | string
  | ModelError
  | { readonly afterMs: number; readonly error: ModelError }
  | { readonly afterMs: number; readonly answer: string };

const down = (message?: string): ModelError => new UpstreamUnavailableError(message, { details: { status: 503 } });

type AskOptions = Partial<ChainOptions> & { readonly model?: string };

interface House {
  readonly chains: Chains;
  readonly runtime: VirtualRuntime;
  /** When each upstream was asked, in milliseconds. */
  readonly asked: Readonly<Record<string, readonly number[]>>;
  /** One call to its end, as time passes. */
  readonly ask: (options?: AskOptions) => Promise<string | ModelError>;
}

function house(acts: Readonly<Record<string, Act>>, models: Readonly<Record<string, unknown>> = {}): House {
  const runtime = virtualRuntime();
  const { clock } = runtime;
  const names = Object.keys(acts);
  const asked: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  const upstreams = new Map(names.map((name): [string, Upstream] => [name, upstream(name)]));
  const config = configSchema.parse({ models: { default: names, ...models } });
  const chains = createChains({ config, upstreams }, runtime);

  function upstream(name: string): Upstream {
    const generate = async (): Promise<string> => {
      asked[name]?.push(clock.now());
      const act = acts[name]?.() ?? '';
      if (typeof act === 'string') return act;
      if (!('afterMs' in act)) throw act;
      await new Promise<void>((resolve) => clock.after(act.afterMs, resolve));
      if ('answer' in act) return act.answer;
      throw act.error;
    };
    const nothing = async (): Promise<void> => undefined;
    const none = (): undefined => undefined;
    return { name, model: () => ({ generate }), endpoint: none, health: none, start: nothing, close: nothing };
  }

  return {
    chains,
    runtime,
    asked,
    async ask({ deadlineMs = 120_000, model, ...options } = {}) {
      const context = recordingContext({}, runtime);
      const call = chains
        .get(model)
        .generate('hi', { context, deadlineMs, served: () => undefined, ...options })
        .then(
          ({ text }) => text,
          (error: unknown) => error as ModelError,
        );
      const progress = { over: false };
      void call.finally(() => (progress.over = true));
      while (!progress.over) await clock.advance(50);
      return call;
    },
  };
}

test('GW1: a target is tried three times, and a request six, whoever else is in the chain', async () => {
  const two = house({ a: down, b: down });
  expect(await two.ask()).toMatchObject({ errorType: 'upstream_unavailable' });
  expect([two.asked['a']?.length, two.asked['b']?.length]).toEqual([3, 3]);

  const four = house({ a: down, b: down, c: down, d: () => 'done' });
  expect(await four.ask()).toBe('done');
  expect(Object.values(four.asked).map(({ length }) => length)).toEqual([3, 1, 1, 1]);

  const eight = house({ a: down, b: down, c: down, d: down, e: down, f: down, g: down, h: () => 'done' });
  expect(await eight.ask()).toMatchObject({ errorType: 'upstream_unavailable' });
  expect(Object.values(eight.asked).map(({ length }) => length)).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
});

test('GW1: half of the tokens after memory ran out is one of the three tries at a target', async () => {
  let tries = 0;
  const { ask, asked } = house({ a: () => ((tries += 1) === 1 ? new OutOfMemoryError() : down()), b: () => 'done' });
  expect(await ask({ maxTokens: 8, whenOutOfMemory: 'halve' })).toBe('done');
  expect([asked['a']?.length, asked['b']?.length]).toEqual([3, 1]);
});

test('GW1: every request has its own six tries', async () => {
  const { ask, asked } = house({ a: down, b: () => 'done' });
  expect([await ask(), await ask()]).toEqual(['done', 'done']);
  // The breaker opens after the fifth failure in a row.
  expect(asked['a']).toHaveLength(5);
  expect(asked['b']).toHaveLength(2);
});

test('GW2: a wait that does not fit into the time left is not begun: the next target is asked now', async () => {
  const limited = (): ModelError => new RateLimitError(undefined, { retryAfterMs: 2_000 });
  const { ask, asked } = house({ a: limited, b: () => 'done' });
  expect(await ask({ deadlineMs: 1_500 })).toBe('done');
  expect(asked).toEqual({ a: [0], b: [0] });
});

test('GW2: a rate limit with a short wait is asked again once, after that wait', async () => {
  const limited = (): ModelError => new RateLimitError(undefined, { retryAfterMs: 2_000 });
  const { ask, asked } = house({ a: limited, b: () => 'done' });
  expect(await ask()).toBe('done');
  expect(asked['a']).toHaveLength(2);
  expect(asked['a']?.[1]).toBeGreaterThanOrEqual(2_000);
  expect(asked['a']?.[1]).toBeLessThanOrEqual(2_200);
});

test('GW2: after the last try nobody waits', async () => {
  const { ask, asked } = house(
    { a: down, b: () => 'done' },
    { default: { chain: ['a', 'b'], retry: { attempts: 1 } } },
  );
  expect(await ask()).toBe('done');
  expect(asked).toEqual({ a: [0], b: [0] });
});

test('GW3: while a target fails, its retries stay within their budget, whichever chain they come from', async () => {
  // Is retried, and opens no breaker.
  const loading = (): ModelError => new ModelLoadingError();
  const { chains, runtime, asked } = house({ a: loading, b: () => 'done' }, { other: ['a', 'b'] });
  const calls = Array.from({ length: 100 }, (_, index) => {
    const context = recordingContext({}, runtime);
    const chain = chains.get(index % 2 === 0 ? 'default' : 'other');
    return chain.generate('hi', { context, deadlineMs: 60_000, served: () => undefined });
  });
  await runtime.clock.advance(10_000);
  await Promise.all(calls);
  const retries = (asked['a']?.length ?? 0) - 100;
  // Ten in reserve and three a second, where 200 would be allowed without a budget; nothing was earned.
  expect(retries).toBeGreaterThanOrEqual(10);
  expect(retries).toBeLessThanOrEqual(13);
});

test('GW4: a try that took more than half of the time is not repeated at the same target', async () => {
  for (const [afterMs, tries] of [
    [6_000, 1],
    [1_000, 3],
  ] as const) {
    const slow = house({ a: () => ({ error: down(), afterMs }), b: () => 'done' });
    expect(await slow.ask({ deadlineMs: 10_000 })).toBe('done');
    expect(slow.asked['a']).toHaveLength(tries);
  }
});

test('R5 GW11: five failures in a row open it for 2 s, then for longer, up to 10 s, and never to the tick', async () => {
  const { ask, asked, runtime } = house(
    { a: down, b: () => 'done' },
    { default: { chain: ['a', 'b'], retry: { attempts: 1 } } },
  );
  for (let second = 0; second < 120; second += 1) {
    await ask();
    await runtime.clock.advance(950);
  }
  const tries = asked['a'] ?? [];
  const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
  expect(pauses.slice(0, 4).every((ms) => ms <= 1_000)).toBe(true);
  const cooldowns = pauses.slice(4);
  expect(cooldowns[0]).toBeLessThan(3_001);
  expect(Math.max(...cooldowns)).toBeGreaterThan(8_000);
  expect(Math.max(...cooldowns)).toBeLessThanOrEqual(11_000);
});

test('GW11: half-open, one trial at a time, and two successes close it', async () => {
  let broken = true;
  const { ask, chains, runtime } = house(
    { a: () => (broken ? down() : 'a'), b: () => 'b' },
    { default: { chain: ['a', 'b'], retry: { attempts: 1 } } },
  );
  const state = (): unknown => chains.upstreams()[0]?.details['breaker'];
  for (let call = 0; call < 5; call += 1) expect(await ask()).toBe('b');
  expect(state()).toBe('open');
  broken = false;
  await runtime.clock.advance(2_000);
  expect(await Promise.all([ask(), ask()])).toEqual(['a', 'b']);
  expect(state()).toBe('half_open');
  expect(await ask()).toBe('a');
  expect(state()).toBe('closed');
});

test('GW11: after silence the trial is a copy that nobody waits for, and the first answer is trusted', async () => {
  let silent = true;
  const silence = (): ModelError => new InferenceTimeoutError(10_000, { details: { phase: 'first_content' } });
  const { ask, asked, chains, runtime } = house({
    a: () => (silent ? { error: silence(), afterMs: 10_000 } : 'a'),
    b: () => 'b',
  });
  const timed = async (): Promise<[unknown, number]> => {
    const startedAt = runtime.clock.now();
    return [await ask(), Math.floor((runtime.clock.now() - startedAt) / 1_000)];
  };
  const copies: (string | undefined)[] = [];
  runtime.events.on((event) => void (event.type === 'attempt.finished' && copies.push(event.errorType)));
  for (let call = 0; call < 5; call += 1) expect(await timed()).toEqual(['b', 10]);
  expect(chains.upstreams()[0]?.details['breaker']).toBe('open');
  await runtime.clock.advance(2_000);
  expect(await timed()).toEqual(['b', 0]);
  expect(asked['a']).toHaveLength(6);
  await runtime.clock.advance(20_000);
  silent = false;
  expect(await timed()).toEqual(['b', 0]);
  expect(asked['a']).toHaveLength(7);
  expect(await timed()).toEqual(['a', 0]);
  expect(copies).toEqual(['inference_timeout', undefined]);
  expect(chains.upstreams()[0]?.details['breaker']).toBe('closed');
});

test('GW11: where nobody else can answer, a silent target is asked all the same', async () => {
  const silence = (): ModelError => new InferenceTimeoutError(10_000, { details: { phase: 'first_content' } });
  const { ask, asked, runtime } = house({ a: () => silence() });
  for (let call = 0; call < 5; call += 1) await ask();
  await runtime.clock.advance(2_000);
  expect(await ask()).toMatchObject({ errorType: 'inference_timeout' });
  expect(asked['a']).toHaveLength(6);
});

test('GW13: what two targets answer alike counts against the first alone', async () => {
  const once = { retry: { attempts: 1 } };
  const alike = house(
    { a: () => down('no such weights 17'), b: () => down('No such weights 4') },
    { default: { chain: ['a', 'b'], ...once } },
  );
  const different = house(
    { a: () => down(), b: () => new InvalidResponseError() },
    { default: { chain: ['a', 'b'], ...once } },
  );
  for (const { ask } of [alike, different]) for (let call = 0; call < 5; call += 1) await ask();
  const states = ({ chains }: House): unknown[] => chains.upstreams().map(({ details }) => details['breaker']);
  expect(states(alike)).toEqual(['open', 'closed']);
  expect(states(different)).toEqual(['open', 'open']);
});

test('an upstream that says when its limit ends is left alone until then, and no failure is counted', async () => {
  let limited = true;
  const { ask, asked, chains, runtime } = house({
    a: () => (limited ? new RateLimitError(undefined, { retryAfterMs: 30_000 }) : 'a'),
    b: () => 'b',
  });
  expect(await ask()).toBe('b');
  limited = false;
  expect(await ask()).toBe('b');
  expect(asked['a']).toHaveLength(1);
  await runtime.clock.advance(30_000);
  expect(await ask()).toBe('a');
  expect(chains.upstreams()[0]?.usable).toBe(true);
});

test('an upstream that refuses our key is left alone for a minute while somebody else can answer', async () => {
  const refused = (): ModelError => new AuthenticationError(undefined, { origin: 'upstream' });
  const two = house({ a: refused, b: () => 'b' });
  expect([await two.ask(), await two.ask()]).toEqual(['b', 'b']);
  expect(two.asked['a']).toHaveLength(1);
  await two.runtime.clock.advance(60_000);
  expect(await two.ask()).toBe('b');
  expect(two.asked['a']).toHaveLength(2);

  const alone = house({ a: refused });
  for (let call = 0; call < 2; call += 1)
    expect(await alone.ask()).toMatchObject({ errorType: 'authentication_failed' });
  expect(alone.asked['a']).toHaveLength(2);
});

test('an overloaded upstream is tried again, and our own rejection is not', async () => {
  const busy = house({ a: () => new ModelOverloadedError(undefined, { origin: 'upstream' }), b: () => 'b' });
  expect(await busy.ask()).toBe('b');
  expect(busy.asked['a']).toHaveLength(3);
  const full = house({
    a: () => new ModelOverloadedError(undefined, { details: { reason: 'queue_full' } }),
    b: () => 'b',
  });
  expect(await full.ask()).toBe('b');
  expect(full.asked['a']).toHaveLength(1);
});

test('GW12: when all are open one request tries, and the others wait for what comes of it', async () => {
  const state = { broken: true };
  const { ask, asked, chains } = house(
    { a: () => (state.broken ? down() : { answer: 'a', afterMs: 500 }) },
    { default: { chain: ['a'], retry: { attempts: 1 } } },
  );
  for (let call = 0; call < 5; call += 1) await ask();
  const breaker = (): unknown => chains.upstreams()[0]?.details['breaker'];
  expect(breaker()).toBe('open');
  state.broken = false;
  expect(await Promise.all([ask(), ask(), ask()])).toEqual(['a', 'a', 'a']);
  const [first = 0, ...others] = asked['a']?.slice(5) ?? [];
  expect(others.every((at) => at >= first + 500)).toBe(true);
  expect(others).toHaveLength(2);
  expect(breaker()).toBe('closed');
});

test('GW21: whatever an upstream is asked is an attempt that is told, a trial of one that is out included', async () => {
  const acts: (() => ModelError | string)[] = [down, down, () => 'back'];
  const { ask, asked, runtime } = house(
    { a: () => acts.shift()?.() ?? 'well' },
    { default: { chain: ['a'], retry: { attempts: 1 }, breaker: { consecutive: 1, cooldown: '1m' } } },
  );
  const context = recordingContext({}, runtime);
  await ask({ context });
  await ask({ context });
  await runtime.clock.advance(1_000);
  expect([await ask({ context }), await ask({ context })]).toEqual(['back', 'well']);
  expect(asked['a']).toHaveLength(4);
  const told = context.events.flatMap((event) =>
    event.type === 'attempt.finished' ? [event.errorType ?? 'none'] : [],
  );
  expect(told).toEqual(['upstream_unavailable', 'upstream_unavailable', 'none', 'none']);
});

test('GW12: while that fails, one request a second reaches the target, whoever else comes one after the other', async () => {
  const { ask, asked, runtime } = house(
    { a: down },
    { default: { chain: ['a'], retry: { attempts: 1 }, breaker: { consecutive: 1, cooldown: '1m' } } },
  );
  await ask();
  const types: Record<string, number> = {};
  for (let call = 0; call < 40; call += 1) {
    const { errorType } = (await ask()) as ModelError;
    types[errorType] = (types[errorType] ?? 0) + 1;
  }
  // Each call takes 50 ms here, so these are two seconds.
  expect(runtime.clock.now()).toBeLessThan(2_100);
  expect(types).toEqual({ upstream_unavailable: 2, model_overloaded: 38 });
  expect(asked['a']?.length).toBe(3);
  const [, forced = 0, next = 0] = asked['a'] ?? [];
  expect(next - forced).toBeGreaterThanOrEqual(1_000);
});

test('GW12: those who wait give up after 2 s, and hear when to come back and why nobody answered', async () => {
  const { ask, chains, runtime } = house(
    { a: () => ({ error: down(), afterMs: chains.upstreams()[0]?.details['breaker'] === 'open' ? 5_000 : 0 }) },
    { default: { chain: ['a'], retry: { attempts: 1 }, breaker: { cooldown: '8s' } } },
  );
  for (let call = 0; call < 5; call += 1) await ask();
  const startedAt = runtime.clock.now();
  const trying = ask();
  const failure = await ask();
  expect(runtime.clock.now() - startedAt).toBeLessThan(2_500);
  expect(failure).toMatchObject({
    errorType: 'model_overloaded',
    status: 503,
    details: { reason: 'circuit_open' },
    cause: { errors: [{ cause: { errorType: 'upstream_unavailable' } }] },
  });
  expect((failure as ModelError).retryAfterMs).toBeGreaterThan(5_000);
  await trying;
});
