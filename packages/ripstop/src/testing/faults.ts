import { sleep } from '../call/abort.js';
import { abortable } from '../call/attempt.js';
import { type CallContext, CallScope, type ContextOptions } from '../call/call.js';
import { assertCount, assertNotNegative, assertPositive, assertRatio, badOption } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isStream, watchStream } from '../call/stream.js';
import { OutOfMemoryError, StreamInterruptedError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { type Next, type Policy, policy } from '../policies/policy.js';
import { seededRandom } from './virtual-runtime.js';

/** Which calls a fault befalls: those for which all that is stated holds; every call where nothing is stated. */
export interface FaultSchedule {
  /** These calls, counted from 1. */
  readonly calls?: readonly number[] | undefined;
  /** Every so many calls: 3 means calls 3, 6, 9 and so on. */
  readonly every?: number | undefined;
  /** This call and those after it. Default: 1. */
  readonly fromCall?: number | undefined;
  /** This call and those before it. Default: `Infinity`. */
  readonly toCall?: number | undefined;
  /** From then on, in milliseconds on the runtime's clock since `faults()` was called. Default: 0. */
  readonly fromMs?: number | undefined;
  /** Before then, in milliseconds. Default: `Infinity`. */
  readonly untilMs?: number | undefined;
  /** The chance for each call that the rest allows, above 0 and at most 1. Default: 1. */
  readonly probability?: number | undefined;
}

/** A fault that throws. */
export interface ErrorFault extends FaultSchedule {
  /** Makes what is thrown at call number `call`; a new one each time, since errors are annotated. */
  readonly error?: ((call: number) => unknown) | undefined;
}

/** A call that takes longer. */
export interface SlowFault extends FaultSchedule {
  /** How long it waits before anything else, in milliseconds. */
  readonly ms: number;
}

/** A stream that breaks off. A result that is no stream is left as it is. */
export interface StreamFault extends ErrorFault {
  /** Items that still arrive. 0: it breaks at once. Default: 0. */
  readonly afterItems?: number | undefined;
}

/** What may go wrong. */
export type FaultKind = 'slow' | 'hang' | 'outOfMemory' | 'fail' | 'breakStream';

/** Each fault with its schedule, or with several. */
export interface FaultsOptions {
  /** Waits first. What else befalls the call comes after the wait. */
  readonly slow?: SlowFault | readonly SlowFault[] | undefined;
  /** Never answers, until the caller leaves or a limit ends the call. */
  readonly hang?: FaultSchedule | readonly FaultSchedule[] | undefined;
  /** Throws an `OutOfMemoryError`. */
  readonly outOfMemory?: FaultSchedule | readonly FaultSchedule[] | undefined;
  /** Throws an `UpstreamUnavailableError`, or what `error` makes. */
  readonly fail?: ErrorFault | readonly ErrorFault[] | undefined;
  /** Ends the stream that the call returns with a `StreamInterruptedError`, or what `error` makes. */
  readonly breakStream?: StreamFault | readonly StreamFault[] | undefined;
  /** Chance of their own that repeats. Default: the runtime's. */
  readonly seed?: number | undefined;
}

/** Faults are a policy, to stand innermost in a pipeline or to wrap any function by themselves. */
export interface Faults extends Policy {
  /** Calls so far, whether or not anything befell them. */
  readonly calls: number;
  /** How often each fault has befallen a call. */
  readonly injected: Readonly<Record<FaultKind, number>>;
}

/**
 * Faults: makes any function fail, hang, slow down, run out of memory or break off its stream, when a schedule or
 * chance says so.
 *
 * What befalls a call is decided as it begins. A slow call may also fail; of `hang`, `outOfMemory` and `fail` the
 * first in this order counts, and the function is then not called. A wait ends when the call's signal aborts: the
 * one of `execute` or of the pipeline, and for a wrapped function the one among its arguments.
 *
 * Source: Simmy (2019), chaos strategies as innermost policies.
 *
 * @throws RangeError for a bad option.
 */
export function faults(options: FaultsOptions, runtime: Runtime = systemRuntime): Faults {
  const plans = checked(options);
  const { clock } = runtime;
  const random = options.seed === undefined ? runtime.random : seededRandom(options.seed);
  const startedAt = clock.now();
  const injected: Record<FaultKind, number> = { slow: 0, hang: 0, outOfMemory: 0, fail: 0, breakStream: 0 };
  let calls = 0;

  function due<S extends FaultSchedule>(kind: FaultKind, schedules: readonly S[]): S | undefined {
    const found = schedules.find((schedule) => holds(schedule, calls, clock.now() - startedAt, random));
    if (found !== undefined) injected[kind] += 1;
    return found;
  }

  async function befall<T>(next: Next<T>, context: CallContext): Promise<T> {
    calls += 1;
    const call = calls;
    const slow = due('slow', plans.slow);
    const fatal = fatalFault(call);
    const cut = fatal === undefined ? due('breakStream', plans.breakStream) : undefined;
    if (slow !== undefined) await sleep(clock, slow.ms, context);
    if (fatal !== undefined) return fatal(context);
    const value = await next(context);
    return cut === undefined || !isStream(value) ? value : brokenOff(value, context, cut, call);
  }

  function fatalFault(call: number): ((context: CallContext) => Promise<never>) | undefined {
    if (due('hang', plans.hang)) return (context) => sleep(clock, Number.POSITIVE_INFINITY, context) as Promise<never>;
    if (due('outOfMemory', plans.outOfMemory)) return () => Promise.reject(new OutOfMemoryError());
    const fail = due('fail', plans.fail);
    return fail && (() => Promise.reject(fail.error === undefined ? new UpstreamUnavailableError() : fail.error(call)));
  }

  const base = policy('faults', befall, runtime);
  return Object.defineProperties(base as Faults, {
    calls: { get: () => calls, enumerable: true },
    injected: { value: injected, enumerable: true },
    wrap: {
      value(fn: (...args: unknown[]) => unknown) {
        const wrapped = function (this: unknown, ...args: unknown[]): Promise<unknown> {
          return base.execute(() => fn.apply(this, args), callerAmong(args));
        };
        const { name, length } = fn;
        return Object.defineProperties(wrapped, { name: { value: name }, length: { value: length } });
      },
    },
  });
}

/** The source is told to stop, as it is when a caller leaves. */
function brokenOff<S extends AsyncIterable<unknown> & object>(
  stream: S,
  context: CallContext,
  { afterItems = 0, error }: StreamFault,
  call: number,
): S {
  const attempt = abortable(context);
  let items = 0;
  const breakAfterLast = (): void => {
    if (items === afterItems) attempt.abort(error === undefined ? new StreamInterruptedError() : error(call));
    items += 1;
  };
  breakAfterLast();
  return watchStream(stream, { attempt, item: breakAfterLast, ended: () => attempt.release() });
}

/** Functions are handed a context, a signal, or options with a signal, as `fetch` and most SDKs have it. */
function callerAmong(args: readonly unknown[]): ContextOptions {
  for (const arg of args) {
    if (arg instanceof CallScope) return { context: arg };
    if (arg instanceof AbortSignal) return { signal: arg };
    const { signal } = Object(arg) as { signal?: unknown };
    if (signal instanceof AbortSignal) return { signal };
  }
  return {};
}

function holds(schedule: FaultSchedule, call: number, ms: number, random: () => number): boolean {
  const { calls, every = 1, fromCall = 1, toCall = Infinity, fromMs = 0, untilMs = Infinity } = schedule;
  if (calls !== undefined && !calls.includes(call)) return false;
  if (call % every !== 0 || call < fromCall || call > toCall || ms < fromMs || ms >= untilMs) return false;
  return schedule.probability === undefined || random() < schedule.probability;
}

type Plans = { readonly [K in FaultKind]: readonly Exclude<FaultsOptions[K], readonly unknown[] | undefined>[] };

function checked({ slow, hang, outOfMemory, fail, breakStream }: FaultsOptions): Plans {
  const plans: Plans = {
    slow: listed(slow),
    hang: listed(hang),
    outOfMemory: listed(outOfMemory),
    fail: listed(fail),
    breakStream: listed(breakStream),
  };
  for (const [kind, schedules] of Object.entries(plans)) for (const schedule of schedules) check(kind, schedule);
  for (const { ms } of plans.slow) assertPositive('slow.ms', ms);
  for (const { afterItems } of plans.breakStream) assertCount('breakStream.afterItems', afterItems ?? 0, 0);
  return plans;
}

function listed<S extends FaultSchedule>(schedules: S | readonly S[] | undefined): readonly S[] {
  if (schedules === undefined) return [];
  return Array.isArray(schedules) ? (schedules as readonly S[]) : [schedules as S];
}

function check(kind: string, { calls, every, fromCall, toCall, fromMs, untilMs, probability }: FaultSchedule): void {
  if (calls?.length === 0) throw badOption(`${kind}.calls`, 'must name a call', '[]');
  for (const call of calls ?? []) assertCount(`${kind}.calls`, call);
  assertCount(`${kind}.every`, every ?? 1);
  assertCount(`${kind}.fromCall`, fromCall ?? 1);
  assertCount(`${kind}.toCall`, toCall ?? Infinity);
  assertNotNegative(`${kind}.fromMs`, fromMs ?? 0);
  assertPositive(`${kind}.untilMs`, untilMs ?? Infinity);
  assertRatio(`${kind}.probability`, probability ?? 1);
}
