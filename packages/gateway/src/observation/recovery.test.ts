import type { ReportedEvent } from 'ripstop';
import { AuthenticationError, GenerationFailedError, type ModelError, UpstreamUnavailableError } from 'ripstop/errors';
import { degradation } from 'ripstop/observation';
import { policy } from 'ripstop/policies';
import { virtualRuntime } from 'ripstop/testing';
import { describe, expect, test } from 'vitest';
import { createChains } from '../chains/chains.js';
import { configSchema } from '../config/schema.js';
import type { LocalModelHealth } from '../embedded-model/embedded-text-model.js';
import type { Upstream } from '../upstreams/upstream.js';
import { observeRecovery } from './recovery.js';

/** What an upstream does next, and how often it was asked. */
interface Script {
  fails: ModelError | undefined;
  /** Of an engine. */
  state: LocalModelHealth['state'];
  readonly asked: { maxTokens: number | undefined }[];
}

/** Real chains over a and b, which are engines: they can be asked how they are without a network. */
function house(recovery: object = {}) {
  const runtime = virtualRuntime({ random: () => 0 });
  const told: ReportedEvent[] = [];
  runtime.events.on((event) => void (/^(chain|probe|incident)\./.test(event.type) && told.push(event)));
  const config = configSchema.parse({
    upstreams: { a: { engine: 'embedded' }, b: { engine: 'embedded' } },
    models: {
      default: { chain: ['a', 'b'], retry: { attempts: 1 }, breaker: { consecutive: 2, cooldown: '60s' } },
      alone: { chain: ['a'], retry: { attempts: 1 }, breaker: { consecutive: 2, cooldown: '60s' } },
    },
    observation: { recovery },
  });
  const scripts: Record<'a' | 'b', Script> = {
    a: { fails: undefined, state: 'ready', asked: [] },
    b: { fails: undefined, state: 'ready', asked: [] },
  };
  const upstreams = new Map(Object.entries(scripts).map(([name, script]) => [name, upstreamOf(name, script)] as const));
  const chains = createChains({ config, upstreams }, runtime);
  const level = degradation({}, runtime);
  const watched = observeRecovery({ config, chains, degradation: level, runtime });
  const called = policy('called', (next, context) => next(context), runtime);
  const ask = async (name = 'default', times = 1): Promise<string> => {
    let answer = '';
    for (let call = 0; call < times; call += 1) {
      answer = await called
        .execute((context) => chains.get(name).generate('?', { context, served: () => undefined, maxTokens: 9 }))
        .then(
          ({ upstream }) => upstream,
          (error: ModelError) => error.errorType,
        );
    }
    return answer;
  };
  return { runtime, told, scripts, level, watched, ask };
}

function upstreamOf(name: string, script: Script): Upstream {
  return {
    name,
    model: () => ({
      generate: (_input, options) => {
        script.asked.push({ maxTokens: options?.maxTokens });
        return script.fails === undefined ? Promise.resolve(name) : Promise.reject(script.fails);
      },
    }),
    endpoint: () => undefined,
    health: () => ({ state: script.state }) as LocalModelHealth,
    start: async () => undefined,
    close: async () => undefined,
  };
}

const down = new UpstreamUnavailableError();
/** In another way: what fails alike everywhere is the request's fault. */
const broken = new GenerationFailedError();
const types = (events: readonly ReportedEvent[]): string[] => events.map(({ type }) => type);

test('GW22 R197: a trip is followed by unbilled probes, and what comes back is tried before its cooldown is over', async () => {
  const { runtime, told, scripts, watched, ask } = house();
  scripts.a.fails = down;
  scripts.a.state = 'restarting';
  await ask('default', 3);
  expect(scripts.a.asked).toHaveLength(2);
  await runtime.clock.advance(3_000);
  expect(types(told)).toEqual(['incident.opened', 'probe.finished', 'chain.down', 'probe.finished']);
  scripts.a.fails = undefined;
  scripts.a.state = 'ready';
  await runtime.clock.advance(4_000);
  expect(scripts.a.asked).toHaveLength(2);
  expect(told.at(-1)).toMatchObject({ type: 'probe.finished', model: 'a', healthy: true });
  expect(await ask('default', 2)).toBe('a');
  expect(watched.recent()).toMatchObject([
    { subject: 'a', status: 'recovering', answered_instead: { b: 3 }, probes: { healthy: 1, unhealthy: 2 } },
  ]);
  expect(told.at(-1)).toMatchObject({ type: 'chain.recovered', name: 'alone', downMs: 7_000 });
});

test('GW22: a probe that is good from the start changes nothing, and `off` means none', async () => {
  for (const [probes, count] of [
    ['free', 1],
    ['off', 0],
  ] as const) {
    const { runtime, told, scripts, ask } = house({ probes });
    scripts.a.fails = down;
    await ask('default', 2);
    scripts.a.fails = undefined;
    await runtime.clock.advance(50_000);
    expect(types(told).filter((type) => type === 'probe.finished')).toHaveLength(count);
    expect(await ask('default')).toBe('b');
  }
});

describe('GW22: a paid probe', () => {
  test('asks for one token, at most so often, and two good ones close the breaker where nobody calls', async () => {
    const { runtime, told, scripts, watched, ask } = house({ probes: 'paid', paidEvery: '20s', settle: '1s' });
    scripts.a.fails = down;
    await ask('default', 2);
    await runtime.clock.advance(39_999);
    expect(scripts.a.asked.map(({ maxTokens }) => maxTokens)).toEqual([9, 9, 1]);
    scripts.a.fails = undefined;
    await runtime.clock.advance(1);
    expect(watched.recent()).toMatchObject([{ status: 'open' }]);
    await runtime.clock.advance(21_000);
    expect(watched.recent()).toMatchObject([{ status: 'closed', duration_ms: 60_000 }]);
    expect(scripts.a.asked).toHaveLength(5);
    await runtime.clock.advance(600_000);
    expect(scripts.a.asked).toHaveLength(5);
    expect(told.filter((event) => event.type === 'probe.finished' && event.healthy)).toHaveLength(3);
    expect(runtime.clock.pending).toBe(0);
  });

  test('is left out while the service is degraded, and of nothing that is well', async () => {
    const { runtime, scripts, level, ask } = house({ probes: 'paid', paidEvery: '20s' });
    await runtime.clock.advance(60_000);
    scripts.a.fails = down;
    await ask('default', 2);
    for (let second = 0; second < 50; second += 1) {
      level.updateSystemLoad(85);
      await runtime.clock.advance(1_000);
    }
    expect(level.level).toBe('reduced');
    expect(scripts.a.asked).toHaveLength(2);
  });
});

describe('chain.down', () => {
  test('I4: an engine that has not been ready yet is not out, and one that must be started again is', async () => {
    const { runtime, told, scripts } = house();
    const { events, clock } = runtime;
    const another = { type: 'engine.started', model: 'b', runtime: 'interpreter', pid: 1, ms: 9 } as const;
    for (const state of ['starting', 'restarting'] as const) {
      expect(told).toEqual([]);
      scripts.a.state = state;
      events.emit({ ...another, at: clock.now() });
      await clock.advance(60_000);
    }
    expect(told).toMatchObject([{ type: 'chain.down', name: 'alone' }]);
  });

  test('I4: comes when all behind a name are out, once, and chain.recovered when one has shown that it is back', async () => {
    const { runtime, told, scripts, ask } = house({ probes: 'off' });
    scripts.a.fails = down;
    scripts.b.fails = broken;
    await ask('default', 3);
    await runtime.clock.advance(2_000);
    const chain = () => told.filter(({ type }) => type.startsWith('chain.'));
    expect(chain()).toMatchObject([
      { type: 'chain.down', name: 'alone' },
      { type: 'chain.down', name: 'default' },
    ]);
    await runtime.clock.advance(60_000);
    await ask('default', 2);
    expect(chain()).toHaveLength(2);
    scripts.b.fails = undefined;
    await runtime.clock.advance(60_000);
    expect(chain()).toHaveLength(2);
    await ask('default', 2);
    expect(chain().slice(2)).toMatchObject([{ type: 'chain.recovered', name: 'default', downMs: 122_000 }]);
  });

  test('R197: is not told of an engine that is started again at once', async () => {
    const { runtime, told, scripts } = house();
    const { events, clock } = runtime;
    for (const backMs of [300, 3_000]) {
      scripts.a.state = 'restarting';
      events.emit({ type: 'engine.stopped', model: 'a', reason: 'SIGKILL', restartMs: 100, at: clock.now() });
      await clock.advance(backMs);
      scripts.a.state = 'ready';
      events.emit({ type: 'engine.started', model: 'a', runtime: 'interpreter', pid: 1, ms: 9, at: clock.now() });
    }
    expect(told.filter(({ type }) => type.startsWith('chain.'))).toMatchObject([
      { type: 'chain.down', name: 'alone' },
      { type: 'chain.recovered', name: 'alone', downMs: 3_000 },
    ]);
  });

  test('holds for a refused credential until it is taken', async () => {
    const { runtime, told, scripts, ask } = house();
    scripts.a.fails = new AuthenticationError();
    expect(await ask('alone')).toBe('authentication_failed');
    await runtime.clock.advance(70_000);
    const chain = () => told.filter(({ type }) => type.startsWith('chain.'));
    expect(chain()).toMatchObject([{ type: 'chain.down', name: 'alone' }]);
    scripts.a.fails = undefined;
    expect(await ask('alone')).toBe('a');
    expect(chain()[1]).toMatchObject({ type: 'chain.recovered', downMs: 70_000 });
  });
});

test('after `close` there is no timer and nothing is told', async () => {
  const { runtime, told, scripts, watched, ask } = house({ probes: 'paid' });
  scripts.a.fails = down;
  scripts.b.fails = broken;
  await ask('default', 3);
  watched.close();
  const before = told.length;
  expect(runtime.clock.pending).toBe(0);
  await runtime.clock.advance(120_000);
  expect(told).toHaveLength(before);
});
