import type { Delta } from 'ripstop/models';
import { expect, test } from 'vitest';
import { DeltaStream } from './delta-stream.js';

async function all(stream: AsyncIterable<Delta>): Promise<Delta[]> {
  const deltas: Delta[] = [];
  for await (const delta of stream) deltas.push(delta);
  return deltas;
}

test('deltas arrive in order, whether they are read early or late', async () => {
  const stream = new DeltaStream(async (push) => {
    push({ text: 'a' });
    await Promise.resolve();
    push({ text: 'b' });
  });
  const early = [stream.next(), stream.next(), stream.next()];
  expect(await Promise.all(early)).toEqual([
    { done: false, value: { text: 'a' } },
    { done: false, value: { text: 'b' } },
    { done: true, value: undefined },
  ]);
});

test('nothing is done until somebody reads', async () => {
  let begun = false;
  const stream = new DeltaStream(async () => {
    begun = true;
  });
  await Promise.resolve();
  expect(begun).toBe(false);
  expect(await all(stream)).toEqual([]);
  expect(begun).toBe(true);
});

test('a failure comes after the deltas before it, once', async () => {
  const stream = new DeltaStream(async (push) => {
    push({ text: 'a' });
    throw new Error('broken');
  });
  expect(await stream.next()).toEqual({ done: false, value: { text: 'a' } });
  await expect(stream.next()).rejects.toThrow('broken');
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test('a reader who leaves while waiting ends the work at once', async () => {
  let aborted = false;
  const stream = new DeltaStream((_push, signal) => {
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        aborted = true;
        reject(signal.reason as Error);
      });
    });
  });
  const waiting = stream.next();
  expect(await stream.return()).toEqual({ done: true, value: undefined });
  expect(aborted).toBe(true);
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("the caller's abort reaches the work with its own reason", async () => {
  const caller = new AbortController();
  const stream = new DeltaStream((_push, signal) => {
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }, caller.signal);
  const waiting = stream.next();
  caller.abort('gone');
  await expect(waiting).rejects.toBe('gone');

  const late = new DeltaStream(async (_push, signal) => signal.throwIfAborted(), caller.signal);
  await expect(late.next()).rejects.toBe('gone');
});
