import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { Turnstile } from './turnstile.js';

function turnstile(maxWaiting = 2) {
  const runtime = virtualRuntime();
  return { runtime, gate: new Turnstile({ maxWaiting, maxWaitMs: 1_000 }, runtime) };
}

const outcome = (entering: Promise<unknown>): Promise<unknown> => entering.catch((error: unknown) => error);

test('one at a time, in the order of their coming', async () => {
  const { gate, runtime } = turnstile();
  const order: number[] = [];
  const visit = async (number: number): Promise<void> => {
    const leave = await gate.enter();
    order.push(number);
    await new Promise<void>((done) => runtime.clock.after(10, done));
    leave();
  };
  const visits = [visit(1), visit(2), visit(3)];
  expect(gate.running).toBe(1);
  expect(gate.waiting).toBe(2);
  await runtime.clock.advance(15);
  expect(order).toEqual([1, 2]);
  await runtime.clock.advance(30);
  await Promise.all(visits);
  expect(order).toEqual([1, 2, 3]);
  expect([gate.running, gate.waiting, runtime.clock.pending]).toEqual([0, 0, 0]);
});

test('more than may wait are rejected at once', async () => {
  const { gate } = turnstile(1);
  await gate.enter();
  void gate.enter();
  expect(await outcome(gate.enter())).toMatchObject({
    errorType: 'model_overloaded',
    details: { reason: 'queue_full' },
    retryAfterMs: 1_000,
  });
});

test('who waited too long is rejected, and makes room', async () => {
  const { gate, runtime } = turnstile(1);
  await gate.enter();
  const late = outcome(gate.enter());
  await runtime.clock.advance(1_000);
  expect(await late).toMatchObject({ errorType: 'model_overloaded', details: { reason: 'queue_timeout' } });
  expect(gate.waiting).toBe(0);
});

test('who is cancelled while waiting leaves with their own reason and makes room at once', async () => {
  const { gate, runtime } = turnstile(1);
  const leave = await gate.enter();
  const caller = new AbortController();
  const waiting = outcome(gate.enter(caller.signal));
  caller.abort('gone');
  expect(gate.waiting).toBe(0);
  expect(await waiting).toBe('gone');
  expect(runtime.clock.pending).toBe(0);

  const next = gate.enter();
  leave();
  leave(); // a second time changes nothing
  await next;
  expect(gate.running).toBe(1);
  expect(await outcome(gate.enter(caller.signal))).toBe('gone');
});
