import type { Delta } from 'ripstop/models';
import type { Reply } from 'ripstop/serving';
import { expect, test } from 'vitest';
import type { ChainStream } from '../chains/askable.js';
import { ChunkStream } from './chunk-stream.js';

const serving = { upstream: 'main', attempts: 1, wasFallback: false, wasReduced: false };

function answerOf(...texts: readonly string[]): ChainStream {
  const deltas = async function* (): AsyncGenerator<Delta> {
    for (const text of texts) yield { text };
  };
  return { deltas: deltas(), upstream: 'main', serving, billed: [] };
}

const reply = (): Reply => ({ status: 200, headers: {}, notes: {} });

test('a delta becomes no chunk, one or several, in order, and the log line learns at the end who has spoken', async () => {
  const noted = reply();
  const chunks = new ChunkStream(
    answerOf('ab', '', 'c'),
    ({ text = '' }) => text.split('').map((letter) => ({ letter })),
    noted,
  );
  const letters: unknown[] = [];
  for await (const chunk of chunks) letters.push(chunk['letter']);
  expect(letters).toEqual(['a', 'b', 'c']);
  expect(noted.notes).toEqual({ model: 'main', attempts: 1, fallback: false });
});

test('a chunk that cannot be made is an error of the stream', async () => {
  const make = (): never => {
    throw new Error('no chunk');
  };
  await expect(new ChunkStream(answerOf('a'), make, reply()).next()).rejects.toThrow('no chunk');
});
