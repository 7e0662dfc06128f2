import { describe, expect, test } from 'vitest';
import { byCall, nextStep, promisedStep, type ReadByCall, readStep, type StepReader } from './steps.js';

type Step = IteratorResult<number, unknown>;

/** A reader that is told of one step, as a promise. */
function told(source: AsyncIterator<number> & Partial<ReadByCall<number>>): Promise<Step> {
  return new Promise((arrived, broke) => readStep(source, { arrived, broke }));
}

async function* numbers(): AsyncGenerator<number, string> {
  yield 1;
  return 'done';
}

describe('reading a step', () => {
  test('of an iterator that knows nothing of calls asks for its promise', async () => {
    const source = numbers();
    expect([await told(source), await told(source)]).toEqual([
      { done: false, value: 1 },
      { done: true, value: 'done' },
    ]);
  });

  test('tells of an error, thrown at once or later', async () => {
    const next = (): never => {
      throw new Error('at once');
    };
    await expect(told({ next })).rejects.toThrow('at once');
    await expect(told({ next: () => Promise.reject(new Error('later')) })).rejects.toThrow('later');
  });

  test('of one that takes a reader makes no promise', async () => {
    const readers: StepReader<number>[] = [];
    const source = {
      next: (): Promise<Step> => Promise.reject(new Error('not asked for')),
      [byCall]: (reader: StepReader<number>) => void readers.push(reader),
    };
    const step = told(source);
    readers[0]?.arrived({ done: false, value: 7 });
    expect(await step).toEqual({ done: false, value: 7 });
    const promised = promisedStep(source);
    readers[1]?.broke('reason');
    await expect(promised).rejects.toBe('reason');
  });
});

test('a step that comes without a promise gets one', async () => {
  const source = { next: () => ({ done: false, value: 1 }) } as unknown as AsyncIterator<number>;
  expect(await nextStep(source, [])).toEqual({ done: false, value: 1 });
});
