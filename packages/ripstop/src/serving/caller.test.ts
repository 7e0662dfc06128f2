import { expect, test } from 'vitest';
import { createContext } from '../call/root-scope.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { Caller } from './caller.js';

test('a caller that leaves tells its listeners once, with the first reason', () => {
  const caller = new Caller();
  let told = 0;
  const listener = (): void => void (told += 1);
  caller.addEventListener('abort', listener);
  expect([caller.aborted, caller.reason]).toEqual([false, undefined]);
  caller.abort('first');
  caller.abort('second');
  expect([caller.aborted, caller.reason, told]).toEqual([true, 'first', 1]);
});

test('a listener that was removed, or came too late, is not told', () => {
  const caller = new Caller();
  let told = 0;
  const listener = (): void => void (told += 1);
  caller.addEventListener('abort', listener);
  caller.removeEventListener('abort', listener);
  caller.abort('gone');
  caller.addEventListener('abort', listener);
  expect(told).toBe(0);
});

test('its signal is a real one, made before or after it left', () => {
  const before = new Caller();
  const { signal } = before;
  before.abort('gone');
  const after = new Caller();
  after.abort('gone');
  for (const made of [signal, before.signal, after.signal]) {
    expect(made).toBeInstanceOf(AbortSignal);
    expect([made.aborted, made.reason]).toEqual([true, 'gone']);
  }
});

test('G3: a context takes it for the caller’s signal: it aborts with the reason, and says that the caller left', () => {
  const caller = new Caller();
  const context = createContext({ signal: caller }, virtualRuntime());
  const reasons: unknown[] = [];
  context.onAbort((reason) => reasons.push(reason));
  expect([context.abortable, context.cancelled]).toEqual([true, false]);
  caller.abort('gone');
  expect([context.aborted, context.cancelled, context.reason]).toEqual([true, true, 'gone']);
  expect(reasons).toEqual(['gone']);
  expect(context.signal.reason).toBe('gone');
});

test('G6: a context that is over leaves nothing behind', () => {
  const caller = new Caller();
  const context = createContext({ signal: caller }, virtualRuntime());
  let told = 0;
  context.onAbort(() => void (told += 1));
  context.release();
  caller.abort('gone');
  expect(told).toBe(0);
});
