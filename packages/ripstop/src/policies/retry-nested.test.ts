import { afterEach, describe, expect, test } from 'vitest';
import type { Call, CallContext } from '../call/call.js';
import { createContext } from '../call/root-scope.js';
import { GenerationFailedError } from '../errors/upstream-errors.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { coalesce } from './coalesce.js';
import { fallback } from './fallback.js';
import { detectNestedRetries } from './parts/attempt-storage.js';
import { pipeline, type PolicyOf } from './policy.js';
import { retry } from './retry.js';
import { timeout } from './timeout.js';

const runtime = virtualRuntime();
const outer = retry({ attempts: 3 }, runtime);
const inner = retry({ attempts: 4 }, runtime);
const own = retry({ attempts: 4, nested: 'own' }, runtime);
const down = (): never => {
  throw new GenerationFailedError('down');
};

/** How often the work is called that `around` calls by itself. */
async function calls(around: (work: Call<never>) => Promise<unknown>): Promise<number> {
  let count = 0;
  const call = around(() => ((count += 1), down())).catch((error: unknown) => error);
  await runtime.clock.runAll();
  await call;
  return count;
}

describe('a retry inside an attempt of another', () => {
  test('RT10: runs once, by the context that it was given', async () => {
    const nested = async (context: CallContext, work: Call<never>): Promise<never> => {
      await Promise.resolve();
      return inner.execute(work, { context });
    };
    expect(await calls((work) => outer.execute((context) => nested(context, work)))).toBe(3);
    const limited = pipeline(outer, timeout({}, runtime));
    expect(await calls((work) => limited.execute((context) => nested(context, work)))).toBe(3);
    const deep = (work: Call<never>): Call<never> => {
      return (context) => timeout({}, runtime).execute((attempt) => nested(attempt, work), { context });
    };
    expect(await calls((work) => outer.execute(deep(work)))).toBe(3);
  });

  test('RT10: runs once, as a layer of the same pipeline', async () => {
    expect(await calls((work) => pipeline(outer, inner).execute(work))).toBe(3);
    expect(
      await calls((work) =>
        pipeline(outer, coalesce({}, runtime), timeout({}, runtime), inner).execute(work, { key: 'a' }),
      ),
    ).toBe(3);
  });

  test('RT10: runs once without a context, if it is called before the first await', async () => {
    expect(await calls((work) => outer.execute(() => inner.execute(work)))).toBe(3);
    expect(await calls((work) => outer.wrap(inner.wrap(work as () => never))())).toBe(3);
    expect(await calls((work) => outer.execute(async () => inner.execute(work)))).toBe(3);
  });

  test('RT10: retries too where it is told to, and those inside it are its own', async () => {
    expect(await calls((work) => outer.execute((context) => own.execute(work, { context })))).toBe(12);
    expect(await calls((work) => pipeline(outer, own, inner).execute(work))).toBe(12);
  });

  test('RT10: told to retry too, it leaves the rest of the attempt to the one around it', async () => {
    const both = (work: Call<never>): Call<never> => {
      return async (context) => {
        await own.run(() => 'done', context);
        return inner.run(work, context);
      };
    };
    expect(await calls((work) => outer.execute(both(work)))).toBe(3);
  });

  test('RT10: retries when the one around it never would', async () => {
    const single = retry({ attempts: 1 }, runtime);
    expect(await calls((work) => single.execute((context) => inner.execute(work, { context })))).toBe(4);
    expect(await calls((work) => single.execute(() => inner.execute(work)))).toBe(4);
  });

  test('RT10: leaves result, error and events to the one around it', async () => {
    const events: unknown[] = [];
    const off = runtime.events.on(({ type }) => events.push(type));
    const whenResult = (): boolean => true;
    const picky = retry({ whenResult }, runtime);
    expect(await outer.execute((context) => picky.execute(() => 'as it is', { context }))).toBe('as it is');
    await calls((work) => outer.execute((context) => inner.execute(work, { context })));
    off();
    expect(events).toEqual(['retry.scheduled', 'retry.scheduled', 'retry.stopped']);
  });
});

describe('a retry beside another', () => {
  test('RT10: is not inside it: one after the other in one context', async () => {
    const context = createContext(undefined, runtime);
    expect(await calls((work) => outer.run(work, context))).toBe(3);
    expect(await calls((work) => inner.run(work, context))).toBe(4);
    expect(await outer.run(() => 'done', context)).toBe('done');
    expect(await calls((work) => inner.run(work, context))).toBe(4);
  });

  test('RT10: nor is that of a fallback around it', async () => {
    const spare: PolicyOf<unknown>[] = [];
    let asked = 0;
    const whole = pipeline(
      fallback((_, context) => inner.execute(() => ((asked += 1), down()), { context }), {}, runtime),
      ...spare,
      outer,
    );
    expect(await calls((work) => whole.execute(work))).toBe(3);
    expect(asked).toBe(4);
  });

  test('RT10: nor is what a call began that has succeeded meanwhile', async () => {
    let kept: CallContext | undefined;
    await outer.execute((context) => (kept = context));
    expect(await calls((work) => inner.execute(work, { context: kept }))).toBe(4);
  });

  test('RT10: nor is one in the context of a call that has failed meanwhile', async () => {
    let kept: CallContext | undefined;
    const failed = outer.execute((context) => ((kept = context), down())).catch((error: unknown) => error);
    await runtime.clock.runAll();
    expect(await failed).toBeInstanceOf(GenerationFailedError);
    expect(await calls((work) => inner.execute(work, { context: kept }))).toBe(4);
  });

  test('RT10: nor is one that is called next to an attempt, or after it threw', async () => {
    const beside = outer.execute(() => new Promise((resolve) => runtime.clock.after(1, () => resolve('done'))));
    expect(await calls((work) => inner.execute(work))).toBe(4);
    expect(await beside).toBe('done');
    const thrown = outer.execute(down).catch(() => undefined);
    expect(await calls((work) => inner.execute(work))).toBe(4);
    await thrown;
  });
});

describe('detectNestedRetries', () => {
  let off = (): void => undefined;
  afterEach(() => off());

  const afterAwait = (work: Call<never>): Call<never> => {
    return async () => {
      await Promise.resolve();
      return inner.execute(work);
    };
  };

  test('RT10: without it, a retry after an await that was given no context retries too', async () => {
    expect(await calls((work) => outer.execute(afterAwait(work)))).toBe(12);
  });

  test('RT10: with it, it runs once, also in the attempts after the first', async () => {
    off = detectNestedRetries();
    expect(await calls((work) => outer.execute(afterAwait(work)))).toBe(3);
    expect(await calls((work) => inner.execute(work))).toBe(4);
    off();
    expect(await calls((work) => outer.execute(afterAwait(work)))).toBe(12);
  });

  test('RT10: what an attempt began is free when that is over', async () => {
    off = detectNestedRetries();
    let later: Promise<number> | undefined;
    await outer.execute(async () => {
      const background = async (): Promise<number> => {
        await new Promise((resolve) => setImmediate(resolve));
        return calls((work) => inner.execute(work));
      };
      later = background();
    });
    expect(await later).toBe(4);
  });
});
