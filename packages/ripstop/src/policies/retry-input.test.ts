import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { callReport } from '../call/call-report.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { GenerationFailedError } from '../errors/upstream-errors.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { isSpent } from './parts/spent-input.js';
import { coalesce } from './coalesce.js';
import { hedge } from './hedge.js';
import { pipeline } from './policy.js';
import { retry } from './retry.js';

const runtime = virtualRuntime();
const policy = retry({ attempts: 3 }, runtime);

function stream(): ReadableStream<string> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue('part');
      controller.close();
    },
  });
}

async function* parts(): AsyncGenerator<string> {
  yield 'part';
}

function* numbers(): Generator<number> {
  yield 1;
}

/** Calls `send` with `args`, which reads them with `read` and fails; tells how often, and why it ended. */
async function outcome(
  args: unknown[],
  read: (...args: never[]) => unknown = () => undefined,
  error: unknown = new GenerationFailedError('down'),
): Promise<{ calls: number; stopReason: unknown; error: unknown }> {
  let calls = 0;
  const send = policy.wrap(async (...sent: never[]): Promise<void> => {
    calls += 1;
    await read(...sent);
    throw error;
  });
  const call = send(...(args as never[])).catch((thrown: unknown) => thrown);
  await new Promise((resolve) => setImmediate(resolve));
  await runtime.clock.runAll();
  const thrown = await call;
  return { calls, stopReason: callReport(thrown)?.stopReason, error: thrown };
}

describe('an input that is used up', () => {
  test.each<[string, () => unknown]>([
    ['a web stream', stream],
    ['an async generator', parts],
    ['a generator', numbers],
  ])('RT7: %s is sent once, as an argument, and as a member of one', async (_, input) => {
    const error = new GenerationFailedError('down');
    for (const args of [[input()], ['/v1/files', { body: input() }], [{ file: input(), purpose: 'tune' }]]) {
      expect(await outcome(args, undefined, error)).toEqual({ calls: 1, stopReason: 'not_replayable', error });
    }
  });

  test('RT7: a Request is sent once if it has been read, and again if it has not', async () => {
    const request = (): Request => new Request('http://127.0.0.1/', { method: 'POST', body: 'text' });
    const read = (sent: Request): Promise<string> => sent.text();
    expect(await outcome([request()], read)).toMatchObject({ calls: 1, stopReason: 'not_replayable' });
    expect(await outcome([request()])).toMatchObject({ calls: 3, stopReason: 'attempts' });
    expect(await outcome([new Request('http://127.0.0.1/')], read)).toMatchObject({ calls: 3 });
  });

  test('RT7: so is a Node stream, and one that has been destroyed is not sent again', async () => {
    const read = async (sent: Readable): Promise<void> => {
      for await (const part of sent) expect(part).toBe('part');
    };
    expect(await outcome([Readable.from(['part'])], read)).toMatchObject({ calls: 1, stopReason: 'not_replayable' });
    expect(await outcome([Readable.from(['part'])])).toMatchObject({ calls: 3, stopReason: 'attempts' });
    const destroyed = await outcome([new PassThrough()], (sent: PassThrough) => sent.destroy());
    expect(destroyed).toMatchObject({ calls: 1, stopReason: 'not_replayable' });
  });

  test.each<[string, unknown]>([
    ['text', 'text'],
    ['bytes', new Uint8Array(8)],
    ['a list of messages', [{ role: 'user', content: 'hello' }]],
    ['a form', new FormData()],
    ['a file', new Blob(['text'])],
    ['a set', new Set([1])],
    ['an iterable that begins anew each time', { [Symbol.asyncIterator]: parts }],
    ['an object with a `next` that iterates over nothing', { next: () => 'page 2' }],
    ['a linked list', { value: 1, next: { value: 2, next: null } }],
    ['nothing', null],
  ])('RT7: %s is sent again', async (_, input) => {
    expect(await outcome([input, { body: input }])).toMatchObject({ calls: 3, stopReason: 'attempts' });
  });

  test('RT7: a call that one of our policies refused has used nothing up', async () => {
    const full = new ModelOverloadedError('full', { details: { reason: 'queue_full' } });
    expect(await outcome([stream()], undefined, full)).toMatchObject({ calls: 3, stopReason: 'attempts' });
  });

  test('RT2: whether the error is worth another attempt is asked before', async () => {
    const bug = new TypeError('not a function');
    expect(await outcome([stream()], undefined, bug)).toMatchObject({ calls: 1, stopReason: 'not_retryable' });
  });

  test('RT7: a result is not asked for again either, and is returned', async () => {
    let calls = 0;
    const send = retry({ whenResult: () => true }, runtime).wrap((body: unknown) => ((calls += 1), { body }));
    const body = parts();
    expect(await send(body)).toEqual({ body });
    expect(calls).toBe(1);
  });
});

describe('`input` of execute', () => {
  test('RT7: says what a function sends that has it from elsewhere, through the layers around', async () => {
    const reasons: unknown[] = [];
    const off = runtime.events.on((event) => event.type === 'retry.stopped' && reasons.push(event.stopReason));
    const hedged = hedge({ safety: 'idempotent', minSamples: 99 }, runtime);
    for (const whole of [policy, pipeline(hedged, policy), pipeline(coalesce({}, runtime), policy)]) {
      const fn = async (): Promise<never> => {
        throw new GenerationFailedError('down');
      };
      const input = { url: '/v1/files', body: stream() };
      const call = whole.execute(fn, { input, key: 'files' }).catch((error: unknown) => error);
      await runtime.clock.runAll();
      await call;
    }
    off();
    expect(reasons).toEqual(['not_replayable', 'not_replayable', 'not_replayable']);
  });

  test('RT7: is not looked into deeper than the members of an argument', () => {
    expect(isSpent({ a: { b: parts() } })).toBe(true);
    expect(isSpent({ a: { b: { c: parts() } } })).toBe(false);
    const round: { self?: unknown } = {};
    round.self = round;
    expect(isSpent(round)).toBe(false);
    expect(isSpent(Object.assign(Object.create(null), { body: parts() }))).toBe(true);
  });
});
