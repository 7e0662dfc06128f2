/**
 * Error context: what a program was doing when it failed.
 *
 * A scope adds facts for as long as its work runs, whatever else runs meanwhile. An error that leaves a scope is noted
 * with the facts of all scopes that it passed; the error itself goes on, the same object with the same type. What is
 * noted is for logs: nothing of it is shown to a caller unless an error handler is told to show it by name.
 */
import { inside } from './async-storage.js';
import { allOf, type ContextFields, currentFrame, type Frame } from './context-frames.js';
import { isCorrelationId } from './correlation-id.js';
import { isStream, watchStream } from './stream.js';
import { isThenable } from './thenable.js';

export type { ContextFields } from './context-frames.js';

/** What `errorContext` offers. */
export interface ErrorContext {
  /** Runs `work` with `fields` around it: for a request or a job. Facts that are around already stay, unless renamed. */
  readonly run: <T>(fields: ContextFields, work: () => T) => T;
  /** Runs `work` as the operation `name`: a part of a request. */
  readonly operation: {
    <T>(name: string, work: () => T): T;
    <T>(name: string, fields: ContextFields, work: () => T): T;
  };
  /** All facts around the running code, the inner ones winning. */
  readonly current: () => ContextFields;
  /**
   * All facts around `error`: those of the scopes that it, or one of its causes, has left, over those around the
   * running code. What an error that several requests share was told of another request is left out.
   */
  readonly of: (error: unknown) => ContextFields;
}

/** The innermost scopes that an error has left, the first one first: one, unless several requests share the error. */
const left = new WeakMap<object, readonly Frame[]>();
/** An error that is thrown again and again, by every request, remembers this many. */
const mostFrames = 16;
const deepestCause = 8;

/**
 * Scopes that tell an error what was being done.
 *
 * ```ts
 * errorContext.run({ correlationId }, () =>
 *   errorContext.operation('inference', { model: 'small' }, () => model.generate(prompt)));
 * ```
 *
 * The work's value comes back as it is; a promise as a promise, a stream as a stream whose steps run inside the scope,
 * whenever and wherever it is read. Where the platform has no AsyncLocalStorage (browsers), `current()` knows the scopes
 * of the synchronous part only; an error is noted all the same.
 */
export const errorContext: ErrorContext = {
  run: (fields, work) => enter(fields, currentFrame(), work),
  operation<T>(name: string, ...rest: [() => T] | [ContextFields, () => T]): T {
    const [fields, work] = rest.length === 1 ? [{}, rest[0]] : rest;
    return enter({ ...fields, operation: name }, currentFrame(), work);
  },
  current: () => allOf(currentFrame()),
  of: (error) => contextOf(error, allOf(currentFrame())),
};

/**
 * A request's own context, whatever surroundings its server happens to answer it in. For servers, who have checked the
 * id, and give a record that is nobody else's.
 */
export function startErrorContext<T>(fields: ContextFields, work: () => T): T {
  return within({ fields, parent: undefined }, work);
}

/**
 * The same function, each of whose calls is a scope with `fields`, or with what `fields` makes of the arguments: errors
 * that leave it are noted with the context of the call. What it returns is treated as by `errorContext.run`.
 */
export function withErrorContext<This, Args extends readonly unknown[], T>(
  fn: (this: This, ...args: Args) => T,
  fields: ContextFields | ((...args: Args) => ContextFields) = {},
): (this: This, ...args: Args) => T {
  const wrapped = function (this: This, ...args: Args): T {
    const own = typeof fields === 'function' ? fields(...args) : fields;
    return enter(own, currentFrame(), () => fn.apply(this, args as unknown as Args & unknown[]));
  };
  return Object.defineProperty(wrapped, 'name', { value: fn.name, configurable: true });
}

/**
 * All facts around `error`, over those in `around`: see `errorContext.of`. For handlers that know a request otherwise
 * than by where they run.
 */
export function contextOf(error: unknown, around: ContextFields): ContextFields {
  const frames: Frame[] = [];
  let next: unknown = error;
  for (let depth = 0; isObject(next) && depth < deepestCause; depth += 1) {
    // The first that was left is the innermost; a cause comes from further inside.
    frames.push(...(left.get(next)?.toReversed() ?? []));
    next = causeOf(next);
  }
  let context = { ...around };
  for (const frame of frames) {
    const all = allOf(frame);
    if (isOfOneRequest(all, context)) context = { ...context, ...all };
  }
  return context;
}

function isOfOneRequest({ correlationId: one }: ContextFields, { correlationId: other }: ContextFields): boolean {
  return one === undefined || other === undefined || one === other;
}

function isWithin(inner: Frame, outer: Frame): boolean {
  for (let frame: Frame | undefined = inner; frame !== undefined; frame = frame.parent) {
    if (frame === outer) return true;
  }
  return false;
}

function enter<T>(fields: ContextFields, parent: Frame | undefined, work: () => T): T {
  return within({ fields: taken(fields), parent }, work);
}

function within<T>(frame: Frame, work: () => T): T {
  try {
    return watched(inside(frame, work), frame);
  } catch (error) {
    note(error, frame);
    throw error;
  }
}

function taken(fields: ContextFields): ContextFields {
  const known = Object.entries(fields).filter(([name, value]) => {
    return value !== undefined && (name !== 'correlationId' || isCorrelationId(value));
  });
  return Object.fromEntries(known);
}

/** A result that is not all there yet can still fail. */
function watched<T>(result: T, frame: Frame): T {
  if (isThenable(result))
    return inside(frame, () => result.then((value) => watched(value, frame), leaving(frame))) as T;
  if (!isStream(result)) return result;
  return watchStream(result, {
    step: (advance) => inside(frame, advance),
    ended: (end) => {
      if (end.kind === 'failed') note(end.error, frame);
    },
  });
}

function leaving(frame: Frame): (error: unknown) => never {
  return (error) => {
    note(error, frame);
    throw error;
  };
}

/** A thrown value that is no object cannot be told from another, so nothing can be noted of it. */
function note(error: unknown, frame: Frame): void {
  if (!isObject(error)) return;
  const known = left.get(error) ?? [];
  if (known.some((inner) => isWithin(inner, frame))) return;
  left.set(error, [...known, frame].slice(-mostFrames));
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function causeOf(error: object): unknown {
  try {
    return (error as { readonly cause?: unknown }).cause;
  } catch {
    // An error that cannot be read has no cause to look at.
    return undefined;
  }
}
