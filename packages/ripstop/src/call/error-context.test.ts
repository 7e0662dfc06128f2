import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from 'vitest';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { storageOf } from './async-storage.js';
import { contextOf, errorContext, startErrorContext, withErrorContext } from './error-context.js';
import { createContext } from './root-scope.js';
import { systemRuntime } from './runtime.js';

const { run, operation, current, of } = errorContext;
const thrownBy = async (work: () => unknown): Promise<unknown> => {
  try {
    return await work();
  } catch (error) {
    return error;
  }
};
const fails = (error: unknown): (() => Promise<never>) => {
  return async () => {
    await Promise.resolve();
    throw error;
  };
};

describe('scopes', () => {
  test('R59 R60 R61 R62: facts are there while a scope runs, the inner ones win, and afterwards they are gone', () => {
    expect(current()).toEqual({});
    run({ correlationId: 'req-12345', tenant: 'a' }, () => {
      operation('preprocessing', { inputSize: 3 }, () => {
        expect(current()).toEqual({
          correlationId: 'req-12345',
          tenant: 'a',
          operation: 'preprocessing',
          inputSize: 3,
        });
        run({ tenant: 'b', nothing: undefined }, () => expect(current()).toMatchObject({ tenant: 'b', inputSize: 3 }));
        expect(current()).toMatchObject({ tenant: 'a' });
      });
      expect(current()).toEqual({ correlationId: 'req-12345', tenant: 'a' });
    });
    expect(current()).toEqual({});
  });

  test('R63 D48: a scope is left on every way out, and there is nothing else to leave', async () => {
    const error = new Error('x');
    expect(() =>
      operation('thrown', () => {
        throw error;
      }),
    ).toThrow(error);
    expect(current()).toEqual({});
    expect(await thrownBy(() => operation('rejected', fails(error)))).toBe(error);
    expect(await operation('returned', async () => 'value')).toBe('value');
    expect(operation('returned', () => 'value')).toBe('value');
    expect(current()).toEqual({});
    expect(Object.keys(errorContext).sort()).toEqual(['current', 'of', 'operation', 'run']);
  });

  test('what a scope holds cannot be changed from outside', () => {
    const fields: Record<string, unknown> = { tenant: 'a' };
    run(fields, () => {
      fields['tenant'] = 'b';
      (current() as Record<string, unknown>)['tenant'] = 'c';
      expect(current()).toEqual({ tenant: 'a' });
    });
  });

  test('D60: a correlation id that is malformed is passed over', () => {
    run({ correlationId: 'good' }, () => {
      run({ correlationId: 'a\nb', tenant: 'a' }, () => {
        expect(current()).toEqual({ correlationId: 'good', tenant: 'a' });
      });
    });
  });

  test('a request’s context begins anew, whatever surrounds its server', () => {
    run({ correlationId: 'outer', tenant: 'a' }, () => {
      startErrorContext({ correlationId: 'inner' }, () => expect(current()).toEqual({ correlationId: 'inner' }));
    });
  });
});

describe('an error that leaves a scope', () => {
  test('R64 D43: is noted with the facts of every scope that it passed, although all have been left', async () => {
    const error = new Error('x');
    await thrownBy(() =>
      run({ correlationId: 'req-1' }, () => operation('inference', { model: 'small' }, fails(error))),
    );
    expect(current()).toEqual({});
    expect(of(error)).toEqual({ correlationId: 'req-1', operation: 'inference', model: 'small' });
  });

  test('R67: of two scopes, one after the other, only the one that failed is told', async () => {
    const error = new Error('x');
    await thrownBy(() =>
      run({ correlationId: 'req-12345' }, async () => {
        const input = await operation('preprocessing', { inputSize: 3 }, async () => 'abc');
        return operation('inference', { model: 'gpt-3.5-turbo' }, fails(Object.assign(error, { input })));
      }),
    );
    expect(of(error)).toEqual({ correlationId: 'req-12345', operation: 'inference', model: 'gpt-3.5-turbo' });
  });

  test('D45 R65: stays the same object with the same type, status, message and JSON', async () => {
    const error = new InferenceTimeoutError(5_000);
    const before = JSON.stringify(error);
    const keys = Reflect.ownKeys(error);
    expect(await thrownBy(() => operation('inference', { model: 'secret' }, fails(error)))).toBe(error);
    expect(error).toMatchObject({ errorType: 'inference_timeout', status: 504, isRetryable: true });
    expect(JSON.stringify(error)).toBe(before);
    expect(Reflect.ownKeys(error)).toEqual(keys);
  });

  test('may be frozen, or no error at all', async () => {
    const frozen = Object.freeze(new Error('x'));
    await thrownBy(() => operation('inference', fails(frozen)));
    expect(of(frozen)).toEqual({ operation: 'inference' });
    expect(await thrownBy(() => operation('inference', fails('text')))).toBe('text');
    expect(of('text')).toEqual({});
  });

  test('D47: is told over what surrounds whoever asks, and what its causes were told over both', async () => {
    const cause = new Error('cause');
    await thrownBy(() => operation('inference', { model: 'small' }, fails(cause)));
    const error = new Error('x', { cause });
    await thrownBy(() => operation('generate', { tenant: 'a' }, fails(error)));
    const asked = run({ correlationId: 'req-1', operation: 'request' }, () => of(error));
    expect(asked).toEqual({ correlationId: 'req-1', operation: 'inference', model: 'small', tenant: 'a' });
    expect(of(Object.assign(new Error('loop'), { cause: error }))).toMatchObject({ model: 'small' });
  });

  test('D44: may be shared by requests, and tells each of them nothing of the other', async () => {
    const shared = new Error('x');
    const ask = (id: string): Promise<unknown> =>
      startErrorContext({ correlationId: id }, () =>
        thrownBy(() => operation('inference', { caller: id }, fails(shared))).then(() => of(shared)),
      );
    expect(await Promise.all([ask('a'), ask('b')])).toEqual([
      { correlationId: 'a', operation: 'inference', caller: 'a' },
      { correlationId: 'b', operation: 'inference', caller: 'b' },
    ]);
    expect(contextOf(shared, { correlationId: 'c' })).toEqual({ correlationId: 'c' });
  });

  test('and is thrown for ever by everybody remembers a bounded number of scopes', async () => {
    const error = new Error('x');
    for (let index = 0; index < 100; index += 1) {
      await thrownBy(() => startErrorContext({ correlationId: `r${index}`, index }, fails(error)));
    }
    expect(contextOf(error, { correlationId: 'r99' })).toEqual({ correlationId: 'r99', index: 99 });
    expect(contextOf(error, { correlationId: 'r1' })).toEqual({ correlationId: 'r1' });
  });

  test('through many scopes keeps the facts of the innermost, and through separate ones those nearest to it', async () => {
    const deep = new Error('x');
    let work: () => Promise<unknown> = () => operation('innermost', { here: true }, fails(deep));
    for (let index = 0; index < 40; index += 1) {
      const inner = work;
      work = () => run({ index }, inner);
    }
    await thrownBy(work);
    expect(of(deep)).toEqual({ operation: 'innermost', here: true, index: 0 });
    const apart = new Error('x');
    await thrownBy(() => run({ who: 'outer', a: 1 }, () => startErrorContext({ who: 'inner', b: 2 }, fails(apart))));
    expect(of(apart)).toEqual({ who: 'inner', a: 1, b: 2 });
  });

  test('whose causes go round in a circle is read all the same', () => {
    const error: Error & { cause?: unknown } = new Error('x');
    error.cause = error;
    expect(run({ tenant: 'a' }, () => of(error))).toEqual({ tenant: 'a' });
  });

  test('that cannot be looked at still goes on as it is', async () => {
    const trap = new Proxy(new Error('x'), {
      get: () => {
        throw new Error('trap');
      },
    });
    let thrown: unknown;
    try {
      operation('inference', () => {
        throw trap;
      });
    } catch (error) {
      thrown = error;
    }
    expect(thrown === trap).toBe(true);
    expect(of(trap)).toEqual({ operation: 'inference' });
  });
});

describe('R66: withErrorContext', () => {
  test('makes every call of a function a scope, be it synchronous or not', async () => {
    const error = new Error('x');
    const sync = withErrorContext(
      function load(): never {
        throw error;
      },
      { operation: 'loading' },
    );
    expect(sync).toThrow(error);
    expect(of(error)).toEqual({ operation: 'loading' });
    expect(sync.name).toBe('load');

    const later = withErrorContext(fails(new InferenceTimeoutError(1)), { operation: 'inference' });
    const failure = await thrownBy(later);
    expect(failure).toBeInstanceOf(InferenceTimeoutError);
    expect(of(failure)).toEqual({ operation: 'inference' });
  });

  test('keeps `this`, the arguments and the value, and may take its facts from the arguments', () => {
    const counter = {
      step: 2,
      add: withErrorContext(
        function (this: { step: number }, by: number): unknown {
          return { sum: this.step + by, facts: current() };
        },
        (by: number) => ({ by }),
      ),
    };
    expect(counter.add(3)).toEqual({ sum: 5, facts: { by: 3 } });
  });

  test('with no facts of its own notes what surrounds the call', async () => {
    const error = new Error('x');
    await run({ correlationId: 'req-1' }, async () => thrownBy(withErrorContext(fails(error))));
    expect(of(error)).toEqual({ correlationId: 'req-1' });
  });
});

describe('work that goes on', () => {
  test('a stream runs each step inside its scope, wherever it is read', async () => {
    const error = new Error('x');
    const stream = operation('inference', { model: 'small' }, async function* () {
      yield current();
      await Promise.resolve();
      yield current();
      throw error;
    });
    const steps: unknown[] = [];
    await run({ correlationId: 'reader' }, () =>
      thrownBy(async () => {
        for await (const step of stream) {
          steps.push(step);
          expect(current()).toEqual({ correlationId: 'reader' });
        }
      }),
    );
    expect(steps).toEqual([
      { operation: 'inference', model: 'small' },
      { operation: 'inference', model: 'small' },
    ]);
    expect(of(error)).toEqual({ operation: 'inference', model: 'small' });
  });

  test('a stream that is left early, or told of an error, hears it inside its scope', async () => {
    const ends: unknown[] = [];
    const make = (): AsyncGenerator<number> =>
      operation('inference', async function* () {
        try {
          yield 1;
          yield 2;
        } finally {
          ends.push(current());
        }
      });
    for await (const _ of make()) break;
    const thrown = make();
    await thrown.next();
    await thrownBy(() => thrown.throw(new Error('from outside')));
    expect(ends).toEqual([{ operation: 'inference' }, { operation: 'inference' }]);
  });

  test('a stream that a promise brings, and a web stream, are inside too', async () => {
    const error = new Error('x');
    const promised = await operation('inference', async () =>
      (async function* () {
        yield current();
      })(),
    );
    for await (const step of promised) expect(step).toEqual({ operation: 'inference' });
    const web = operation(
      'reading',
      () =>
        new ReadableStream({
          pull: (controller) => controller.error(error),
        }),
    );
    await thrownBy(() => web.getReader().read());
    expect(of(error)).toEqual({ operation: 'reading' });
  });

  test('a timer of the runtime fires where it was set, though all of one delay share a timer', async () => {
    for (const runtime of [systemRuntime, virtualRuntime()]) {
      const seen: unknown[] = [];
      const set = (id: string): Promise<void> =>
        startErrorContext({ correlationId: id }, () => {
          return new Promise((resolve) => {
            runtime.clock.after(7, () => resolve(void seen.push(current().correlationId)));
          });
        });
      const first = set('a');
      const outside = new Promise<void>((resolve) => {
        runtime.clock.after(7, () => resolve(void seen.push(current().correlationId)));
      });
      const all = Promise.all([first, outside, set('b'), set('c')]);
      if (runtime !== systemRuntime) await (runtime as ReturnType<typeof virtualRuntime>).clock.advance(7);
      await all;
      expect(seen).toEqual(['a', undefined, 'b', 'c']);
    }
  });

  test('R59 D44: a thousand requests at once never see each other’s context', async () => {
    const runtime = virtualRuntime({ seed: 7 });
    const pause = (): Promise<void> =>
      new Promise((resolve) => void runtime.clock.after(Math.floor(runtime.random() * 20), resolve));
    async function* tokens(id: string): AsyncGenerator<string> {
      for (let index = 0; index < 3; index += 1) {
        await pause();
        yield current().correlationId === id ? 'own' : 'foreign';
      }
      throw new Error(id);
    }
    const request = (id: string): Promise<unknown> =>
      startErrorContext({ correlationId: id, secret: id }, async () => {
        await pause();
        await operation('preprocessing', { input: id }, pause);
        const seen: string[] = [];
        const error = await thrownBy(async () => {
          for await (const token of operation('inference', { model: id }, () => tokens(id))) seen.push(token);
        });
        await pause();
        return [seen.join(), of(error), current()];
      });
    const ids = Array.from({ length: 1_000 }, (_, index) => `req-${index}`);
    const outcomes = Promise.all(ids.map(request));
    await runtime.clock.runAll();
    expect(await outcomes).toEqual(
      ids.map((id) => [
        'own,own,own',
        { correlationId: id, secret: id, operation: 'inference', model: id },
        { correlationId: id, secret: id },
      ]),
    );
  });
});

describe('platforms', () => {
  test('Node, and runtimes that offer the class as a global, give a storage that follows awaits', async () => {
    const nodeLike = storageOf({ process: { getBuiltinModule: () => ({ AsyncLocalStorage }) } });
    const edgeLike = storageOf({ AsyncLocalStorage });
    for (const storage of [nodeLike, edgeLike]) {
      const store = {};
      expect(
        await storage.run(store, async () => {
          await Promise.resolve();
          return storage.getStore();
        }),
      ).toBe(store);
    }
  });

  test('where there is none, the value lasts for the synchronous part, and is put back', async () => {
    for (const storage of [storageOf({}), storageOf({ process: { getBuiltinModule: () => undefined } })]) {
      const [outer, inner] = [{}, {}];
      storage.run(outer, () => {
        expect(() =>
          storage.run(inner, () => {
            throw new Error('x');
          }),
        ).toThrow('x');
        expect(storage.getStore()).toBe(outer);
      });
      expect(storage.getStore()).toBeUndefined();
    }
  });
});

test('what is said about a call carries the correlation id of the request that it belongs to', async () => {
  const runtime = virtualRuntime();
  const ids: unknown[] = [];
  runtime.events.on(({ correlationId }) => ids.push(correlationId));
  const call = (correlationId?: string): void => {
    createContext({ correlationId }, runtime).emit({ type: 'coalesce.joined', callers: 2 });
  };
  run({ correlationId: 'req-1' }, () => {
    call();
    call('given');
  });
  call();
  expect(ids).toEqual(['req-1', 'given', expect.stringMatching(/^[0-9a-f-]{36}$/)]);
});
