import { describe, expect, expectTypeOf, test } from 'vitest';
import type { Call } from '../call/call.js';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { circuitBreaker } from './circuit-breaker.js';
import { type Policy, pipeline, policy } from './policy.js';
import { retry } from './retry.js';
import { timeout } from './timeout.js';

const runtime = virtualRuntime();
/** One of each, and all of them. None of them ever waits here: one attempt. */
const policies: Record<string, Policy> = {
  retry: retry({ attempts: 1 }, runtime),
  circuitBreaker: circuitBreaker({ consecutive: Number.POSITIVE_INFINITY }, runtime),
  timeout: timeout({}, runtime),
  'a policy of somebody': policy('pass', (next, context) => next(context), runtime),
  pipeline: pipeline(
    retry({ attempts: 1 }, runtime),
    circuitBreaker({ consecutive: Number.POSITIVE_INFINITY }, runtime),
    timeout({}, runtime),
  ),
};
type Way = <T>(policy: Policy, fn: Call<T>) => Promise<T>;
const ways: Record<string, Way> = {
  execute: (member, fn) => member.execute(fn),
  'execute with a signal': (member, fn) => member.execute(fn, { signal: new AbortController().signal }),
  'execute with a deadline': (member, fn) => member.execute(fn, { deadlineMs: 1_000 }),
  run: (member, fn) => member.run(fn, recordingContext(undefined, runtime)),
  wrap: <T>(member: Policy, fn: Call<T>) =>
    member.wrap(() => fn(recordingContext(undefined, runtime)))() as unknown as Promise<T>,
};
const everyWay = Object.entries(policies).flatMap(([name, member]) =>
  Object.entries(ways).map(([way, call]) => ({ name, member, way, call })),
);

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

const values = [undefined, null, 0, '', false, 7, 'text', Symbol('value'), { deep: { down: true } }, [1], () => 1];
const throws = [undefined, null, 0, '', false, Number.NaN, 'down', new Error('down'), Symbol('thrown')];

/** As an ORM or an SDK returns it: `then`, and no more of a promise. */
function thenable(outcome: Promise<unknown>): PromiseLike<unknown> {
  // oxlint-disable-next-line no-thenable -- a thenable that is no promise is the point
  return { then: (resolve, reject) => outcome.then(resolve, reject) };
}

describe.each(everyWay)('$name, by $way', ({ member, call }) => {
  test('G12: any value comes back as it is, whether returned, promised or thenable', async () => {
    for (const value of values) {
      expect(await call(member, () => value)).toBe(value);
      expect(await call(member, async () => value)).toBe(value);
      expect(await call(member, () => thenable(Promise.resolve(value)))).toBe(value);
    }
  });

  test('G12 G9: any throw comes back as it is, whether sync, rejected or by a thenable', async () => {
    for (const thrown of throws) {
      const sync = (): never => {
        throw thrown;
      };
      expect(await failure(call(member, sync))).toBe(thrown);
      expect(await failure(call(member, () => Promise.reject(thrown)))).toBe(thrown);
      expect(await failure(call(member, () => thenable(Promise.reject(thrown))))).toBe(thrown);
    }
  });

  test('G12: a thenable whose `then` throws is a failure', async () => {
    const bug = new Error('no then');
    const broken = Object.defineProperty({}, 'then', {
      get() {
        throw bug;
      },
    });
    expect(await failure(call(member, () => broken))).toBe(bug);
  });

  test('G12: it never throws by itself, but returns a promise that rejects', async () => {
    const promise = call(member, () => {
      throw new Error('sync');
    });
    expect(promise).toBeInstanceOf(Promise);
    await expect(promise).rejects.toThrow('sync');
  });
});

describe('execute', () => {
  test('G7 G12: a deadline that makes no sense rejects, and calls nothing', async () => {
    let called = false;
    for (const deadlineMs of [0, -1, Number.NaN]) {
      const call = retry({}, runtime).execute(() => (called = true), { deadlineMs });
      await expect(call).rejects.toThrow(new RangeError(`deadlineMs must be above 0, got ${deadlineMs}`));
    }
    expect(called).toBe(false);
  });

  test('G7 T6: an endless deadline makes no timer', async () => {
    const pending = await timeout({ limitMs: Number.POSITIVE_INFINITY }, runtime).execute(() => runtime.clock.pending, {
      deadlineMs: Number.POSITIVE_INFINITY,
    });
    expect(pending).toBe(0);
  });

  test('the call has the key, the correlation id and the deadline that it was given', async () => {
    const seen = await pipeline(retry({}, runtime), timeout({}, runtime)).execute(
      ({ key, correlationId, deadline }) => ({ key, correlationId, left: deadline - runtime.clock.now() }),
      { key: 'tenant-1', correlationId: 'abc', deadlineMs: 500 },
    );
    expect(seen).toEqual({ key: 'tenant-1', correlationId: 'abc', left: 500 });
  });

  test('a call that is part of another has its signal, deadline, key and id', async () => {
    const caller = new AbortController();
    const outer = retry({ attempts: 1 }, runtime);
    const inner = timeout({}, runtime);
    let seen: unknown;
    const call = failure(
      outer.execute(
        (context) =>
          inner.execute(
            (part) => {
              seen = [part.key, part.correlationId, part.deadline === context.deadline];
              return new Promise(() => undefined);
            },
            { context },
          ),
        { signal: caller.signal, key: 'k', correlationId: 'id', deadlineMs: 5_000 },
      ),
    );
    await runtime.clock.advance(1);
    caller.abort('left');
    expect(await call).toBe('left');
    expect(seen).toEqual(['k', 'id', true]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('its types are those of the function', () => {
    const pass = policies['pipeline'];
    expectTypeOf(pass.execute(() => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(pass.execute(async () => 'text')).toEqualTypeOf<Promise<string>>();
  });
});

describe('wrap', () => {
  interface Model {
    readonly prefix: string;
  }
  function generate(this: Model, prompt: string, tokens = 3): string {
    return this.prefix + prompt.slice(0, tokens);
  }

  test.each(Object.entries(policies))('G12: `this` and the arguments reach the function: %s', async (_, member) => {
    const model = { prefix: '> ' };
    const wrapped = member.wrap(generate);
    expect(await wrapped.call(model, 'hello')).toBe('> hel');
    expect(await wrapped.call(model, 'hello', 4)).toBe('> hell');
    const owner = { prefix: '> ', generate: wrapped };
    expect(await owner.generate('abcdef')).toBe('> abc');
  });

  test('R49: the wrapped function keeps its name and its number of parameters', () => {
    async function complete(_prompt: string, _tokens: number): Promise<void> {}
    const wrapped = policies['pipeline'].wrap(complete);
    expect([wrapped.name, wrapped.length]).toEqual(['complete', 2]);
  });

  test('R49 R57 D30: a function that is not async becomes async, and is called once a call', async () => {
    let calls = 0;
    const wrapped = policies['pipeline'].wrap((add: number) => (calls += add));
    expect(await wrapped(2)).toBe(2);
    expect(await wrapped(3)).toBe(5);
  });

  test('G12: types are kept: parameters, `this`, and what is awaited', () => {
    const sync = policies['pipeline'].wrap((prompt: string, tokens?: number) => prompt.length + (tokens ?? 0));
    expectTypeOf(sync).parameters.toEqualTypeOf<[prompt: string, tokens?: number]>();
    expectTypeOf(sync).returns.toEqualTypeOf<Promise<number>>();
    const asynchronous = policies['pipeline'].wrap(async (...parts: string[]) => parts);
    expectTypeOf(asynchronous).parameters.toEqualTypeOf<string[]>();
    expectTypeOf(asynchronous).returns.toEqualTypeOf<Promise<string[]>>();
    const method = policies['pipeline'].wrap(function (this: Model, prompt: string): string {
      return this.prefix + prompt;
    });
    expectTypeOf(method).thisParameter.toEqualTypeOf<Model>();
  });
});

describe('pipeline', () => {
  /** Notes when it is entered and left. */
  function noting(name: string, notes: string[]): Policy {
    return policy(
      name,
      async (next, context) => {
        notes.push(`${name} in`);
        try {
          return await next(context);
        } finally {
          notes.push(`${name} out`);
        }
      },
      runtime,
    );
  }

  test('R58: the first policy is the outermost', async () => {
    const notes: string[] = [];
    await pipeline(noting('a', notes), noting('b', notes), noting('c', notes)).execute(() => notes.push('call'));
    expect(notes).toEqual(['a in', 'b in', 'c in', 'call', 'c out', 'b out', 'a out']);
  });

  test('a pipeline within a pipeline is the same as all its policies in a row', async () => {
    const notes: string[] = [];
    const inner = pipeline(noting('b', notes), noting('c', notes));
    const outer = pipeline(noting('a', notes), inner);
    expect(outer.name).toBe('a > b > c');
    await outer.execute(() => notes.push('call'));
    await outer.run(() => notes.push('run'), recordingContext(undefined, runtime));
    expect(notes.filter((note) => !note.endsWith('out'))).toEqual([
      'a in',
      'b in',
      'c in',
      'call',
      'a in',
      'b in',
      'c in',
      'run',
    ]);
  });

  test('a policy that was made by hand joins in', async () => {
    const byHand: Policy = {
      name: 'by hand',
      runtime,
      run: async (next, context) => next(context),
      execute: async (fn, options) => fn(recordingContext(options, runtime)),
      wrap: () => expect.unreachable('wrap of a part is not used'),
    };
    expect(await pipeline(retry({}, runtime), byHand, timeout({}, runtime)).execute(() => 'done')).toBe('done');
  });

  test('one pipeline serves many calls at once, each with its own function', async () => {
    const shared = pipeline(retry({}, runtime), circuitBreaker({}, runtime), timeout({}, runtime));
    const calls = Array.from({ length: 100 }, (_, index) =>
      shared.execute(() => new Promise((resolve) => runtime.clock.after(100 - index, () => resolve(index)))),
    );
    const outcome = Promise.all(calls);
    await runtime.clock.runAll();
    expect(await outcome).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test('a policy that calls twice, or not at all, does just that', async () => {
    let calls = 0;
    const twice = policy('twice', async (next, context) => (await next(context), next(context)), runtime);
    expect(await pipeline(twice, timeout({}, runtime)).execute(() => (calls += 1))).toBe(2);
    const never = policy('never', () => Promise.reject(new Error('refused')), runtime);
    await expect(pipeline(retry({ attempts: 1 }, runtime), never).execute(() => (calls += 1))).rejects.toThrow(
      'refused',
    );
    expect(calls).toBe(2);
  });

  test('nothing, and policies whose clocks would disagree, are refused', () => {
    expect(() => pipeline()).toThrow(new RangeError('pipeline needs at least one policy, got none'));
    expect(() => pipeline(retry({}, virtualRuntime()), timeout({}, virtualRuntime()))).toThrow(RangeError);
    expect(pipeline(retry(), timeout({}, runtime)).runtime).toBe(runtime);
  });
});

test('G8: no default of any policy is without an end', async () => {
  const { retryDefaults } = await import('./retry.js');
  const { circuitBreakerDefaults } = await import('./circuit-breaker.js');
  const { timeoutDefaults } = await import('./timeout.js');
  for (const defaults of [retryDefaults, circuitBreakerDefaults, timeoutDefaults]) {
    for (const [name, value] of Object.entries(defaults)) {
      if (typeof value === 'number') expect(value, name).toBeLessThan(Number.POSITIVE_INFINITY);
      else expect(value, name).toBeDefined();
    }
  }
});
