import { expect, test } from 'vitest';
import type { ReportedEvent } from '../call/events.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { type Degradation, degradation } from './degradation.js';
import { degradationDefaults, degradationLevelDefaults } from './degradation-options.js';
import type { LoadSource } from './load-sampler.js';

function changes(runtime: VirtualRuntime): string[] {
  const seen: string[] = [];
  runtime.events.on((event: ReportedEvent) => {
    if (event.type === 'degradation.changed') seen.push(`${event.previous} → ${event.level} at ${event.at}`);
  });
  return seen;
}

/** The same reading, once a second. */
async function hold(service: Degradation, percent: number, seconds: number, { clock }: VirtualRuntime): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    service.updateSystemLoad(percent);
    await clock.advance(1_000);
  }
  service.updateSystemLoad(percent);
}

/** A source whose reading can be set. */
function dial(load: number | undefined): LoadSource & { load: number | undefined; reads: number } {
  return {
    name: 'dial',
    load,
    reads: 0,
    read() {
      this.reads += 1;
      return this.load;
    },
  };
}

test('R125: a service begins at the full level, with no load', () => {
  const service = degradation({}, virtualRuntime());
  expect([service.level, service.systemLoad, service.getDegradationWarning()]).toEqual(['full', 0, null]);
});

test('R126 R127 R128: the levels have the guide’s factors', () => {
  const factors = Object.entries(degradationLevelDefaults).map(([level, { quality, speed }]) => [
    level,
    quality,
    speed,
  ]);
  expect(factors).toEqual([
    ['full', 1, 1],
    ['reduced', 0.7, 1.5],
    ['minimal', 0.4, 3],
  ]);
});

test('R129 R166: the highest reading counts, and both thresholds must be exceeded', () => {
  const levelAt = (...percentages: number[]): string =>
    degradation({}, virtualRuntime()).updateSystemLoad(...(percentages as [number]));
  expect(levelAt(95, 85, 90)).toBe('minimal');
  expect(levelAt(10, 91, 20)).toBe('minimal');
  expect(levelAt(10, 20, 90)).toBe('reduced');
  expect(levelAt(71, 20, 30)).toBe('reduced');
  expect(levelAt(70, 70, 70)).toBe('full');
});

test('R130 R166: at minimal tokens and steps shrink with quality and batches with speed, in a copy', () => {
  const service = degradation({}, virtualRuntime());
  service.updateSystemLoad(95, 85, 90);
  const base = { max_tokens: 100, num_inference_steps: 20, batch_size: 8, temperature: 0.7, prompt: 'Hi' };
  expect(service.getAdjustedParameters(base)).toEqual({
    max_tokens: 40,
    num_inference_steps: 8,
    batch_size: 3,
    temperature: 0.7,
    prompt: 'Hi',
  });
  expect(base.max_tokens).toBe(100);
  expect(service.getAdjustedParameters({ prompt: 'Hi' })).toEqual({ prompt: 'Hi' });
});

test('R131: each level below full has the guide’s warning', () => {
  const service = degradation({ smoothingMs: 0, stepUpAfterMs: 0 }, virtualRuntime());
  service.updateSystemLoad(80);
  expect(service.getDegradationWarning()).toBe('Service is running in reduced quality mode due to high system load');
  service.updateSystemLoad(95);
  expect(service.getDegradationWarning()).toBe(
    'Service is running in minimal quality mode due to very high system load',
  );
});

test('D89: nothing becomes 0, and nothing grows', () => {
  const service = degradation({}, virtualRuntime());
  service.updateSystemLoad(99);
  expect(service.getAdjustedParameters({ max_tokens: 1, num_inference_steps: 1, batch_size: 1 })).toEqual({
    max_tokens: 1,
    num_inference_steps: 1,
    batch_size: 1,
  });
  expect(service.getAdjustedParameters({ max_tokens: 0, steps: Number.NaN, batch_size: -3 })).toEqual({
    max_tokens: 0,
    steps: Number.NaN,
    batch_size: -3,
  });
});

test('D90: parameters are rounded, so that a factor that is no binary fraction costs nothing', () => {
  const service = degradation({}, virtualRuntime());
  service.updateSystemLoad(80);
  expect([90, 170].map((tokens) => service.getAdjustedParameters({ max_tokens: tokens }).max_tokens)).toEqual([
    63, 119,
  ]);
});

test('D91: a load that swings about a threshold changes the level once', async () => {
  const runtime = virtualRuntime();
  const seen = changes(runtime);
  const service = degradation({}, runtime);
  service.updateSystemLoad(50);
  for (let second = 0; second < 120; second += 1) {
    await runtime.clock.advance(1_000);
    service.updateSystemLoad(second % 2 === 0 ? 76 : 66);
  }
  expect(seen.length).toBeLessThanOrEqual(1);
});

test('D91: one peak changes nothing; a load that stays high does after two seconds, and is left after ten', async () => {
  const runtime = virtualRuntime();
  const seen = changes(runtime);
  const service = degradation({ smoothingMs: 0 }, runtime);
  await hold(service, 20, 3, runtime);
  service.updateSystemLoad(100);
  await runtime.clock.advance(1_000);
  await hold(service, 20, 3, runtime);
  expect(seen).toEqual([]);

  const from = runtime.clock.now();
  await hold(service, 80, 2, runtime);
  expect(seen).toEqual([`full → reduced at ${from + 2_000}`]);
  await hold(service, 68, 30, runtime);
  expect(seen).toHaveLength(1);
  const calm = runtime.clock.now();
  await hold(service, 60, 9, runtime);
  expect(seen).toHaveLength(1);
  await hold(service, 60, 1, runtime);
  expect(seen[1]).toBe(`reduced → full at ${calm + 10_000}`);
});

test('D91: each threshold has a time of its own, and the way down may skip a level', async () => {
  const runtime = virtualRuntime();
  const seen = changes(runtime);
  const service = degradation({ smoothingMs: 0 }, runtime);
  await hold(service, 20, 1, runtime);
  await hold(service, 80, 1, runtime);
  await hold(service, 95, 5, runtime);
  await hold(service, 10, 12, runtime);
  expect(seen.map((change) => change.replace(/ at .*/, ''))).toEqual([
    'full → reduced',
    'reduced → minimal',
    'minimal → full',
  ]);
});

test('D91: a load at a threshold is not above it, and the way down ends where the load is not clearly below', async () => {
  const runtime = virtualRuntime();
  const service = degradation({ smoothingMs: 0 }, runtime);
  await hold(service, 70, 10, runtime);
  expect(service.level).toBe('full');
  await hold(service, 95, 3, runtime);
  expect(service.level).toBe('minimal');
  await hold(service, 68, 11, runtime);
  expect(service.level).toBe('reduced');
});

test('D91: after a long silence a reading counts at once, as the first one does', async () => {
  const runtime = virtualRuntime();
  const service = degradation({}, runtime);
  service.updateSystemLoad(20);
  await runtime.clock.advance(30_001);
  expect(service.updateSystemLoad(95)).toBe('minimal');
});

test('D91: readings are averaged by the time between them', async () => {
  const runtime = virtualRuntime();
  const service = degradation({}, runtime);
  service.updateSystemLoad(0);
  await runtime.clock.advance(1_000);
  service.updateSystemLoad(100);
  expect(service.systemLoad).toBeCloseTo(1 - Math.exp(-1), 10);
  service.updateSystemLoad(0);
  expect(service.systemLoad).toBeCloseTo(1 - Math.exp(-1), 10);
});

test('D92: a request keeps the level it began with', () => {
  const service = degradation({ smoothingMs: 0, stepUpAfterMs: 0 }, virtualRuntime());
  service.updateSystemLoad(10);
  const request = service.snapshot();
  service.updateSystemLoad(99);
  expect([request.level, request.systemLoad, request.getDegradationWarning()]).toEqual(['full', 0.1, null]);
  expect(request.getAdjustedParameters({ max_tokens: 100 })).toEqual({ max_tokens: 100 });
  expect(service.snapshot().getAdjustedParameters({ max_tokens: 100 })).toEqual({ max_tokens: 40 });
});

test('D92 G11: sources are read while somebody asks, at most once a second, and never by a timer', async () => {
  const runtime = virtualRuntime();
  const source = dial(0.95);
  const service = degradation({ sources: [source] }, runtime);
  await runtime.clock.advance(60_000);
  expect([source.reads, runtime.clock.pending]).toEqual([0, 0]);

  for (let request = 0; request < 100; request += 1) service.snapshot();
  expect([source.reads, service.level]).toEqual([1, 'minimal']);
  await runtime.clock.advance(1_000);
  service.snapshot();
  expect([source.reads, runtime.clock.pending]).toEqual([2, 0]);
});

test('D92: a reading that is long ago says nothing about now', async () => {
  const runtime = virtualRuntime();
  const seen = changes(runtime);
  const service = degradation({}, runtime);
  service.updateSystemLoad(99);
  await runtime.clock.advance(30_000);
  expect(service.level).toBe('minimal');
  await runtime.clock.advance(1);
  expect([service.level, service.systemLoad]).toEqual(['full', 0]);
  expect(seen).toEqual(['full → minimal at 0', 'minimal → full at 30001']);
});

test('D93: readings that are not known are ignored, and percentages are clamped', () => {
  const service = degradation({ smoothingMs: 0 }, virtualRuntime());
  expect(service.updateSystemLoad(95, Number.NaN)).toBe('minimal');
  service.updateSystemLoad(undefined, null, Number.NaN);
  expect(service.systemLoad).toBe(0.95);
  service.updateSystemLoad(250, -5);
  expect([service.systemLoad, service.snapshot().shouldShed]).toEqual([1, false]);
  service.updateSystemLoad(-20);
  expect(service.systemLoad).toBe(0);
});

test('D93: so are those of a source', async () => {
  const runtime = virtualRuntime();
  const [broken, fine] = [dial(Number.NaN), dial(0.5)];
  const service = degradation({ sources: [broken, fine], smoothingMs: 0 }, runtime);
  expect(service.systemLoad).toBe(0.5);
  for (const load of [undefined, Number.POSITIVE_INFINITY, -1]) {
    broken.load = load;
    await service.sample();
    expect(service.systemLoad).toBe(0.5);
  }
  expect(degradation({ sources: [dial(-1)] }, runtime).systemLoad).toBe(0);
});

test('D93: a source that throws or hangs is reported once, and the others count', async () => {
  const runtime = virtualRuntime();
  const failures: string[] = [];
  runtime.events.on((event) => {
    if (event.type === 'degradation.source_failed') failures.push(`${event.source}: ${String(event.error)}`);
  });
  let asked = 0;
  const told: AbortSignal[] = [];
  const throwing: LoadSource = {
    name: 'throwing',
    read() {
      throw new Error('no such file');
    },
  };
  const hanging: LoadSource = {
    name: 'hanging',
    read(signal) {
      asked += 1;
      told.push(signal);
      return new Promise(() => undefined);
    },
  };
  const service = degradation({ sources: [throwing, hanging, dial(0.8)] }, runtime);
  const first = service.sample();
  expect(service.sample()).toBe(first);
  await runtime.clock.advance(2_000);
  await first;
  expect([service.level, told[0]?.aborted]).toEqual(['reduced', true]);
  for (let second = 0; second < 5; second += 1) {
    service.snapshot();
    await runtime.clock.advance(1_000);
  }
  expect(failures).toEqual([
    'throwing: Error: no such file',
    'hanging: InferenceTimeoutError: The source of load did not answer in time',
  ]);
  expect([asked, runtime.clock.pending]).toEqual([1, 0]);
});

test('a source that answers in time leaves no timer behind', async () => {
  const runtime = virtualRuntime();
  const service = degradation({ sources: [{ name: 'quick', read: () => Promise.resolve(0.4) }] }, runtime);
  await service.sample();
  expect([service.systemLoad, runtime.clock.pending]).toEqual([0.4, 0]);
});

test('D93: a source that fails again after it has worked is reported again', async () => {
  const runtime = virtualRuntime();
  let failures = 0;
  runtime.events.on((event) => {
    if (event.type === 'degradation.source_failed') failures += 1;
  });
  let works = false;
  const moody: LoadSource = {
    name: 'moody',
    read: () => (works ? Promise.resolve(0.2) : Promise.reject(new Error('gone'))),
  };
  const service = degradation({ sources: [moody] }, runtime);
  for (const state of [false, false, true, false]) {
    works = state;
    await service.sample();
  }
  expect([failures, service.systemLoad]).toEqual([2, 0.2]);
});

test('D95: levels, factors, warnings and rules can be set', () => {
  const service = degradation(
    {
      levels: { reduced: { above: 0.5, quality: 0.5, warning: 'Shorter for now' } },
      parameters: { n: { by: 'speed' }, max_tokens: { by: 'quality', floor: 32 } },
    },
    virtualRuntime(),
  );
  expect(service.updateSystemLoad(60)).toBe('reduced');
  expect(service.getDegradationWarning()).toBe('Shorter for now');
  expect(service.getAdjustedParameters({ n: 3, max_tokens: 40, steps: 10 })).toEqual({
    n: 2,
    max_tokens: 32,
    steps: 5,
  });
});

test('D95: beyond what minimal can carry, the share that is too much is refused', () => {
  const runtime = virtualRuntime({ seed: 3 });
  const service = degradation({ sources: [dial(1.25)] }, runtime);
  let refused = 0;
  for (let request = 0; request < 10_000; request += 1) if (service.snapshot().shouldShed) refused += 1;
  expect(service.level).toBe('minimal');
  expect(refused / 10_000).toBeCloseTo(0.2, 1);
  expect(degradation({ sources: [dial(1)] }, runtime).snapshot().shouldShed).toBe(false);
  expect(degradation({ sources: [dial(9)], shedAbove: Number.POSITIVE_INFINITY }, runtime).snapshot().shouldShed).toBe(
    false,
  );
});

test('D95: a request that is shed gets a typed error and a wait between one and ten seconds', () => {
  const waits = [0, 0.5, 0.999].map((chance) => {
    const service = degradation({ name: 'chat', sources: [dial(1e9)] }, virtualRuntime({ random: () => chance }));
    try {
      service.admit();
    } catch (error) {
      expect(error).toMatchObject({
        errorType: 'model_overloaded',
        status: 503,
        isRetryable: true,
        details: { reason: 'shed', degradation: 'chat' },
      });
      return (error as { retryAfterMs: number }).retryAfterMs;
    }
    return undefined;
  });
  expect(waits).toEqual([1_000, 5_500, 9_991]);
  expect(degradation({ sources: [dial(0.2)] }, virtualRuntime()).admit().level).toBe('full');
});

test('the event of a change tells from where, to where, and the load', () => {
  const runtime = virtualRuntime();
  const events: ReportedEvent[] = [];
  runtime.events.on((event) => events.push(event));
  degradation({ name: 'chat' }, runtime).updateSystemLoad(95);
  expect(events).toEqual([
    { type: 'degradation.changed', name: 'chat', previous: 'full', level: 'minimal', load: 0.95, at: 0 },
  ]);
});

test.each([
  [{ levels: { minimal: { above: 0.6 } } }, 'levels.minimal.above must be above that of reduced, got 0.6'],
  [{ levels: { reduced: { quality: 0 } } }, 'levels.reduced.quality must be above 0 and at most 1, got 0'],
  [{ levels: { reduced: { speed: 0.5 } } }, 'levels.reduced.speed must be at least 1, got 0.5'],
  [{ shedAbove: 0.5 }, 'shedAbove must be no less than levels.minimal.above, got 0.5'],
  [{ hysteresis: 0.7 }, 'hysteresis must be below levels.reduced.above, got 0.7'],
  [{ smoothingMs: -1 }, 'smoothingMs must be 0 or above, got -1'],
  [{ maxAgeMs: 0 }, 'maxAgeMs must be above 0, got 0'],
  [{ parameters: { n: { by: 'size' as 'speed' } } }, 'parameters.n.by must be one of quality, speed, got "size"'],
])('a bad option is refused: %j', (options, message) => {
  expect(() => degradation(options)).toThrow(new RangeError(message));
});

test('options that are undefined take their defaults', () => {
  const service = degradation({ name: undefined, shedAbove: undefined, levels: undefined }, virtualRuntime());
  expect(service.updateSystemLoad(91)).toBe('minimal');
  expect(degradationDefaults).toMatchObject({ shedAbove: 1, stepUpAfterMs: 2_000, stepDownAfterMs: 10_000 });
});
