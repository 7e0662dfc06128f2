import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { BodyChunks } from './body-chunks.js';

const text = (chunk: Uint8Array): string => Buffer.from(chunk).toString();

test('what has arrived by a step comes in one piece, what comes later in the next', async () => {
  const body = new PassThrough();
  const chunks = new BodyChunks(body);
  body.write('one ');
  body.write('two ');
  const first = await chunks.next();
  const waiting = chunks.next();
  body.end('three');
  const second = await waiting;
  expect([first, second].map(({ value }) => text(value as Uint8Array))).toEqual(['one two ', 'three']);
  expect(await chunks.next()).toEqual({ done: true, value: undefined });
  expect(await chunks.next()).toEqual({ done: true, value: undefined });
});

test.each(['while it is waited for', 'before it is read'])('a body that breaks %s says so once', async (when) => {
  const body = new PassThrough();
  const chunks = new BodyChunks(body);
  const reset = new Error('reset');
  const waiting = when === 'while it is waited for' ? chunks.next() : undefined;
  body.destroy(reset);
  await new Promise((resolve) => body.once('close', resolve));
  await expect(waiting ?? chunks.next()).rejects.toBe(reset);
  expect(await chunks.next()).toEqual({ done: true, value: undefined });
});

test('a body that is closed before its end has not ended', async () => {
  const body = new PassThrough();
  const waiting = new BodyChunks(body).next();
  body.destroy();
  await expect(waiting).rejects.toThrow('The body was closed before its end');
});

test('a reader who leaves closes the body, and nothing he does not wait for fails', async () => {
  const body = new PassThrough();
  const chunks = new BodyChunks(body);
  body.write('one');
  for await (const chunk of chunks) {
    expect(text(chunk)).toBe('one');
    break;
  }
  expect(body.destroyed).toBe(true);
  expect(await chunks.next()).toEqual({ done: true, value: undefined });
});
