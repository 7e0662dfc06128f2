import { readFileSync } from 'node:fs';
import { virtualRuntime } from 'ripstop/testing';
import { describe, expect, test } from 'vitest';
import { fakeEngines } from '../../../../test/embedded-model/fake-engine.js';
import { modelFile } from '../../../../test/embedded-model/local-models.js';
import { EmbeddedTextModel } from './embedded-text-model.js';
import { fallBack, planLocalModel } from './local-model.js';

test('the embedded model needs no options: the shipped file, the best runtime, a window of 512', () => {
  const plan = planLocalModel({ engine: 'embedded' });
  expect(plan.spec).toEqual({ file: modelFile, runtime: 'auto' });
  expect(plan).toMatchObject({
    contextLength: 512,
    temperature: 0.3,
    maxWaiting: 16,
    maxWaitMs: 15_000,
    readyWaitMs: 10_000,
    limits: {
      startMs: 30_000,
      silenceMs: 2_000,
      generationMs: 60_000,
      cancelMs: 5_000,
      memoryMb: 1_024,
      memoryPollMs: 50,
    },
    restart: { baseMs: 100, maxMs: 10_000, healthyMs: 10_000 },
  });
});

test('a file of the user is run by llama.cpp, with limits that grow with it', () => {
  const plan = planLocalModel({ engine: 'gguf', file: modelFile, contextLength: 256, limits: { startMs: 5 } });
  expect(plan.spec).toEqual({ file: modelFile, runtime: 'llama.cpp', contextLength: 256 });
  expect(plan.limits).toMatchObject({ startMs: 5, silenceMs: 10_000, generationMs: 300_000, memoryMb: 1024 + 14 });
  expect(planLocalModel({ engine: 'gguf', file: '/nowhere' }).limits.memoryMb).toBe(1024);
});

test.each([
  [{ limits: { memoryMb: Number.NaN } }, 'memoryMb must be above 0, got NaN'],
  [{ restart: { baseMs: 0 } }, 'baseMs must be above 0, got 0'],
  [{ readyWaitMs: -1 }, 'readyWaitMs must be above 0, got -1'],
])('a limit that makes no sense is a RangeError: %j', (tuning, message) => {
  expect(() => new EmbeddedTextModel({ engine: 'embedded', ...tuning })).toThrow(new RangeError(message));
});

test('the page about local models states these limits', () => {
  const page = readFileSync(new URL('../../../../docs/embedded-model.md', import.meta.url), 'utf8');
  const embedded = planLocalModel({ engine: 'embedded' });
  const gguf = planLocalModel({ engine: 'gguf', file: modelFile });
  const seconds = (ms: number): string => `${ms / 1_000} s`;
  const row = (what: string, limit: 'startMs' | 'silenceMs' | 'generationMs' | 'cancelMs'): string => {
    return `| ${what} | ${seconds(embedded.limits[limit])} | ${seconds(gguf.limits[limit])} |`;
  };
  for (const stated of [
    row('loading', 'startMs'),
    row('silence of its process', 'silenceMs'),
    row('one answer', 'generationMs'),
    row('stopping an answer', 'cancelMs'),
    `| waiting | ${embedded.maxWaiting} requests, ${seconds(embedded.maxWaitMs)} each |`,
    `| window, input and output together | ${embedded.contextLength} tokens |`,
    `\`temperature\` (default ${embedded.temperature}; ${gguf.temperature} for a GGUF file)`,
    `after ${embedded.restart.baseMs} ms`,
    `up to ${seconds(embedded.restart.maxMs)}`,
    `or ${seconds(embedded.restart.healthyMs)} of life`,
  ]) {
    expect(page).toContain(stated);
  }
});

describe('the automatic runtime', () => {
  test('becomes the interpreter when a start has failed; one that was asked for stays', () => {
    const fallen = fallBack({ file: 'x', runtime: 'auto' });
    expect(fallen).toMatchObject({
      file: 'x',
      runtime: 'interpreter',
      note: expect.stringContaining('node-llama-cpp'),
    });
    expect(fallBack(fallen)).toEqual(fallen);
    expect(fallBack({ file: 'x', runtime: 'llama.cpp' })).toEqual({ file: 'x', runtime: 'llama.cpp' });
  });

  test('is asked for first, and no more once its process has ended while loading', async () => {
    const { source, specs, lives } = fakeEngines();
    const runtime = virtualRuntime();
    const model = new EmbeddedTextModel({ engine: 'embedded' }, { engines: source, runtime });
    const starting = model.start();
    lives[0].exit({ signal: 'SIGILL' });
    await runtime.clock.advance(100);
    lives[1].ready('why');
    await starting;
    expect(model.health()).toMatchObject({ state: 'ready', runtime: 'interpreter', note: 'why', pid: 2, restarts: 1 });
    lives[1].exit();
    await runtime.clock.advance(1_000);
    expect(specs.map(({ runtime: asked }) => asked)).toEqual(['auto', 'interpreter', 'interpreter']);
    const stopping = model.stop();
    lives[2].exit();
    await stopping;
    expect(runtime.clock.pending).toBe(0);
  });
});
