import * as fc from 'fast-check';
import { ModelError } from 'ripstop';
import type { DegradationLevel } from 'ripstop/observation';
import { recordingContext, type VirtualRuntime, virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { Gate, type GateOptions, type Slot } from './gate.js';

interface Caller {
  readonly key?: string;
  readonly priority?: number;
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

interface Entry {
  state: 'waiting' | 'in' | 'out';
  slot: Slot | undefined;
  error: unknown;
}

function gateAt(options: Partial<GateOptions> = {}, runtime: VirtualRuntime = virtualRuntime()) {
  const level: { now: DegradationLevel } = { now: 'full' };
  const gate = new Gate({ maxInFlight: 1, queue: 4, queueWaitMs: 2_000, ...options }, () => level.now, runtime);

  function enter({ key = 'a', priority = 5, ...call }: Caller = {}): Entry {
    const entry: Entry = { state: 'waiting', slot: undefined, error: undefined };
    const context = recordingContext(call, runtime);
    const admitted = (slot: Slot): void => void Object.assign(entry, { state: 'in', slot });
    const refused = (error: unknown): void => void Object.assign(entry, { state: 'out', error });
    try {
      const entering = gate.enter({ key, priority, context });
      if (entering instanceof Promise) entering.then(admitted, refused);
      else admitted(entering);
    } catch (error) {
      refused(error);
    }
    return entry;
  }
  return { gate, enter, level, runtime, settled: () => runtime.clock.advance(0) };
}

function reason({ error }: Entry): unknown {
  return ModelError.isInstance(error) ? error.details['reason'] : error;
}

test('GW15: at the limit requests wait, at most so many, and the next one is refused at once', async () => {
  const { gate, enter, settled } = gateAt({ maxInFlight: 2, queue: 3 });
  const entries = Array.from({ length: 6 }, () => enter());
  await settled();
  expect(entries.map(({ state }) => state)).toEqual(['in', 'in', 'waiting', 'waiting', 'waiting', 'out']);
  expect(entries.map(reason)[5]).toBe('queue_full');
  expect([gate.running, gate.waiting]).toEqual([2, 3]);
});

test('GW15: a slot goes to the first in line in the step in which it becomes free, so nobody can jump in', async () => {
  const { gate, enter, settled } = gateAt();
  const first = enter();
  const second = enter();
  first.slot?.free();
  const late = enter();
  expect([gate.running, gate.waiting]).toEqual([1, 1]);
  await settled();
  expect([second.state, late.state]).toEqual(['in', 'waiting']);
});

test('a slot that is freed twice is freed once', async () => {
  const { gate, enter, settled } = gateAt();
  const first = enter();
  const [second, third] = [enter(), enter()];
  first.slot?.free();
  first.slot?.free();
  await settled();
  expect([second.state, third.state]).toEqual(['in', 'waiting']);
  expect(gate.running).toBe(1);
});

test('GW15: the line is bounded in age, and its timers end with the waiting', async () => {
  const { gate, enter, runtime } = gateAt();
  enter();
  const waiting = enter();
  await runtime.clock.advance(1_999);
  expect(waiting.state).toBe('waiting');
  await runtime.clock.advance(1);
  expect([waiting.state, reason(waiting)]).toEqual(['out', 'queue_timeout']);
  expect([gate.waiting, runtime.clock.pending]).toEqual([0, 0]);
});

test('GW15: nobody waits beyond his deadline', async () => {
  const { gate, enter, runtime } = gateAt();
  enter();
  const hasty = enter({ deadlineMs: 300 });
  await runtime.clock.advance(300);
  expect(hasty).toMatchObject({ state: 'out', error: { errorType: 'inference_timeout' } });
  expect(gate.waiting).toBe(0);
});

test('GW15: the higher priority goes first', async () => {
  const { enter, settled } = gateAt();
  const first = enter();
  const [low, usual, high] = [enter({ priority: 0 }), enter(), enter({ priority: 9 })];
  first.slot?.free();
  await settled();
  expect([low.state, usual.state, high.state]).toEqual(['waiting', 'waiting', 'in']);
  high.slot?.free();
  await settled();
  expect([low.state, usual.state]).toEqual(['waiting', 'in']);
});

test('GW15: who has waited long enough goes before the highest priority', async () => {
  const { enter, runtime, settled } = gateAt();
  const first = enter();
  const old = enter({ priority: 0 });
  await runtime.clock.advance(901);
  const urgent = enter({ priority: 9 });
  first.slot?.free();
  await settled();
  expect([old.state, urgent.state]).toEqual(['in', 'waiting']);
});

test('GW15: keys take turns, and a key that fills the line makes room for another', async () => {
  const { enter, settled } = gateAt({ queue: 3 });
  const first = enter({ key: 'greedy' });
  const greedy = [enter({ key: 'greedy' }), enter({ key: 'greedy' }), enter({ key: 'greedy' })];
  const modest = enter({ key: 'modest' });
  await settled();
  expect(greedy.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'out']);
  expect(reason(greedy[2])).toBe('shed');
  first.slot?.free();
  await settled();
  greedy[0]?.slot?.free();
  await settled();
  expect([greedy[0]?.state, modest.state, greedy[1]?.state]).toEqual(['in', 'in', 'waiting']);
});

test('GW10: who leaves the line gives up his place at once, with his own reason', async () => {
  const { gate, enter, runtime, settled } = gateAt({ queue: 1 });
  const first = enter();
  const leaving = new AbortController();
  const leaver = enter({ signal: leaving.signal });
  const gone = new Error('the client left');
  leaving.abort(gone);
  expect([gate.waiting, runtime.clock.pending]).toEqual([0, 0]);
  await settled();
  expect(leaver.error).toBe(gone);
  const next = enter();
  first.slot?.free();
  await settled();
  expect(next.state).toBe('in');
});

test('GW10: who has left before he came does not come in', async () => {
  const { gate, enter } = gateAt();
  const gone = new Error('the client left');
  expect(enter({ signal: AbortSignal.abort(gone) })).toMatchObject({ state: 'out', error: gone });
  expect([gate.running, gate.waiting]).toEqual([0, 0]);
});

test('GW16: when the level is not full the line is half as long, in number and in time', async () => {
  const { enter, level, runtime, settled } = gateAt({ queue: 4 });
  enter();
  level.now = 'reduced';
  const entries = [enter({ priority: 0 }), enter(), enter()];
  await settled();
  expect(entries.map(reason)).toEqual(['shed', undefined, undefined]);
  expect(reason(enter({ priority: 0 }))).toBe('queue_full');
  await runtime.clock.advance(1_000);
  expect(entries.map(reason)).toEqual(['shed', 'queue_timeout', 'queue_timeout']);
});

test('GW16: at minimal what is less urgent than usual is shed, room or not', () => {
  const { gate, enter, level } = gateAt();
  level.now = 'minimal';
  expect([4, 0].map((priority) => reason(enter({ priority })))).toEqual(['shed', 'shed']);
  expect(enter({ priority: 5 }).state).toBe('in');
  expect(gate.running).toBe(1);
});

test('GW17: a refusal is model_overloaded, says why, and names waits between 1 and 10 s that differ', () => {
  const { enter } = gateAt({ queue: 0 });
  enter();
  const errors = Array.from({ length: 50 }, () => enter().error as ModelError);
  for (const error of errors) {
    expect(error).toMatchObject({ errorType: 'model_overloaded', status: 503, origin: 'service' });
    expect(error.details).toEqual({ reason: 'queue_full' });
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(10_000);
  }
  expect(new Set(errors.map(({ retryAfterMs }) => retryAfterMs)).size).toBeGreaterThan(25);
});

test('GW17: the longer requests take and the longer the line, the longer the wait that is named', async () => {
  const { enter, runtime, settled } = gateAt({ queue: 3, queueWaitMs: 60_000 });
  for (let round = 0; round < 40; round += 1) {
    const { slot } = enter();
    await runtime.clock.advance(3_000);
    slot?.free();
  }
  for (let count = 0; count < 4; count += 1) enter();
  await settled();
  const { retryAfterMs } = enter().error as ModelError;
  expect(retryAfterMs).toBeGreaterThanOrEqual(5_000);
  expect(retryAfterMs).toBeLessThanOrEqual(10_000);
});

const action = fc.record({
  kind: fc.constantFrom('enter', 'enter', 'free', 'leave', 'pass'),
  key: fc.constantFrom('a', 'b', 'c'),
  priority: fc.nat(9),
  which: fc.nat(20),
  level: fc.constantFrom<DegradationLevel>('full', 'full', 'reduced', 'minimal'),
});

test('GW15 GW17: whatever happens, limit and line hold, a slot is never idle while somebody waits, and all are answered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 80 }), async (actions) => {
      const { gate, enter, level, runtime, settled } = gateAt({ maxInFlight: 3, queue: 5 });
      const entries: { readonly entry: Entry; readonly leave: AbortController }[] = [];
      for (const { kind, key, priority, which, level: now } of actions) {
        level.now = now;
        const one = entries[which % Math.max(entries.length, 1)];
        if (kind === 'enter') {
          const leave = new AbortController();
          entries.push({ entry: enter({ key, priority, signal: leave.signal }), leave });
        } else if (kind === 'free') one?.entry.slot?.free();
        else if (kind === 'leave') one?.leave.abort(new Error('left'));
        else await runtime.clock.advance(which * 100);
        await settled();
        expect(gate.running).toBeLessThanOrEqual(3);
        expect(gate.waiting).toBeLessThanOrEqual(5);
        expect(gate.waiting > 0 && gate.running < 3).toBe(false);
        expect(entries.filter(({ entry }) => entry.state === 'waiting')).toHaveLength(gate.waiting);
      }
      await runtime.clock.advance(2_000);
      expect(entries.filter(({ entry }) => entry.state === 'waiting')).toEqual([]);
      for (const { entry } of entries) entry.slot?.free();
      expect([gate.running, gate.waiting, runtime.clock.pending]).toEqual([0, 0, 0]);
    }),
    { numRuns: 200 },
  );
});
