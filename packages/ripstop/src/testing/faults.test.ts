import { describe, expect, test } from 'vitest';
import { createContext } from '../call/root-scope.js';
import { pipeline } from '../policies/policy.js';
import { retry } from '../policies/retry.js';
import { timeout } from '../policies/timeout.js';
import { type FaultSchedule, type FaultsOptions, faults } from './faults.js';
import { virtualRuntime } from './virtual-runtime.js';

const paris = async (): Promise<string> => 'Paris.';

/** What befell `count` calls in a row: the error type of each, or its answer. */
async function outcomes(options: FaultsOptions, count: number, runtime = virtualRuntime()): Promise<unknown[]> {
  const ask = faults(options, runtime).wrap(paris);
  const seen: unknown[] = [];
  for (let call = 1; call <= count; call += 1) {
    seen.push(await ask().catch((error: { errorType: string }) => error.errorType));
  }
  return seen;
}

/** The numbers of the calls, of `count`, that a schedule befalls. */
async function befallen(schedule: FaultSchedule, count: number): Promise<number[]> {
  const seen = await outcomes({ fail: schedule }, count);
  return seen.flatMap((outcome, index) => (outcome === 'Paris.' ? [] : [index + 1]));
}

describe('I20: schedules', () => {
  test('without any, every call is befallen', async () => {
    expect(await befallen({}, 3)).toEqual([1, 2, 3]);
  });

  test('by number: these calls, every so many, from one on, up to one, and all of it together', async () => {
    expect(await befallen({ calls: [1, 4] }, 5)).toEqual([1, 4]);
    expect(await befallen({ every: 3 }, 7)).toEqual([3, 6]);
    expect(await befallen({ fromCall: 3 }, 5)).toEqual([3, 4, 5]);
    expect(await befallen({ toCall: 2 }, 5)).toEqual([1, 2]);
    expect(await befallen({ every: 2, fromCall: 3, toCall: 6 }, 9)).toEqual([4, 6]);
  });

  test('by time, on the runtime’s clock since the faults were made', async () => {
    const runtime = virtualRuntime();
    await runtime.clock.advance(5_000);
    const flaky = faults({ fail: { fromMs: 1_000, untilMs: 2_000 } }, runtime);
    const ask = flaky.wrap(paris);
    await expect(ask()).resolves.toBe('Paris.');
    await runtime.clock.advance(1_000);
    await expect(ask()).rejects.toMatchObject({ errorType: 'upstream_unavailable' });
    await runtime.clock.advance(1_000);
    await expect(ask()).resolves.toBe('Paris.');
    expect([flaky.calls, flaky.injected.fail]).toEqual([3, 1]);
  });

  test('by chance: the same seed befalls the same calls, another seed others, about as many as stated', async () => {
    const of = (seed: number): Promise<unknown[]> => outcomes({ fail: { probability: 0.3 }, seed }, 400);
    const [once, again, other] = await Promise.all([of(7), of(7), of(8)]);
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
    const failed = once.filter((outcome) => outcome !== 'Paris.').length;
    expect(Math.abs(failed - 120)).toBeLessThan(30);
  });

  test('without a seed chance comes from the runtime, and is asked only where the rest allows', async () => {
    let asked = 0;
    const random = (): number => {
      asked += 1;
      return 0.4;
    };
    const seen = await outcomes({ fail: { every: 2, probability: 0.5 } }, 4, virtualRuntime({ random }));
    expect(seen).toEqual(['Paris.', 'upstream_unavailable', 'Paris.', 'upstream_unavailable']);
    expect(asked).toBe(2);
  });

  test('a fault may have several', async () => {
    const seen = await outcomes({ fail: [{ calls: [1] }, { every: 3 }] }, 4);
    expect(seen).toEqual(['upstream_unavailable', 'Paris.', 'upstream_unavailable', 'Paris.']);
  });
});

describe('I20: faults', () => {
  test('fail: with what `error` makes of the number of the call, and the function is not called', async () => {
    let called = 0;
    const error = (call: number): Error => new Error(`down ${call}`);
    const ask = faults({ fail: { error, toCall: 2 } }, virtualRuntime()).wrap(async () => (called += 1));
    await expect(ask()).rejects.toThrow('down 1');
    await expect(ask()).rejects.toThrow('down 2');
    expect(await ask()).toBe(1);
  });

  test('run out of memory: as a model does, to be retried smaller and not as it was', async () => {
    const ask = faults({ outOfMemory: {}, fail: {} }, virtualRuntime()).wrap(paris);
    await expect(ask()).rejects.toMatchObject({ name: 'OutOfMemoryError', errorType: 'out_of_memory' });
  });

  test('slow down: the call begins after the wait, and what befalls it comes after that too', async () => {
    const runtime = virtualRuntime();
    const slow = faults({ slow: { ms: 300 }, fail: { calls: [2] } }, runtime);
    const ask = slow.wrap(async () => runtime.clock.now());
    const first = ask();
    const second = ask().catch(() => runtime.clock.now());
    await runtime.clock.advance(300);
    expect(await Promise.all([first, second])).toEqual([300, 300]);
    expect(slow.injected).toEqual({ slow: 2, hang: 0, outOfMemory: 0, fail: 1, breakStream: 0 });
  });

  test('hang: until the caller leaves, whose reason passes through; no timer is made', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const hanging = faults({ hang: {} }, runtime);
    const call = hanging.execute(paris, { signal: caller.signal });
    await runtime.clock.advance(3_600_000);
    expect([runtime.clock.pending, hanging.injected.hang]).toEqual([0, 1]);
    caller.abort('enough');
    await expect(call).rejects.toBe('enough');
  });

  test('break a stream: after its items, or at once, and its source is told to stop', async () => {
    let stopped = 0;
    async function* count(): AsyncGenerator<number, void, undefined> {
      try {
        for (let item = 1; item <= 5; item += 1) yield item;
      } finally {
        stopped += 1;
      }
    }
    const ask = faults(
      { breakStream: [{ afterItems: 2, calls: [1] }, { afterItems: 5, calls: [2] }, { calls: [3] }] },
      virtualRuntime(),
    ).wrap(count);
    const read = async (): Promise<unknown[]> => {
      const seen: unknown[] = [];
      try {
        for await (const item of await ask()) seen.push(item);
      } catch (error) {
        seen.push((error as { errorType: string }).errorType);
      }
      return seen;
    };
    expect(await read()).toEqual([1, 2, 'stream_interrupted']);
    expect(await read()).toEqual([1, 2, 3, 4, 5, 'stream_interrupted']);
    expect(await read()).toEqual(['stream_interrupted']);
    expect(await read()).toEqual([1, 2, 3, 4, 5]);
    // The third was stopped before it had begun.
    expect(stopped).toBe(3);
  });

  test('break a stream: a web stream too, with an error of one’s own; a value passes', async () => {
    const body = (): ReadableStream<string> =>
      new ReadableStream({
        pull(controller) {
          controller.enqueue('a');
        },
      });
    const cut = faults({ breakStream: { afterItems: 1, error: () => new Error('cut') } }, virtualRuntime());
    const reader = (await cut.wrap(body)()).getReader();
    expect(await reader.read()).toEqual({ done: false, value: 'a' });
    await expect(reader.read()).rejects.toThrow('cut');
    expect(await cut.wrap(paris)()).toBe('Paris.');
  });
});

describe('I20: what is wrapped', () => {
  test('keeps its name, its `this`, its arguments and its answer where nothing befalls it', async () => {
    function ask(this: { readonly name: string }, question: string, times: number): string {
      return `${this.name} ${question} ${times}`;
    }
    const wrapped = faults({ fail: { calls: [99] } }, virtualRuntime()).wrap(ask);
    const model = { name: 'small', ask: wrapped };
    expect(await model.ask('why', 2)).toBe('small why 2');
    expect([wrapped.name, wrapped.length]).toEqual(['ask', 2]);
  });

  test('G10: hangs no longer than the context, the signal or the options with a signal that it is handed', async () => {
    const runtime = virtualRuntime();
    const fetchLike = faults({ hang: {} }, runtime).wrap(async (...handed: unknown[]) => handed);
    const caller = new AbortController();
    const calls = [
      fetchLike(createContext({ signal: caller.signal }, runtime)),
      fetchLike(caller.signal),
      fetchLike('http://127.0.0.1', { method: 'POST', signal: caller.signal }),
    ];
    caller.abort('left');
    expect(await Promise.all(calls.map((call) => call.catch((reason: unknown) => reason)))).toEqual(
      Array.from({ length: 3 }, () => 'left'),
    );
  });

  test('G10: without a caller’s signal nothing is listened to and no signal is made', async () => {
    const controllers = globalThis.AbortController;
    let made = 0;
    globalThis.AbortController = class extends controllers {
      constructor() {
        super();
        made += 1;
      }
    };
    try {
      const runtime = virtualRuntime();
      const answer = faults({ slow: { ms: 5 } }, runtime).wrap(paris)();
      await runtime.clock.advance(5);
      expect(await answer).toBe('Paris.');
    } finally {
      globalThis.AbortController = controllers;
    }
    expect(made).toBe(0);
  });
});

test('I20: innermost in a pipeline, faults are what the layers outside must cope with', async () => {
  const runtime = virtualRuntime();
  const broken = faults({ hang: { calls: [1] }, fail: { calls: [2] } }, runtime);
  const safely = pipeline(retry({ jitter: 'none' }, runtime), timeout({ limitMs: 1_000 }, runtime), broken);
  const answer = safely.execute(paris);
  await runtime.clock.runAll();
  expect(await answer).toBe('Paris.');
  // The limit, then the waits of 1 and 2 seconds.
  expect([broken.calls, runtime.clock.now(), runtime.clock.pending]).toEqual([3, 4_000, 0]);
});

test.each<[string, FaultsOptions]>([
  ['fail.calls', { fail: { calls: [0] } }],
  ['fail.calls', { fail: { calls: [] } }],
  ['hang.every', { hang: { every: 0 } }],
  ['hang.fromCall', { hang: { fromCall: 1.5 } }],
  ['outOfMemory.toCall', { outOfMemory: { toCall: 0 } }],
  ['slow.fromMs', { slow: { ms: 1, fromMs: -1 } }],
  ['slow.untilMs', { slow: { ms: 1, untilMs: 0 } }],
  ['slow.ms', { slow: { ms: 0 } }],
  ['fail.probability', { fail: [{}, { probability: 1.1 }] }],
  ['breakStream.afterItems', { breakStream: { afterItems: -1 } }],
])('G7: a bad %s is a RangeError that names it', (option, options) => {
  expect(() => faults(options, virtualRuntime())).toThrow(RangeError);
  expect(() => faults(options, virtualRuntime())).toThrow(option);
});
