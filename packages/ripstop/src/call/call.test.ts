import { describe, expect, test, vi } from 'vitest';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { abortable, nextAttempt } from './attempt.js';
import type { ReportedEvent } from './events.js';
import { createContext } from './root-scope.js';
import { systemRuntime } from './runtime.js';

/** A caller's signal that counts who listens to it. */
function countedSignal(): { controller: AbortController; signal: AbortSignal; added(): number; removed(): number } {
  const controller = new AbortController();
  const added = vi.spyOn(controller.signal, 'addEventListener');
  const removed = vi.spyOn(controller.signal, 'removeEventListener');
  return {
    controller,
    signal: controller.signal,
    added: () => added.mock.calls.length,
    removed: () => removed.mock.calls.length,
  };
}

describe('a new call', () => {
  test('without options it has no deadline, no key, attempt 1 and an id of its own', () => {
    const context = createContext();
    expect(context).toMatchObject({
      aborted: false,
      abortable: false,
      cancelled: false,
      reason: undefined,
      deadline: Number.POSITIVE_INFINITY,
      attempt: 1,
      key: undefined,
      notBefore: 0,
      runtime: systemRuntime,
    });
    expect(context.correlationId).toHaveLength(36);
    expect(context.correlationId).toBe(context.correlationId);
    expect(createContext().correlationId).not.toBe(context.correlationId);
  });

  test('what its caller gave holds, all the way down', () => {
    const runtime = virtualRuntime();
    const context = createContext({ key: 'tenant-1', correlationId: 'req-1', deadlineMs: 500 }, runtime);
    for (const inner of [context, abortable(context), nextAttempt(abortable(context), 3)]) {
      expect(inner).toMatchObject({ key: 'tenant-1', correlationId: 'req-1', deadline: 500, runtime });
    }
    context.release();
  });

  test('RT9: attempts are numbered from 1, and whatever is inside an attempt has its number', () => {
    const context = createContext();
    expect(abortable(context).attempt).toBe(1);
    const second = nextAttempt(context, 2);
    expect([second.attempt, abortable(second).attempt]).toEqual([2, 2]);
  });

  test('a bad deadline is refused by name', () => {
    for (const deadlineMs of [0, -1, Number.NaN]) {
      expect(() => createContext({ deadlineMs }, virtualRuntime())).toThrow(/^deadlineMs must be above 0/);
    }
  });
});

describe('signals', () => {
  test('G10: a signal is made when it is first read, and is the same from then on', () => {
    const made = vi.spyOn(globalThis, 'AbortController');
    try {
      const context = abortable(createContext());
      expect(made).not.toHaveBeenCalled();
      expect(context.signal).toBe(context.signal);
      expect(made).toHaveBeenCalledTimes(1);
    } finally {
      made.mockRestore();
    }
  });

  test('G10: nobody listens to the caller until somebody asks for news', () => {
    const caller = countedSignal();
    const context = createContext({ signal: caller.signal });
    const attempt = abortable(context);
    expect(attempt.aborted).toBe(false);
    expect(caller.added()).toBe(0);
    attempt.onAbort(() => undefined);
    expect(caller.added()).toBe(1);
  });

  test('G6: however many attempts and listeners there are, the caller is listened to once, and as often let go', () => {
    const caller = countedSignal();
    const context = createContext({ signal: caller.signal });
    for (let number = 1; number <= 5; number += 1) {
      const attempt = abortable(nextAttempt(context, number));
      const offs = [attempt.onAbort(() => undefined), attempt.onAbort(() => undefined)];
      expect(attempt.signal.aborted).toBe(false);
      expect(caller.added() - caller.removed()).toBe(1);
      for (const off of offs) off();
      attempt.release();
    }
    context.release();
    expect(caller.added()).toBeGreaterThan(0);
    expect(caller.added()).toBe(caller.removed());
  });

  test('G6: a signal that is first read after the call has ended leaves nothing behind', () => {
    const caller = countedSignal();
    const context = createContext({ signal: caller.signal });
    const attempt = abortable(context);
    attempt.release();
    context.release();
    expect(attempt.signal.aborted).toBe(false);
    expect(caller.added()).toBe(caller.removed());
  });

  test("G3: the caller's abort reaches every level with the very reason that was given", () => {
    const reason = { not: 'even an error' };
    const caller = countedSignal();
    const context = createContext({ signal: caller.signal });
    const attempt = abortable(nextAttempt(abortable(context), 2));
    const heard: unknown[] = [];
    attempt.onAbort((why) => heard.push(why));
    const { signal } = attempt;
    caller.controller.abort(reason);
    expect(heard).toEqual([reason]);
    expect(signal.reason).toBe(reason);
    expect(attempt).toMatchObject({ aborted: true, cancelled: true });
    expect([attempt.reason, context.reason]).toEqual([reason, reason]);
    expect(caller.added()).toBe(caller.removed());
  });

  test('G3: an attempt that its own limit ended is aborted, but its caller has not left', () => {
    const context = createContext({ signal: new AbortController().signal });
    const attempt = abortable(context);
    attempt.abort(new Error('limit'));
    expect(attempt).toMatchObject({ aborted: true, cancelled: false, reason: { message: 'limit' } });
    expect(context).toMatchObject({ aborted: false, cancelled: false });
  });

  test('an abort goes down, never up or sideways', () => {
    const context = createContext();
    const [left, right] = [abortable(context), abortable(context)];
    const below = abortable(left);
    left.abort('stop');
    expect([context.aborted, left.aborted, right.aborted, below.aborted]).toEqual([false, true, false, true]);
  });

  test('the first reason stays', () => {
    const controller = new AbortController();
    const attempt = abortable(createContext({ signal: controller.signal }));
    attempt.abort('limit');
    attempt.abort('again');
    controller.abort('left');
    expect(attempt.reason).toBe('limit');
    expect(attempt.signal.reason).toBe('limit');
  });

  test('a limit that runs out after the caller has left changes nothing', () => {
    const controller = new AbortController();
    const attempt = abortable(createContext({ signal: controller.signal }));
    controller.abort('left');
    attempt.abort('limit');
    expect([attempt.reason, attempt.signal.reason]).toEqual(['left', 'left']);
  });

  test('an already aborted signal is seen at once, on every level', () => {
    const context = createContext({ signal: AbortSignal.abort('gone') });
    const attempt = abortable(context);
    expect(attempt).toMatchObject({ aborted: true, cancelled: true, reason: 'gone' });
    expect(attempt.signal).toMatchObject({ aborted: true, reason: 'gone' });
    const heard: unknown[] = [];
    attempt.onAbort((reason) => heard.push(reason));
    expect(heard).toEqual(['gone']);
  });
});

describe('news of an abort', () => {
  test('a listener hears once, unless it has ended itself before', () => {
    const attempt = abortable(createContext());
    const heard: string[] = [];
    const off = attempt.onAbort(() => heard.push('ended'));
    attempt.onAbort(() => heard.push('stays'));
    off();
    off();
    attempt.abort('why');
    attempt.abort('why');
    expect(heard).toEqual(['stays']);
  });

  test('G5: a listener that throws keeps the news from nobody else, and is reported', () => {
    const runtime = virtualRuntime();
    const events: ReportedEvent[] = [];
    runtime.events.on((event) => void events.push(event));
    const caller = new AbortController();
    const context = createContext({ signal: caller.signal, correlationId: 'req-1' }, runtime);
    const attempt = abortable(context);
    const heard: string[] = [];
    const careless = new Error('careless');
    attempt.onAbort(() => {
      throw careless;
    });
    attempt.onAbort(() => heard.push('second'));
    context.onAbort(() => heard.push('outer'));
    expect(() => caller.abort('why')).not.toThrow();
    expect(heard.toSorted()).toEqual(['outer', 'second']);
    expect(events).toEqual([{ type: 'listener.failed', error: careless, at: 0, correlationId: 'req-1', attempt: 1 }]);
  });
});

describe('deadlines', () => {
  test('at its deadline a call is aborted, all the way down, with a timeout of the whole call', async () => {
    const runtime = virtualRuntime();
    const context = createContext({ deadlineMs: 1_000 }, runtime);
    const attempt = abortable(context);
    const { signal } = attempt;
    await runtime.clock.advance(999);
    expect(signal.aborted).toBe(false);
    await runtime.clock.advance(1);
    expect(signal.reason).toMatchObject({
      errorType: 'inference_timeout',
      details: { timeout_seconds: 1, phase: 'total' },
    });
    expect(attempt.cancelled).toBe(false);
  });

  test('the deadline outlives the first attempt, and the first wait', async () => {
    const runtime = virtualRuntime();
    const context = createContext({ deadlineMs: 1_000 }, runtime);
    const first = abortable(context);
    first.onAbort(() => undefined);
    first.release();
    context.onAbort(() => undefined)();
    const second = abortable(nextAttempt(context, 2));
    await runtime.clock.advance(1_000);
    expect(second.aborted).toBe(true);
  });

  test('G6: a call that has ended leaves no timer', () => {
    const runtime = virtualRuntime();
    const context = createContext({ deadlineMs: 1_000 }, runtime);
    expect(runtime.clock.pending).toBe(1);
    context.release();
    context.release();
    expect(runtime.clock.pending).toBe(0);
  });

  test('a part of a call ends with the whole, and may end sooner, never later', async () => {
    const runtime = virtualRuntime();
    const whole = createContext({ deadlineMs: 1_000 }, runtime);
    const sooner = createContext({ context: whole, deadlineMs: 400 }, runtime);
    const later = createContext({ context: whole, deadlineMs: 5_000 }, runtime);
    expect([sooner.deadline, later.deadline]).toEqual([400, 1_000]);
    const signals = [sooner.signal, later.signal];
    await runtime.clock.advance(400);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    await runtime.clock.advance(600);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(later.reason).toMatchObject({ details: { timeout_seconds: 1 } });
  });
});

describe('a call within a call', () => {
  test('it has the id and key of the outer one, and is told when its caller leaves', () => {
    const controller = new AbortController();
    const outer = createContext({ signal: controller.signal, key: 'k', correlationId: 'req-1' });
    const inner = createContext({ context: abortable(outer) });
    expect(inner).toMatchObject({ key: 'k', correlationId: 'req-1', abortable: true });
    const { signal } = inner;
    controller.abort('left');
    expect([signal.reason, inner.cancelled]).toEqual(['left', true]);
  });

  test('it may have a key and a caller of its own, and either caller can end it', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const outer = createContext({ signal: first.signal, key: 'outer' });
    const inner = createContext({ context: outer, signal: second.signal, key: 'inner' });
    expect(inner.key).toBe('inner');
    second.abort('second');
    expect([inner.reason, inner.cancelled, outer.aborted]).toEqual(['second', true, false]);
  });
});

describe('reports', () => {
  test('G9: an event tells which call and which attempt it belongs to, and when it was', async () => {
    const runtime = virtualRuntime();
    const events: ReportedEvent[] = [];
    runtime.events.on((event) => void events.push(event));
    const context = createContext({ correlationId: 'req-1' }, runtime);
    await runtime.clock.advance(250);
    abortable(nextAttempt(context, 2)).emit({ type: 'timeout.expired', limitMs: 100 });
    createContext({ context }, runtime).emit({ type: 'timeout.expired', limitMs: 50 });
    expect(events).toEqual([
      { type: 'timeout.expired', limitMs: 100, at: 250, correlationId: 'req-1', attempt: 2 },
      { type: 'timeout.expired', limitMs: 50, at: 250, correlationId: 'req-1', attempt: 1 },
    ]);
  });

  test('an event stays its author’s: one that is told twice is two reports, and a frozen one is told too', async () => {
    const runtime = virtualRuntime();
    const events: ReportedEvent[] = [];
    runtime.events.on((event) => void events.push(event));
    const event = Object.freeze({ type: 'timeout.expired', limitMs: 100 } as const);
    createContext({ correlationId: 'a' }, runtime).emit(event);
    await runtime.clock.advance(5);
    createContext({ correlationId: 'b' }, runtime).emit(event);
    expect(events.map(({ at, correlationId }) => [at, correlationId])).toEqual([
      [0, 'a'],
      [5, 'b'],
    ]);
    expect(Object.keys(event)).toEqual(['type', 'limitMs']);
  });

  test('where nobody listens, not even an id is made', () => {
    const random = vi.fn(() => 0.5);
    createContext({}, virtualRuntime({ random })).emit({ type: 'timeout.expired', limitMs: 1 });
    expect(random).not.toHaveBeenCalled();
  });

  test('RT2: an inner layer can tell the outer ones that nothing will succeed before a time', () => {
    const outer = createContext();
    const context = createContext({ context: outer });
    abortable(nextAttempt(context, 2)).holdUntil(5_000);
    expect([outer.notBefore, context.notBefore, abortable(context).notBefore]).toEqual([5_000, 5_000, 5_000]);
  });
});
