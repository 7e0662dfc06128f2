import { expect, test } from 'vitest';
import { openStream } from './first-item.js';

async function read(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** Counts what it is asked for. */
class Tokens implements AsyncIterable<number> {
  readonly #model = 'm';
  readonly last: number;
  asked = 0;
  returned = 0;

  constructor(last: number) {
    this.last = last;
  }

  get model(): string {
    return this.#model;
  }

  name(): string {
    return this.#model;
  }

  [Symbol.asyncIterator](): AsyncIterator<number> {
    return {
      next: () => {
        this.asked += 1;
        const done = this.asked > this.last;
        return Promise.resolve(done ? { done, value: undefined } : { done, value: this.asked });
      },
      return: () => {
        this.returned += 1;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

function webStream(...items: unknown[]): { stream: ReadableStream<unknown>; cancelled: unknown[] } {
  const cancelled: unknown[] = [];
  const left = [...items];
  const stream = new ReadableStream<unknown>(
    {
      pull(controller) {
        if (left.length === 0) return controller.close();
        controller.enqueue(left.shift());
      },
      cancel: (reason) => void cancelled.push(reason),
    },
    { highWaterMark: 0 },
  );
  return { stream, cancelled };
}

test.each([0, 1, 3])('H7: exactly one item is taken before the reader comes, who gets all %i', async (last) => {
  const tokens = new Tokens(last);
  const stream = await openStream(tokens).opened;
  expect(tokens.asked).toBe(1);
  expect(await read(stream)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
});

test('H7: the stream keeps its class and its members, private ones too', async () => {
  const tokens = new Tokens(2);
  const stream = await openStream(tokens).opened;
  expect(stream).toBeInstanceOf(Tokens);
  expect([stream.model, stream.name(), stream.last]).toEqual(['m', 'm', 2]);
  stream.asked = 7;
  expect(tokens.asked).toBe(7);
});

test('H7: one that can be read again begins anew the second time', async () => {
  const again: AsyncIterable<number> = {
    async *[Symbol.asyncIterator]() {
      yield 1;
      yield 2;
    },
  };
  const stream = await openStream(again).opened;
  expect([await read(stream), await read(stream)]).toEqual([
    [1, 2],
    [1, 2],
  ]);
});

test('H7: a reader who leaves tells the source', async () => {
  const tokens = new Tokens(5);
  for await (const token of await openStream(tokens).opened) if (token === 2) break;
  expect([tokens.asked, tokens.returned]).toEqual([2, 1]);
});

test('H7: an async generator can be driven by hand, from its first item', async () => {
  async function* generate(): AsyncGenerator<string, void, string> {
    const heard = yield 'first';
    yield `heard ${heard}`;
  }
  const stream = await openStream(generate()).opened;
  expect(await stream.next()).toEqual({ done: false, value: 'first' });
  expect(await stream.next('you')).toEqual({ done: false, value: 'heard you' });
  const error = new Error('enough');
  await expect(stream.throw(error)).rejects.toBe(error);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test('H7: a failure before the first item is a failure of the opening, also a synchronous one', async () => {
  const error = new Error('broke off');
  async function* broken(): AsyncGenerator<number> {
    yield* await Promise.reject<number[]>(error);
  }
  await expect(openStream(broken()).opened).rejects.toBe(error);
  const refusing: AsyncIterable<number> = {
    [Symbol.asyncIterator]() {
      throw error;
    },
  };
  await expect(openStream(refusing).opened).rejects.toBe(error);
});

test('H7: a web stream is read from its first chunk, and told when its reader leaves', async () => {
  const { stream, cancelled } = webStream('a', 'b', 'c');
  const opened = await openStream(stream).opened;
  expect(opened).toBeInstanceOf(ReadableStream);
  const reader = opened.getReader();
  expect(await reader.read()).toEqual({ done: false, value: 'a' });
  expect(await reader.read()).toEqual({ done: false, value: 'b' });
  await reader.cancel('enough');
  expect(cancelled).toEqual(['enough']);
  expect(await read(await openStream(webStream().stream).opened)).toEqual([]);
  expect(await read(await openStream(webStream(undefined, 1).stream).opened)).toEqual([undefined, 1]);
});

test('H7: a web stream that somebody reads already is left to him', async () => {
  const { stream, cancelled } = webStream('a');
  const reader = stream.getReader();
  const opening = openStream(stream);
  expect(await opening.opened).toBe(stream);
  opening.discard();
  expect(await reader.read()).toEqual({ done: false, value: 'a' });
  expect(cancelled).toEqual([]);
});

test('H5 H7: one that nobody will read is told so, whatever it thinks of that', async () => {
  const tokens = new Tokens(3);
  openStream(tokens).discard();
  expect(tokens.returned).toBe(1);
  const { stream, cancelled } = webStream('a', 'b');
  const opening = openStream(stream);
  await opening.opened;
  opening.discard();
  await Promise.resolve();
  expect(cancelled).toHaveLength(1);
  const sulking: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => undefined),
      return: () => Promise.reject(new Error('no')),
    }),
  };
  expect(() => openStream(sulking).discard()).not.toThrow();
});
