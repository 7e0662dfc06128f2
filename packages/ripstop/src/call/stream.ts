/** Streams as results: a call that returned one is over when the stream is. */
import type { CallContext } from './call.js';

/** How a stream ended. `returned`: its reader had enough and left. */
export type StreamEnd =
  | { readonly kind: 'completed' | 'returned' }
  | { readonly kind: 'failed'; readonly error: unknown };

export interface StreamWatcher {
  /** Whose abort ends the stream, whether or not its source notices. */
  readonly attempt?: CallContext;
  /** Called for every item, before its reader gets it. */
  item?(): void;
  /** Called once, at the end. */
  ended(end: StreamEnd): void;
}

type AsyncStream = AsyncIterable<unknown> & object;

export function isStream(value: unknown): value is AsyncStream {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/**
 * The same stream, watched. The object keeps its class, members and identity checks of its class; only its iteration,
 * and the reading of a web `ReadableStream`, pass through the watcher.
 */
export function watchStream<S>(stream: S & AsyncStream, watcher: StreamWatcher): S {
  let over = false;
  const ended = (end: StreamEnd): void => {
    if (over) return;
    over = true;
    watcher.ended(end);
  };
  if (stream instanceof ReadableStream) {
    if (!stream.locked) return watchWebStream(stream, watcher, ended) as unknown as S;
    // Somebody reads it already, so its end cannot be seen from here.
    ended({ kind: 'returned' });
    return stream;
  }

  return new Proxy(stream, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      if (property === Symbol.asyncIterator) {
        return () => watchIterator((member as () => AsyncIterator<unknown>).call(target), watcher, ended);
      }
      // An async generator is its own iterator, and may be driven without asking for one.
      if (property === 'next' || property === 'return' || property === 'throw') {
        const watched = watchIterator(target as unknown as AsyncIterator<unknown>, watcher, ended);
        return watched[property]?.bind(watched);
      }
      return member.bind(target) as unknown;
    },
  });
}

/** Tells a stream that nobody will read it: it came too late. Whether it hears that is its own business. */
export function discardStream(stream: AsyncStream): void {
  const end = async (): Promise<unknown> => {
    if (!(stream instanceof ReadableStream)) return stream[Symbol.asyncIterator]().return?.();
    return stream.locked ? undefined : stream.cancel();
  };
  end().catch(() => undefined);
}

function watchIterator(
  source: AsyncIterator<unknown>,
  watcher: StreamWatcher,
  ended: (end: StreamEnd) => void,
): AsyncIterableIterator<unknown> {
  const step = async (advance: Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> => {
    try {
      const result = await orAbort(advance, watcher.attempt);
      if (result.done) ended({ kind: 'completed' });
      else watcher.item?.();
      return result;
    } catch (error) {
      ended({ kind: 'failed', error });
      // Only an aborted source is left in mid-air; telling it to stop must not wait for it.
      if (watcher.attempt?.aborted) void source.return?.().catch(() => undefined);
      throw error;
    }
  };
  return {
    next: (...value) => step(source.next(...value)),
    async return(value) {
      ended({ kind: 'returned' });
      return (await source.return?.(value)) ?? { done: true, value };
    },
    async throw(error) {
      ended({ kind: 'failed', error });
      if (source.throw === undefined) throw error;
      return source.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function watchWebStream(
  stream: ReadableStream<unknown>,
  watcher: StreamWatcher,
  ended: (end: StreamEnd) => void,
): ReadableStream<unknown> {
  const reader = stream.getReader();
  return new ReadableStream<unknown>(
    {
      async pull(controller) {
        try {
          const { done, value } = await orAbort(reader.read(), watcher.attempt);
          if (done) {
            ended({ kind: 'completed' });
            controller.close();
          } else {
            watcher.item?.();
            controller.enqueue(value);
          }
        } catch (error) {
          ended({ kind: 'failed', error });
          if (watcher.attempt?.aborted) void reader.cancel(error).catch(() => undefined);
          controller.error(error);
        }
      },
      async cancel(reason) {
        ended({ kind: 'returned' });
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** The outcome, or the reason of the abort if that comes first. Nobody is told to stop: the signal does that. */
export function orAbort<T>(advance: Promise<T>, attempt: CallContext | undefined): Promise<T> {
  if (attempt === undefined) return advance;
  return new Promise<T>((resolve, reject) => {
    const stopListening = attempt.onAbort(reject);
    advance.then(
      (result) => {
        stopListening();
        resolve(result);
      },
      (error: unknown) => {
        stopListening();
        reject(attempt.aborted ? attempt.reason : error);
      },
    );
  });
}
