import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InferenceTimeoutError, StreamInterruptedError } from '../errors/upstream-errors.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { type CircuitBreaker, circuitBreaker } from './circuit-breaker.js';
import { type Policy, pipeline } from './policy.js';
import { retry } from './retry.js';
import { timeout } from './timeout.js';

const broken = new StreamInterruptedError('broke off');

interface Script {
  readonly items: number;
  /** Time before each item and before the end, in milliseconds. */
  readonly everyMs?: number;
  /** Thrown instead of an end. */
  readonly failure?: unknown;
}

/** A stream by `script`, and whether its source was told to stop. */
interface Source {
  readonly stream: AsyncIterable<number> & object;
  readonly stopped: () => boolean;
}

type Kind = (script: Script, runtime: VirtualRuntime) => Source;

async function* scripted({ items, everyMs, failure }: Script, { clock }: VirtualRuntime): AsyncGenerator<number> {
  const wait = (): unknown =>
    everyMs === undefined ? undefined : new Promise<void>((resolve) => clock.after(everyMs, resolve));
  for (let item = 0; item < items; item += 1) {
    await wait();
    yield item;
  }
  await wait();
  if (failure !== undefined) throw failure;
}

/** The iterator of `scripted`, with `return` noted. */
function noted(script: Script, runtime: VirtualRuntime): { iterator: AsyncIterator<number>; stopped: () => boolean } {
  const generator = scripted(script, runtime);
  let stopped = false;
  const iterator: AsyncIterator<number> = {
    next: () => generator.next(),
    return() {
      stopped = true;
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return { iterator, stopped: () => stopped };
}

const kinds: Record<string, Kind> = {
  'an async generator': (script, runtime) => {
    let stopped = false;
    const generator = async function* (): AsyncGenerator<number> {
      try {
        yield* scripted(script, runtime);
      } finally {
        stopped = true;
      }
    };
    return { stream: generator(), stopped: () => stopped };
  },
  'an object': (script, runtime) => {
    const { iterator, stopped } = noted(script, runtime);
    return { stream: { [Symbol.asyncIterator]: () => iterator }, stopped };
  },
  'a frozen object': (script, runtime) => {
    const { iterator, stopped } = noted(script, runtime);
    return { stream: Object.freeze({ [Symbol.asyncIterator]: () => iterator }), stopped };
  },
  'an object of a class with private members': (script, runtime) => {
    const { iterator, stopped } = noted(script, runtime);
    class Stream {
      readonly #iterator = iterator;
      [Symbol.asyncIterator](): AsyncIterator<number> {
        return this.#iterator;
      }
    }
    return { stream: new Stream(), stopped };
  },
  'a ReadableStream': (script, runtime) => {
    const { iterator } = noted(script, runtime);
    let stopped = false;
    const stream = new ReadableStream<number>({
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel() {
        stopped = true;
      },
    });
    return { stream, stopped: () => stopped };
  },
};

interface Layers {
  readonly policy: Policy;
  readonly breaker: CircuitBreaker;
}

/** With one trial to lose, so that a wrong verdict shows in the state. */
const layerings: Record<string, (runtime: VirtualRuntime, limitMs: number) => Layers> = {
  'circuitBreaker, timeout': (runtime, limitMs) => {
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 10 }, runtime);
    return { breaker, policy: pipeline(breaker, timeout({ limitMs }, runtime)) };
  },
  'retry, circuitBreaker, timeout': (runtime, limitMs) => {
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 10 }, runtime);
    return { breaker, policy: pipeline(retry({}, runtime), breaker, timeout({ limitMs }, runtime)) };
  },
};
interface Way {
  readonly kind: string;
  readonly make: Kind;
  readonly layering: string;
  readonly layers: (runtime: VirtualRuntime, limitMs: number) => Layers;
  readonly caller: 'with' | 'without';
  readonly leaves: boolean;
}
const everyWay: Way[] = Object.entries(kinds).flatMap(([kind, make]) =>
  Object.entries(layerings).flatMap(([layering, layers]) =>
    [false, true].map((leaves) => {
      return { kind, make, layering, layers, caller: leaves ? ('with' as const) : ('without' as const), leaves };
    }),
  ),
);

async function collect(stream: AsyncIterable<number>): Promise<number[]> {
  const items: number[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

const unhandled: unknown[] = [];
const noteUnhandled = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', noteUnhandled);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', noteUnhandled);
  expect(unhandled).toEqual([]);
});

/** A call that returns a stream by `script`, its breaker half-open, and what is left over. */
async function start({ make, layers, leaves }: Way, script: Script, limitMs = 1_000) {
  const runtime = virtualRuntime();
  const { policy, breaker } = layers(runtime, limitMs);
  breaker.acquire().settle('failure', broken);
  await runtime.clock.advance(10);
  expect(breaker.state).toBe('half_open');
  const caller = new AbortController();
  const source = make(script, runtime);
  let calls = 0;
  const stream = await policy.execute(
    () => {
      calls += 1;
      return source.stream;
    },
    leaves ? { signal: caller.signal } : {},
  );
  const left = (): number => runtime.clock.pending + getEventListeners(caller.signal, 'abort').length;
  return { runtime, breaker, caller, source, stream, left, calls: () => calls };
}

describe.each(everyWay)('$kind under $layering, $caller a caller who may leave', (way) => {
  test('T5 B17: read to its end it is a success then, and not before, and leaves nothing', async () => {
    const { breaker, stream, left } = await start(way, { items: 3 });
    expect(breaker.state).toBe('half_open');
    expect(() => breaker.acquire()).toThrow();
    expect(left()).toBeGreaterThan(0);
    expect(await collect(stream)).toEqual([0, 1, 2]);
    expect(breaker.state).toBe('closed');
    expect(left()).toBe(0);
  });

  test('B17: one without items that ends well is a success', async () => {
    const { breaker, stream, left } = await start(way, { items: 0 });
    expect(await collect(stream)).toEqual([]);
    expect(breaker.state).toBe('closed');
    expect(left()).toBe(0);
  });

  test('T5: its limit runs until its end, and ends it where it stands', async () => {
    const { runtime, breaker, source, stream, left } = await start(way, { items: 5, everyMs: 300 });
    const items: number[] = [];
    const reading = failure(
      (async () => {
        for await (const item of stream) items.push(item);
      })(),
    );
    await runtime.clock.advance(999);
    expect(items).toEqual([0, 1, 2]);
    await runtime.clock.advance(1);
    expect(await reading).toBeInstanceOf(InferenceTimeoutError);
    expect(breaker.state).toBe('open');
    await runtime.clock.runAll();
    expect(source.stopped()).toBe(true);
    expect(left()).toBe(0);
  });

  test('B17 D28: one that breaks off is a failure, ends with its own error, and is not begun anew', async () => {
    const { breaker, stream, left, calls } = await start(way, { items: 2, failure: broken });
    const items: number[] = [];
    const error = await failure(
      (async () => {
        for await (const item of stream) items.push(item);
      })(),
    );
    expect(error).toBe(broken);
    expect(items).toEqual([0, 1]);
    expect(breaker.state).toBe('open');
    expect(calls()).toBe(1);
    expect(left()).toBe(0);
  });

  test('B17: a reader who leaves after an item had what he wanted, and the source stops', async () => {
    const { breaker, source, stream, left } = await start(way, { items: 5 });
    for await (const item of stream) if (item === 1) break;
    expect(breaker.state).toBe('closed');
    expect(source.stopped()).toBe(true);
    expect(left()).toBe(0);
  });

  test('B17: a reader who leaves before the first item says nothing about the service', async () => {
    const { breaker, stream, left } = await start(way, { items: 5 });
    await stream[Symbol.asyncIterator]().return?.();
    expect(breaker.state).toBe('half_open');
    breaker.acquire().settle('success');
    expect(breaker.state).toBe('closed');
    expect(left()).toBe(0);
  });

  test('T5: nobody reads: the limit ends it, and nothing is left or unhandled', async () => {
    const { runtime, stream, left } = await start(way, { items: 5, everyMs: 10 });
    await runtime.clock.advance(1_000);
    await runtime.clock.runAll();
    expect(left()).toBe(0);
    expect(await failure(collect(stream))).toBeInstanceOf(InferenceTimeoutError);
  });
});

test.each(everyWay.filter(({ leaves }) => leaves))(
  'G3: a caller who leaves $kind under $layering in the middle ends it with his reason, and blames nobody',
  async (way) => {
    const { runtime, breaker, source, caller, stream, left } = await start(way, { items: 5, everyMs: 100 });
    const reading = failure(collect(stream));
    await runtime.clock.advance(250);
    caller.abort('closed the tab');
    expect(await reading).toBe('closed the tab');
    expect(breaker.state).toBe('half_open');
    breaker.acquire().settle('success');
    expect(breaker.state).toBe('closed');
    await runtime.clock.runAll();
    expect(source.stopped()).toBe(true);
    expect(left()).toBe(0);
  },
);

describe('an item and an abort in the same tick', () => {
  test.each(['item', 'end'] as const)('G4: the %s still arrives', async (what) => {
    for (const [, layers] of Object.entries(layerings)) {
      const runtime = virtualRuntime();
      const caller = new AbortController();
      let deliver: (result: IteratorResult<number>) => void = () => undefined;
      const source: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({ next: () => new Promise((resolve) => (deliver = resolve)) }),
      };
      const { policy, breaker } = layers(runtime, 1_000);
      const stream = await policy.execute(() => source, { signal: caller.signal });
      const next = stream[Symbol.asyncIterator]().next();
      await runtime.clock.advance(1);
      const result: IteratorResult<number> =
        what === 'item' ? { done: false, value: 7 } : { done: true, value: undefined };
      deliver(result);
      caller.abort('left');
      expect(await next).toEqual(result);
      expect(breaker.state).toBe('closed');
    }
  });
});

describe('a web stream', () => {
  test('T5: stays one: read by hand, it is watched all the same', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({}, runtime);
    const source = kinds['a ReadableStream']({ items: 2 }, runtime);
    const stream = await pipeline(breaker, timeout({}, runtime)).execute(() => source.stream as ReadableStream<number>);
    expect(stream).toBeInstanceOf(ReadableStream);
    const reader = stream.getReader();
    expect(await reader.read()).toEqual({ done: false, value: 0 });
    expect(runtime.clock.pending).toBe(1);
    await reader.cancel();
    expect(source.stopped()).toBe(true);
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('an iterator that is not quite one', () => {
  /** Under a timeout and a breaker, with a caller: every layer that touches a stream. */
  async function through<S extends object>(
    stream: S,
  ): Promise<{ stream: S; runtime: VirtualRuntime; breaker: CircuitBreaker }> {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    const policy = pipeline(retry({}, runtime), breaker, timeout({}, runtime));
    return { stream: await policy.execute(() => stream, { signal: new AbortController().signal }), runtime, breaker };
  }

  test('G12: results that are no promises are read like promises', async () => {
    let item = 0;
    const plain = {
      [Symbol.asyncIterator]: () => ({ next: () => ({ done: item === 3, value: (item += 1) }) }),
    } as unknown as AsyncIterable<number>;
    const { stream, runtime } = await through(plain);
    expect(await collect(stream)).toEqual([1, 2, 3]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('G12: a `next` that throws is a stream that fails', async () => {
    const bad: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next() {
          throw broken;
        },
      }),
    };
    const { stream, runtime, breaker } = await through(bad);
    expect(await failure(collect(stream))).toBe(broken);
    expect(runtime.clock.pending).toBe(0);
    expect(breaker.state).toBe('open');
  });

  test('G12: a stream that cannot be begun is a stream that fails', async () => {
    const bad: AsyncIterable<number> = {
      [Symbol.asyncIterator]() {
        throw broken;
      },
    };
    const { stream, runtime, breaker } = await through(bad);
    expect(await failure(collect(stream))).toBe(broken);
    expect(runtime.clock.pending).toBe(0);
    expect(breaker.state).toBe('open');
  });

  test('G12: one that fails with `undefined` fails', async () => {
    const bad: AsyncIterable<number> = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(undefined) }) };
    const { stream, runtime, breaker } = await through(bad);
    expect(await failure(collect(stream))).toBeUndefined();
    expect(runtime.clock.pending).toBe(0);
    expect(breaker.state).toBe('open');
  });

  test('T3: a `return` that is no promise, or throws, does not hide that the limit ended it', async () => {
    for (const end of [() => undefined, () => expect.unreachable('not heard')]) {
      const hangs = {
        [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined), return: end }),
      } as unknown as AsyncIterable<number>;
      const { stream, runtime } = await through(hangs);
      const reading = failure(collect(stream));
      await runtime.clock.advance(30_000);
      expect(await reading).toBeInstanceOf(InferenceTimeoutError);
      expect(runtime.clock.pending).toBe(0);
    }
  });
});

test('D28: a call that fails before it has a stream is tried again', async () => {
  const runtime = virtualRuntime();
  let calls = 0;
  const outcome = pipeline(retry({}, runtime), circuitBreaker({}, runtime), timeout({}, runtime)).execute(() => {
    calls += 1;
    if (calls === 1) throw broken;
    return scripted({ items: 2 }, runtime);
  });
  await runtime.clock.advance(1_000);
  expect(await collect(await outcome)).toEqual([0, 1]);
  expect(calls).toBe(2);
});
