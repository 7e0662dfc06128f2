/** Kills the engine's process in three ways, again and again, and looks at what requests and the event loop notice. */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { StreamInterruptedError } from 'ripstop/errors';
import { expect } from 'vitest';
import type { EmbeddedTextModel } from '../../packages/gateway/src/embedded-model/embedded-text-model.js';
import type { EngineRuntime } from '../../packages/gateway/src/embedded-model/protocol.js';
import { longestStall, watchStalls } from './event-loop-probe.mjs';
import { endless, localModel } from './local-models.js';

/** What is done to the process, and the error that its request must get. */
const faults = [
  { name: 'kill -9', signal: 'SIGKILL', errorType: 'generation_failed' },
  { name: 'SIGSTOP', signal: 'SIGSTOP', errorType: 'inference_timeout' },
  { name: 'hang', signal: 'SIGHUP', errorType: 'inference_timeout' },
  { name: 'memory bomb', signal: 'SIGUSR2', errorType: 'out_of_memory' },
] as const;

const maxStallMs = 100;
const readyPoll = { timeout: 30_000, interval: 10 };

export interface CrashReport {
  readonly kills: number;
  /** The longest time that our event loop stood still, in milliseconds. */
  readonly stallMs: number;
  /** How much of that was our own work. */
  readonly busyMs: number;
  /** The longest that an idle process beside us stood still: what the machine does to everybody. */
  readonly idleStallMs: number;
}

/** @throws an assertion's error at the first round in which anything but the right thing happens. */
export async function crashRounds(runtime: EngineRuntime, rounds: number): Promise<CrashReport> {
  const limits = { silenceMs: 1_000, memoryMb: 400 };
  // The machine may be busy with other tests, and a start slow.
  const model = localModel({ engine: 'embedded', runtime, limits, readyWaitMs: 30_000 }, { faulty: true });
  const idle = idleProcess();
  await model.start();
  const stopWatching = watchStalls();
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const fault of faults) await strike(model, fault);
    }
    const kills = rounds * (faults.length + 1);
    await expect.poll(() => model.health().state, readyPoll).toBe('ready');
    expect(model.health().restarts).toBe(kills);
    const { stallMs, busyMs } = longestStall();
    const { stallMs: idleStallMs } = await idle.longestStall();
    // A machine that gives its processors to others holds up everybody; only our own work is our doing.
    expect(busyMs).toBeLessThan(maxStallMs);
    return { kills, stallMs, busyMs, idleStallMs };
  } finally {
    stopWatching();
    idle.end();
    await model.stop();
  }
}

async function strike(model: EmbeddedTextModel, { name, signal, errorType }: (typeof faults)[number]): Promise<void> {
  await expect.poll(() => model.health().state, readyPoll).toBe('ready');
  // A plain request and one that waits behind it.
  const inFlight = outcome(model.generate(endless));
  const waiting = model.generate('What is the capital of France?', { temperature: 0 });
  await delay(20);
  hit(model, signal);
  expect(await inFlight, `the request in flight at ${name}`).toMatchObject({ errorType });
  expect((await waiting).text, `the request that waited through ${name}`).toContain('Paris');

  // A stream that has begun.
  const stream = model.stream(endless);
  expect((await stream.next()).done).toBe(false);
  if (signal !== 'SIGKILL') return void (await stream.return?.());
  hit(model, signal);
  const interrupted = await outcome(drain(stream));
  expect(interrupted).toBeInstanceOf(StreamInterruptedError);
  expect(interrupted).toMatchObject({ details: { reason: errorType }, cause: { errorType } });
}

function hit(model: EmbeddedTextModel, signal: NodeJS.Signals): void {
  const { pid } = model.health();
  // Process 0 would be our own group, the test runner and its parents included.
  if (pid === undefined || pid <= 1) throw new Error('there is no engine process to hit');
  process.kill(pid, signal);
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const delta of stream) void delta;
}

function outcome(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => value,
    (error: unknown) => error,
  );
}

/** A process that does nothing but look at its clock. */
function idleProcess(): { longestStall(): Promise<{ stallMs: number }>; end(): void } {
  const child: ChildProcess = fork(fileURLToPath(new URL('event-loop-probe.mjs', import.meta.url)), { execArgv: [] });
  return {
    longestStall: () => {
      return new Promise((resolve) => {
        child.once('message', (longest) => resolve(longest as { stallMs: number }));
        child.send('tell');
      });
    },
    end: () => void child.kill(),
  };
}
