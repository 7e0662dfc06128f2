import { describe, expect, test } from 'vitest';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { settleOrAbort, sleep } from './abort.js';
import { abortable } from './attempt.js';
import { expire } from './completed-first.js';
import { LimitedAttempt } from './limited-attempt.js';
import { createContext } from './root-scope.js';

const never = new Promise<never>(() => undefined);
const caught = (outcome: Promise<unknown>): Promise<unknown> => outcome.catch((error: unknown) => error);

/** A promise that a test settles when it likes. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let settle: { resolve: (value: T) => void; reject: (error: unknown) => void } | undefined;
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  if (settle === undefined) throw new Error('a promise runs its executor at once');
  return { promise, ...settle };
}

/** Runs `work` and tells what was left unhandled meanwhile. */
async function unhandledDuring(work: () => Promise<unknown>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', listener);
  try {
    await work();
    await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    process.off('unhandledRejection', listener);
  }
  return unhandled;
}

describe('settling under an abort', () => {
  test('an outcome passes through, and the timer of a limited attempt is stopped', async () => {
    const { clock } = virtualRuntime();
    const error = new Error('its own');
    const limited = (outcome: Promise<unknown>): Promise<unknown> => {
      const attempt = new LimitedAttempt(createContext(), 1_000);
      attempt.start(clock);
      return settleOrAbort(outcome, attempt);
    };
    expect(await limited(Promise.resolve(7))).toBe(7);
    expect(await caught(limited(Promise.reject(error)))).toBe(error);
    expect(clock.pending).toBe(0);
  });

  test('an abort ends the wait at once, with its reason, whether or not the work notices', async () => {
    const attempt = abortable(createContext());
    const outcome = caught(settleOrAbort(never, attempt));
    const reason = { any: 'value' };
    attempt.abort(reason);
    expect(await outcome).toBe(reason);
  });

  /** Ends an attempt as a caller who leaves does, and as a limit does that runs out. */
  const ends = {
    'the caller leaves': () => {
      const caller = new AbortController();
      const attempt = abortable(createContext({ signal: caller.signal }));
      return { attempt, end: () => caller.abort('too late') };
    },
    'its time is up': () => {
      const attempt = abortable(createContext());
      return { attempt, end: () => expire(attempt, () => 'too late') };
    },
  };

  test.each(Object.entries(ends))('G4: a value that is complete when %s wins', async (_, make) => {
    const { attempt, end } = make();
    const work = async (): Promise<number> => 7;
    const outcome = settleOrAbort(work(), attempt);
    end();
    expect(await outcome).toBe(7);
  });

  test.each(Object.entries(ends))(
    'G4: so does one that an async function has just returned from within another when %s',
    async (_, make) => {
      const { attempt, end } = make();
      const source = deferred<number>();
      const outcome = settleOrAbort(
        (async () => {
          return await source.promise;
        })(),
        attempt,
      );
      source.resolve(7);
      end();
      expect(await outcome).toBe(7);
    },
  );

  test('T3: a value that comes because of the abort is too late', async () => {
    const attempt = abortable(createContext());
    const obedient = new Promise<string>((resolve) => {
      attempt.signal.addEventListener('abort', () => resolve('half an ans'));
    });
    const outcome = caught(settleOrAbort(obedient, attempt));
    expire(attempt, () => 'time is up');
    expect(await outcome).toBe('time is up');
  });

  test('G3 T3: whatever an aborted attempt throws, the abort is why it ended', async () => {
    const attempt = abortable(createContext());
    const work = deferred();
    const outcome = caught(settleOrAbort(work.promise, attempt));
    attempt.abort('limit');
    work.reject(new DOMException('The operation was aborted', 'AbortError'));
    expect(await outcome).toBe('limit');
  });

  test('G3: an AbortError without an abort is an error like any other', async () => {
    const error = new DOMException('Looks like it', 'AbortError');
    expect(await caught(settleOrAbort(Promise.reject(error), abortable(createContext())))).toBe(error);
  });

  test('T3: an outcome that comes after the abort is dropped, and nothing stays unhandled', async () => {
    const unhandled = await unhandledDuring(async () => {
      const attempt = abortable(createContext());
      const work = deferred();
      const outcome = caught(settleOrAbort(work.promise, attempt));
      attempt.abort('limit');
      await outcome;
      work.reject(new Error('late'));
    });
    expect(unhandled).toEqual([]);
  });

  test('G6: after it has settled, nobody listens to the caller any more', async () => {
    const controller = new AbortController();
    const context = createContext({ signal: controller.signal });
    const attempt = abortable(context);
    await settleOrAbort(Promise.resolve(1), attempt);
    context.release();
    controller.abort('later');
    expect(attempt.signal.aborted && attempt.reason).toBe('later');
  });
});

describe('a stream as an outcome', () => {
  async function* words(): AsyncGenerator<string> {
    yield 'a';
    yield 'b';
  }

  test('T5: its limit lives until it ends', async () => {
    const { clock } = virtualRuntime();
    const attempt = new LimitedAttempt(createContext(), 1_000);
    attempt.start(clock);
    const stream = await settleOrAbort(Promise.resolve(words()), attempt);
    expect(clock.pending).toBe(1);
    const heard: string[] = [];
    for await (const word of stream) heard.push(word);
    expect(heard).toEqual(['a', 'b']);
    expect(clock.pending).toBe(0);
  });

  test('T5: an abort ends it between two items, and its source is told', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<number> {
      try {
        for (let number = 0; ; number += 1) yield number;
      } finally {
        closed = true;
      }
    }
    const attempt = abortable(createContext());
    const stream = await settleOrAbort(Promise.resolve(source()), attempt);
    const heard: number[] = [];
    const reading = caught(
      (async () => {
        for await (const number of stream) {
          heard.push(number);
          if (number === 2) attempt.abort('enough');
        }
      })(),
    );
    expect(await reading).toBe('enough');
    expect(heard).toEqual([0, 1, 2]);
    await Promise.resolve();
    expect(closed).toBe(true);
  });

  test('G6: one that comes after the abort is told that nobody will read it', async () => {
    let cancelled: unknown;
    const late = new ReadableStream({ cancel: () => void (cancelled = true) });
    const attempt = abortable(createContext());
    const work = deferred<ReadableStream>();
    const outcome = caught(settleOrAbort(work.promise, attempt));
    attempt.abort('limit');
    expect(await outcome).toBe('limit');
    work.resolve(late);
    await new Promise((resolve) => setImmediate(resolve));
    expect(cancelled).toBe(true);
  });
});

describe('sleeping', () => {
  test('it takes its time, no less', async () => {
    const { clock } = virtualRuntime();
    let awake = false;
    void sleep(clock, 1_000, createContext()).then(() => (awake = true));
    await clock.advance(999);
    expect(awake).toBe(false);
    await clock.advance(1);
    expect(awake).toBe(true);
  });

  test('RT4 G6: an abort wakes it at once, with its reason, and leaves neither timer nor listener', async () => {
    const runtime = virtualRuntime();
    const controller = new AbortController();
    const context = createContext({ signal: controller.signal }, runtime);
    const sleeping = caught(sleep(runtime.clock, 60_000, context));
    const reason = new Error('left');
    controller.abort(reason);
    expect(runtime.clock.pending).toBe(0);
    expect(await sleeping).toBe(reason);
  });

  test('who is gone already does not fall asleep', async () => {
    const runtime = virtualRuntime();
    const context = createContext({ signal: AbortSignal.abort('gone') }, runtime);
    expect(await caught(sleep(runtime.clock, 60_000, context))).toBe('gone');
    expect(runtime.clock.pending).toBe(0);
  });
});
