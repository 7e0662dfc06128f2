import { settleOrAbort } from '../call/abort.js';
import { abortable } from '../call/attempt.js';
import type { Call, CallContext, CallScope, ContextOptions } from '../call/call.js';
import { keepShape, RootScope } from '../call/root-scope.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isStream, watchStream } from '../call/stream.js';

/** The rest of the pipeline, as a policy sees it: always returns a promise, never throws synchronously (G12). */
export type Next<T> = (context: CallContext) => Promise<T>;

/** What a policy's author writes: call `next` never, once or several times, with `context` or a child of it. */
export type PolicyRun = <T>(next: Next<T>, context: CallContext) => T | PromiseLike<T>;

/** What a caller may say about one call. */
export type ExecuteOptions = ContextOptions;

/** For types only: what a policy may give in place of the call's own result. */
declare const standIn: unique symbol;

/** A policy that may give an `E` in place of the call's own result, as a fallback does. */
export interface PolicyOf<E> {
  readonly [standIn]?: () => E;
  readonly name: string;
  readonly runtime: Runtime;
  /** One layer by itself, in a context that somebody else made. */
  run<T>(next: Call<T>, context: CallContext): Promise<T | E>;
  /** Calls `fn` under the policy. `fn` is handed the context of its attempt: its signal, number and deadline. */
  execute<T>(fn: Call<T>, options?: ExecuteOptions): Promise<T | E>;
  /** A function like `fn`, with the same `this` and arguments, under the policy. */
  wrap<F extends (...args: never[]) => unknown>(
    fn: F,
  ): (this: ThisParameterType<F>, ...args: Parameters<F>) => Promise<Awaited<ReturnType<F>> | E>;
}

/** A way of making calls: use it by itself with `execute` or `wrap`, or join several with `pipeline`. */
export type Policy = PolicyOf<never>;

type StandInOf<P> = P extends Policy ? never : P extends { readonly [standIn]?: () => infer E } ? E : never;

/** The layers of a policy, for pipelines that contain it. */
const layersOf = Symbol('ripstop.layers');

interface LayeredPolicy extends Policy {
  readonly [layersOf]: readonly PolicyRun[];
}

/** Makes a policy out of its one function. */
export function policy(name: string, run: PolicyRun, runtime: Runtime = systemRuntime): Policy {
  return layered(name, [run], runtime);
}

/** The policy, with more that can be read of it or done to it. Getters stay getters. */
export function withMembers<M extends object>(base: Policy, members: M): Policy & M {
  return Object.defineProperties(base, Object.getOwnPropertyDescriptors(members)) as Policy & M;
}

/**
 * Joins policies, the outermost first: `pipeline(retry(), circuitBreaker(), timeout())`.
 *
 * All that keep time must share one runtime. A policy on the system's runtime may join others, and keeps its own clock.
 *
 * @throws RangeError without a policy, or with policies of two runtimes, whose clocks would disagree.
 */
export function pipeline<P extends readonly PolicyOf<unknown>[]>(...policies: P): PolicyOf<StandInOf<P[number]>> {
  if (policies.length === 0) throw new RangeError('pipeline needs at least one policy, got none');
  const runtimes = new Set(policies.map(({ runtime }) => runtime).filter((runtime) => runtime !== systemRuntime));
  if (runtimes.size > 1) throw new RangeError(`pipeline needs policies of one runtime, got ${runtimes.size}`);
  const [runtime = systemRuntime] = runtimes;
  return layered(policies.map(({ name }) => name).join(' > '), policies.flatMap(layers), runtime);
}

function layers(member: PolicyOf<unknown>): readonly PolicyRun[] {
  const plain = member as Policy;
  return layersOf in plain ? (plain as LayeredPolicy)[layersOf] : [(next, context) => plain.run(next, context)];
}

function layered(name: string, runs: readonly PolicyRun[], runtime: Runtime): Policy {
  keepShape();
  // Linked once. The call itself travels in the context, so that a call under many policies allocates no closures.
  const chain = link(runs, callee);
  const self: LayeredPolicy = {
    [layersOf]: runs,
    name,
    runtime,
    run: (next, context) => link(runs, guarded(next))(context),
    execute<T>(fn: Call<T>, options?: ExecuteOptions): Promise<T> {
      if (options !== undefined) return startWith(options, chain as Next<T>, fn, runtime);
      return start(chain as Next<T>, fn, new RootScope(runtime));
    },
    wrap(fn) {
      const wrapped: ReturnType<typeof self.wrap<typeof fn>> = function (...args) {
        const call = (): unknown => fn.apply(this, args);
        return self.execute(call, { input: args }) as ReturnType<typeof wrapped>;
      };
      const { name: fnName, length } = fn;
      return Object.defineProperties(wrapped, {
        name: { value: fnName, configurable: true },
        length: { value: length, configurable: true },
      });
    },
  };
  return self;
}

/** Apart, since what is made inside a `try` costs more bytes (V8 11). */
function startWith<T>(options: ExecuteOptions, chain: Next<T>, fn: Call<T>, runtime: Runtime): Promise<T> {
  try {
    return start(chain, fn, new RootScope(runtime, options));
  } catch (badOption) {
    return Promise.reject(badOption);
  }
}

function start<T>(chain: Next<T>, fn: Call<T>, scope: RootScope): Promise<T> {
  if (scope.abortable) return startAbortable(chain, fn, scope);
  scope.callee = fn;
  return chain(scope);
}

/** Apart from `start`, so that a call that nobody can abort allocates nothing for these closures. */
function startAbortable<T>(chain: Next<T>, fn: Call<T>, scope: RootScope): Promise<T> {
  if (scope.aborted) {
    scope.release();
    return Promise.reject(scope.reason);
  }
  scope.callee = endedByAbort(fn);
  return chain(scope).then(
    (value) => {
      if (isStream(value)) return watchStream(value, { ended: () => scope.release() });
      scope.release();
      return value;
    },
    (error: unknown) => {
      scope.release();
      throw error;
    },
  );
}

/** A call that an abort from outside ends itself, so that every layer sees it end, from the inside out. */
export function endedByAbort<T>(fn: Call<T>): Next<T> {
  return (context) => {
    const attempt = abortable(context);
    if (attempt.aborted) return Promise.reject(attempt.reason);
    return settleOrAbort(guarded(fn)(attempt), attempt);
  };
}

// Each kind of layer has a function of its own: shared ones would be called with so many others that the engine could
// no longer build any of them in.

const callee: Next<unknown> = (context) => {
  try {
    return promised((context as CallScope).callee?.(context));
  } catch (error) {
    return Promise.reject(error);
  }
};

function link(runs: readonly PolicyRun[], innermost: Next<unknown>): Next<never> {
  return runs.reduceRight(layer, innermost) as Next<never>;
}

function layer(next: Next<unknown>, run: PolicyRun): Next<unknown> {
  return (context) => {
    try {
      return promised(run(next, context));
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

function guarded<T>(fn: Call<T>): Next<T> {
  return (context) => {
    try {
      return promised(fn(context));
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

function promised<T>(value: T | PromiseLike<T>): Promise<T> {
  return value instanceof Promise ? (value as Promise<T>) : Promise.resolve(value);
}
