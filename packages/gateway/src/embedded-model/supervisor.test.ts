import type { ReportedEvent } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { describe, expect, test } from 'vitest';
import { fakeEngines } from '../../../../test/embedded-model/fake-engine.js';
import { engineLimits } from './engine-limits.js';
import { Supervisor } from './supervisor.js';

function supervised() {
  const runtime = virtualRuntime();
  const events: ReportedEvent[] = [];
  runtime.events.on((event) => events.push(event));
  const { open, lives } = fakeEngines();
  const failedStarts: number[] = [];
  const supervisor = new Supervisor(
    {
      open: (failed) => {
        failedStarts.push(failed);
        return open;
      },
      limits: { ...engineLimits, silenceMs: 60_000 },
      restart: { baseMs: 100, maxMs: 1_000, healthyMs: 5_000 },
      readyWaitMs: 3_000,
    },
    runtime,
  );
  return { runtime, events, lives, supervisor, failedStarts };
}

const outcome = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

test('a request that comes early waits for the engine', async () => {
  const { lives, supervisor, runtime, events } = supervised();
  const first = supervisor.ready();
  expect(supervisor.status).toBe('starting');
  await runtime.clock.advance(250);
  lives[0].ready();
  expect((await first).facts.contextLength).toBe(512);
  expect(supervisor.status).toBe('ready');
  expect(events).toEqual([{ type: 'engine.started', runtime: 'interpreter', pid: 1, ms: 250, at: 250 }]);
  expect((await supervisor.ready()).process.pid).toBe(1);
});

test('a request that waits too long gets a ModelLoadingError with the wait', async () => {
  const { supervisor, runtime } = supervised();
  const late = outcome(supervisor.ready());
  await runtime.clock.advance(3_000);
  expect(await late).toMatchObject({ errorType: 'model_loading_failed', isRetryable: true, retryAfterMs: 1_000 });
});

test('a request that is cancelled while it waits leaves with its own reason', async () => {
  const { supervisor, runtime } = supervised();
  const caller = new AbortController();
  const waiting = outcome(supervisor.ready(caller.signal));
  const before = runtime.clock.pending;
  caller.abort('gone');
  expect(await waiting).toBe('gone');
  expect(runtime.clock.pending).toBe(before - 1);
  expect(await outcome(supervisor.ready(caller.signal))).toBe('gone');
});

describe('an engine that ends', () => {
  test('is replaced after a wait that doubles up to a limit', async () => {
    const { lives, supervisor, runtime, events } = supervised();
    supervisor.start();
    for (let life = 0; life < 6; life += 1) {
      lives[life].ready();
      lives[life].exit({ signal: 'SIGSEGV' });
      expect(supervisor.status).toBe('restarting');
      await runtime.clock.advance(1_000);
    }
    const stops = events.filter(({ type }) => type === 'engine.stopped');
    expect(stops.map((event) => 'restartMs' in event && event.restartMs)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(stops[0]).toMatchObject({ reason: 'SIGSEGV' });
    expect(supervisor.restarts).toBe(6);
  });

  test('serves those who wait once it is back', async () => {
    const { lives, supervisor, runtime } = supervised();
    supervisor.start();
    lives[0].ready();
    lives[0].exit();
    const waiting = supervisor.ready();
    await runtime.clock.advance(100);
    lives[1].ready();
    expect((await waiting).process.pid).toBe(2);
  });

  test.each([
    ['has worked', async ({ supervisor }: ReturnType<typeof supervised>) => supervisor.worked()],
    ['has lived long', async ({ runtime }: ReturnType<typeof supervised>) => runtime.clock.advance(5_000)],
  ])('and %s is replaced as quickly as the first time', async (_name, recover) => {
    const all = supervised();
    const { lives, supervisor, runtime, events } = all;
    supervisor.start();
    for (let life = 0; life < 4; life += 1) {
      lives[life].ready();
      lives[life].exit();
      await runtime.clock.advance(1_000);
    }
    lives[4].ready();
    await recover(all);
    lives[4].exit();
    expect(events.at(-1)).toMatchObject({ type: 'engine.stopped', restartMs: 100 });
  });
});

describe('an engine that cannot start', () => {
  test('fails those who wait at once, and those who come while it is retried, until it can', async () => {
    const { lives, supervisor, runtime } = supervised();
    const waiting = [outcome(supervisor.ready()), outcome(supervisor.ready())];
    lives[0].say({ type: 'failed', reason: 'model_file', message: 'The model file cannot be used: it is gone' });
    const [first, second] = await Promise.all(waiting);
    const expected = {
      errorType: 'model_loading_failed',
      isRetryable: false,
      message: 'The model file cannot be used: it is gone',
      details: { reason: 'model_file' },
    };
    expect(first).toMatchObject(expected);
    expect(second).toMatchObject(expected);
    expect(first).not.toBe(second);
    expect(await outcome(supervisor.ready())).toMatchObject(expected);

    await runtime.clock.advance(100);
    lives[1].ready();
    expect((await supervisor.ready()).process.pid).toBe(2);
  });

  test('tells its opener how many starts came to nothing', async () => {
    const { lives, supervisor, runtime, failedStarts } = supervised();
    supervisor.start();
    lives[0].exit();
    await runtime.clock.advance(1_000);
    lives[1].exit();
    await runtime.clock.advance(1_000);
    lives[2].ready();
    lives[2].exit();
    await runtime.clock.advance(1_000);
    expect(failedStarts).toEqual([0, 1, 2, 0]);
  });
});

describe('stop', () => {
  test('kills the engine, waits until it is gone, and leaves no timer', async () => {
    const { lives, supervisor, runtime, events } = supervised();
    supervisor.start();
    lives[0].ready();
    let gone = false;
    const stopping = supervisor.stop().then(() => {
      gone = true;
    });
    expect(lives[0].killed).toBe(true);
    await runtime.clock.advance(10);
    expect(gone).toBe(false);
    lives[0].exit();
    await stopping;
    expect(runtime.clock.pending).toBe(0);
    expect(events.at(-1)).toMatchObject({ type: 'engine.stopped', reason: 'stopped' });
    expect(supervisor.status).toBe('stopped');
    expect(await outcome(supervisor.ready())).toMatchObject({ details: { reason: 'draining' } });
  });

  test('ends a wait for a restart, and fails those who wait', async () => {
    const { lives, supervisor, runtime } = supervised();
    supervisor.start();
    lives[0].exit();
    const waiting = outcome(supervisor.ready());
    await supervisor.stop();
    expect(await waiting).toMatchObject({ errorType: 'model_overloaded', details: { reason: 'draining' } });
    await runtime.clock.advance(10_000);
    expect(lives).toHaveLength(1);
    expect(runtime.clock.pending).toBe(0);
  });

  test('before a start does nothing', async () => {
    const { lives, supervisor } = supervised();
    await supervisor.stop();
    supervisor.start();
    expect(lives).toHaveLength(0);
  });
});

describe('recovery without people', () => {
  test('R197 I4: an engine that leaks is replaced at its limit, one that dies again and again ever later, and each is told', async () => {
    const runtime = virtualRuntime();
    const told: string[] = [];
    runtime.events.on((event) => {
      if (event.type === 'engine.started') told.push(`${runtime.clock.now()} ${event.model} started ${event.pid}`);
      if (event.type === 'engine.stopped') told.push(`${runtime.clock.now()} ${event.model} ${event.reason}`);
    });
    const { open, lives } = fakeEngines();
    const usedMb = new Map<number, number>();
    const supervisor = new Supervisor(
      {
        model: 'local',
        open: () => open,
        limits: { ...engineLimits, silenceMs: 60_000, memoryMb: 100, memoryPollMs: 50 },
        readMemoryMb: async (pid) => usedMb.get(pid) ?? 40,
        restart: { baseMs: 100, maxMs: 1_000, healthyMs: 5_000 },
        readyWaitMs: 3_000,
      },
      runtime,
    );
    supervisor.start();
    lives[0].ready();
    await runtime.clock.advance(5_000);
    usedMb.set(1, 101);
    await runtime.clock.advance(50);
    expect(lives[0].killed).toBe(true);
    await runtime.clock.advance(100);
    lives[1].ready();
    lives[1].exit({ signal: 'SIGSEGV' });
    await runtime.clock.advance(200);
    lives[2].ready();
    expect(told).toEqual([
      '0 local started 1',
      '5050 local memory_limit',
      '5150 local started 2',
      '5150 local SIGSEGV',
      '5350 local started 3',
    ]);
    expect([supervisor.restarts, supervisor.status]).toEqual([2, 'ready']);
  });
});
