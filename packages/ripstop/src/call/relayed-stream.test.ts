import { expect, test } from 'vitest';
import { RelayedStream } from './relayed-stream.js';
import { readStep } from './steps.js';

/** Every even number twice, and none of the others. */
class EvenTwice extends RelayedStream<number, number> {
  private again: number[] = [];

  arrived(step: IteratorResult<number, unknown>): void {
    if (step.done === true) return this.give({ done: true, value: undefined });
    if (step.value % 2 === 1) return this.readOn();
    this.again = [step.value];
    this.give({ done: false, value: step.value });
  }

  broke(error: unknown): void {
    this.fail(new Error('it broke', { cause: error }));
  }

  async return(): Promise<IteratorResult<number, undefined>> {
    await this.source.return?.();
    return { done: true, value: undefined };
  }

  protected override ready(): IteratorResult<number, undefined> | undefined {
    const value = this.again.shift();
    return value === undefined ? undefined : { done: false, value };
  }
}

async function* upTo(last: number, told: string[] = []): AsyncGenerator<number> {
  try {
    for (let number = 1; number <= last; number += 1) yield number;
    throw new Error('no more');
  } finally {
    told.push('closed');
  }
}

test('it gives what is made of each step: nothing, an item, or several', async () => {
  const items: number[] = [];
  await expect(async () => {
    for await (const item of new EvenTwice(upTo(4))) items.push(item);
  }).rejects.toMatchObject({ message: 'it broke', cause: { message: 'no more' } });
  expect(items).toEqual([2, 2, 4, 4]);
});

test('a reader that leaves is told to the source', async () => {
  const told: string[] = [];
  for await (const _ of new EvenTwice(upTo(4, told))) break;
  expect(told).toEqual(['closed']);
});

test('a reader that takes its steps by a call gets the same, and reading on does not go deeper', async () => {
  const stream = new EvenTwice(new EvenTwice(upTo(20_000)));
  let items = 0;
  const error = await new Promise((broke) => {
    const reader = {
      arrived: () => {
        items += 1;
        readStep(stream, reader);
      },
      broke,
    };
    readStep(stream, reader);
  });
  expect([items, (error as Error).message]).toEqual([40_000, 'it broke']);
});
