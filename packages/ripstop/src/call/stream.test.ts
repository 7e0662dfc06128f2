import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { abortable } from './attempt.js';
import { createContext } from './root-scope.js';
import { discardStream, isStream, type StreamEnd, watchStream } from './stream.js';

async function* numbers(): AsyncGenerator<number, string> {
  yield 1;
  yield 2;
  yield 3;
  return 'done';
}

/** What a watcher saw. */
function watcher(): { ends: StreamEnd[]; items: number; item(): void; ended(end: StreamEnd): void } {
  return {
    ends: [],
    items: 0,
    item() {
      this.items += 1;
    },
    ended(end) {
      this.ends.push(end);
    },
  };
}

async function read<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const caught = (outcome: Promise<unknown>): Promise<unknown> => outcome.catch((error: unknown) => error);

describe('what counts as a stream', () => {
  test('async iterables of every kind do, and nothing else', () => {
    for (const stream of [numbers(), new ReadableStream(), Readable.from(['a']), { [Symbol.asyncIterator]: numbers }]) {
      expect(isStream(stream)).toBe(true);
    }
    for (const other of [undefined, null, 'text', 7, [1, 2], {}, () => numbers(), Promise.resolve(1)]) {
      expect(isStream(other)).toBe(false);
    }
  });
});

describe('an async iterable', () => {
  test('B17: read to its end, it is completed, once, after the watcher saw every item', async () => {
    const seen = watcher();
    expect(await read(watchStream(numbers(), seen))).toEqual([1, 2, 3]);
    expect(seen).toMatchObject({ items: 3, ends: [{ kind: 'completed' }] });
  });

  test('B17: a reader that leaves early returned', async () => {
    const seen = watcher();
    for await (const number of watchStream(numbers(), seen)) {
      if (number === 2) break;
    }
    expect(seen).toMatchObject({ items: 2, ends: [{ kind: 'returned' }] });
  });

  test('B17: one that throws failed, with its own error', async () => {
    const error = new Error('cut');
    async function* broken(): AsyncGenerator<number> {
      yield 1;
      throw error;
    }
    const seen = watcher();
    expect(await caught(read(watchStream(broken(), seen)))).toBe(error);
    expect(seen).toMatchObject({ items: 1, ends: [{ kind: 'failed', error }] });
  });

  test('it is still of its class, with its members, whose `this` is itself', async () => {
    class Answer {
      readonly model = 'm';
      readonly #words = ['a', 'b'];
      count(): number {
        return this.#words.length;
      }
      async *[Symbol.asyncIterator](): AsyncGenerator<string> {
        yield* this.#words;
      }
    }
    const stream = watchStream(new Answer(), watcher());
    expect(stream).toBeInstanceOf(Answer);
    expect([stream.model, stream.count()]).toEqual(['m', 2]);
    expect(await read(stream)).toEqual(['a', 'b']);
  });

  test('a generator may be driven by hand', async () => {
    const seen = watcher();
    const stream = watchStream(numbers(), seen);
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    expect(await stream.return('early')).toEqual({ done: true, value: 'early' });
    expect(seen.ends).toEqual([{ kind: 'returned' }]);
  });

  test('a generator that is thrown into failed with what was thrown', async () => {
    const seen = watcher();
    const stream = watchStream(numbers(), seen);
    await stream.next();
    expect(await caught(stream.throw('wrong'))).toBe('wrong');
    expect(seen.ends).toEqual([{ kind: 'failed', error: 'wrong' }]);
  });

  test('an iterator without return and throw ends all the same', async () => {
    const bare = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false as const, value: 1 }) }) };
    const seen = watcher();
    for await (const _ of watchStream(bare, seen)) break;
    expect(seen.ends).toEqual([{ kind: 'returned' }]);
    const iterator = watchStream(bare, watcher())[Symbol.asyncIterator]() as AsyncGenerator<number>;
    expect(await caught(iterator.throw('wrong'))).toBe('wrong');
  });

  test('a Node stream is watched as it is iterated', async () => {
    const seen = watcher();
    expect(await read(watchStream(Readable.from(['a', 'b']), seen))).toEqual(['a', 'b']);
    expect(seen).toMatchObject({ items: 2, ends: [{ kind: 'completed' }] });
  });

  test('T5: an abort ends it although its source hangs', async () => {
    let returned = false;
    const hanging = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<number>>(() => undefined),
        return: async () => {
          returned = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const attempt = abortable(createContext());
    const seen = watcher();
    const reading = caught(read(watchStream(hanging, { attempt, ended: (end) => seen.ended(end) })));
    attempt.abort('limit');
    expect(await reading).toBe('limit');
    expect(seen.ends).toEqual([{ kind: 'failed', error: 'limit' }]);
    expect(returned).toBe(true);
  });

  test('G6: while it waits for an item it listens for an abort, and no longer', async () => {
    const context = createContext({ signal: new AbortController().signal });
    const attempt = abortable(context);
    const listening = new Set<unknown>();
    const counted = Object.create(attempt, {
      onAbort: {
        value: (listener: (reason: unknown) => void) => {
          listening.add(listener);
          const off = attempt.onAbort(listener);
          return () => {
            listening.delete(listener);
            off();
          };
        },
      },
    }) as typeof attempt;
    expect(await read(watchStream(numbers(), { attempt: counted, ended: () => undefined }))).toEqual([1, 2, 3]);
    expect(listening.size).toBe(0);
  });
});

describe('a web stream', () => {
  const web = (): ReadableStream<number> => ReadableStream.from([1, 2, 3]);

  test('B17: it stays one, and completes when it was read to its end', async () => {
    const seen = watcher();
    const stream = watchStream(web(), seen);
    expect(stream).toBeInstanceOf(ReadableStream);
    expect(await read(stream)).toEqual([1, 2, 3]);
    expect(seen).toMatchObject({ items: 3, ends: [{ kind: 'completed' }] });
  });

  test('it is read no further ahead than its reader asks', async () => {
    let pulled = 0;
    const source = new ReadableStream<number>(
      {
        pull: (controller) => controller.enqueue((pulled += 1)),
      },
      { highWaterMark: 0 },
    );
    const reader = watchStream(source, watcher()).getReader();
    await reader.read();
    expect(pulled).toBe(1);
    await reader.cancel();
  });

  test('B17: a reader that cancels returned, and the source learns why', async () => {
    let reason: unknown;
    const seen = watcher();
    const stream = watchStream(new ReadableStream({ cancel: (why) => void (reason = why) }), seen);
    await stream.cancel('enough');
    expect([reason, seen.ends]).toEqual(['enough', [{ kind: 'returned' }]]);
  });

  test('B17: one that errors failed, with its own error', async () => {
    const error = new Error('cut');
    const seen = watcher();
    const stream = watchStream(new ReadableStream({ pull: (controller) => controller.error(error) }), seen);
    expect(await caught(read(stream))).toBe(error);
    expect(seen.ends).toEqual([{ kind: 'failed', error }]);
  });

  test('T5: an abort ends it although its source hangs, and cancels the source', async () => {
    let cancelled: unknown;
    const attempt = abortable(createContext());
    const hanging = new ReadableStream({ cancel: (why) => void (cancelled = why) });
    const reading = caught(read(watchStream(hanging, { attempt, ended: () => undefined })));
    await Promise.resolve();
    attempt.abort('limit');
    expect(await reading).toBe('limit');
    expect(cancelled).toBe('limit');
  });

  test('one that somebody reads already is left alone', async () => {
    const stream = web();
    const reader = stream.getReader();
    const seen = watcher();
    expect(watchStream(stream, seen)).toBe(stream);
    expect(seen.ends).toEqual([{ kind: 'returned' }]);
    expect(await reader.read()).toEqual({ done: false, value: 1 });
  });
});

describe('a stream that nobody will read', () => {
  test('is told so, whatever it makes of that', async () => {
    let closed = 0;
    async function* source(): AsyncGenerator<number> {
      try {
        yield 1;
      } finally {
        closed += 1;
      }
    }
    const started = source();
    await started.next();
    discardStream(started);
    discardStream(new ReadableStream({ cancel: () => void (closed += 1) }));
    discardStream({ [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: 1 }) }) });
    discardStream({
      [Symbol.asyncIterator]: () => {
        throw new Error('no iterator');
      },
    });
    discardStream(new ReadableStream({ cancel: () => Promise.reject(new Error('no')) }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(2);
  });
});
