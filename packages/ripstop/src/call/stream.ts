/** Streams as results: a call that returned one is over when the stream is. */
import type { CallScope } from './call.js';
import { afterCompletedOutcomes, tooLate } from './completed-first.js';
import { StandIn, standIn } from './stand-in.js';
import { AbortableIterator, type StreamEnd, WatchedIterator, type Watching } from './watched-iterator.js';

export type { StreamEnd } from './watched-iterator.js';

export interface StreamWatcher {
  /** Whose abort ends the stream, whether or not its source notices. */
  readonly attempt?: CallScope;
  /** Runs each step of the stream: in the surroundings that it was made in, say. Default: as its reader does. */
  readonly step?: <T>(advance: () => T) => T;
  /** Called for every item, before its reader gets it. */
  item?(item: unknown): void;
  /** Called once, at the end. */
  ended(end: StreamEnd): void;
}

type AsyncStream = AsyncIterable<unknown> & object;

/** What a result may have that can be closed. */
interface Closable {
  readonly body?: unknown;
  readonly [Symbol.asyncDispose]?: () => unknown;
  readonly [Symbol.dispose]?: () => unknown;
}

export function isStream(value: unknown): value is AsyncStream {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/**
 * The same stream, watched. The object keeps its class, members and identity checks of its class; only its iteration,
 * and the reading of a web `ReadableStream`, pass through the watcher.
 */
export function watchStream<S>(stream: S & AsyncStream, watcher: StreamWatcher): S {
  const watched = new WatchedStream(stream, watcher);
  if (!(stream instanceof ReadableStream)) return standIn(watched) as S & AsyncStream;
  if (!stream.locked) return watchWebStream(stream, watched) as unknown as S;
  // Somebody reads it already, so its end cannot be seen from here.
  watched.ended({ kind: 'returned' });
  return stream;
}

/** A stream and who watches it, who hears of one end only, however often the stream is read. */
class WatchedStream extends StandIn<AsyncStream> implements Watching {
  readonly watcher: StreamWatcher;
  private over = false;

  constructor(stream: AsyncStream, watcher: StreamWatcher) {
    super(stream);
    this.watcher = watcher;
  }

  inPlace<T>(work: () => T): T {
    const { step } = this.watcher;
    return step === undefined ? work() : step(work);
  }

  ended(end: StreamEnd): void {
    if (this.over) return;
    this.over = true;
    this.watcher.ended(end);
  }

  protected override method(property: string | symbol, member: (...values: unknown[]) => unknown): unknown {
    if (property === Symbol.asyncIterator) return () => this.watch(this.begin());
    if (property !== 'next' && property !== 'return' && property !== 'throw') return super.method(property, member);
    // An async generator is its own iterator, and may be driven without asking for one.
    const iterator = this.watch(this.original as unknown as AsyncIterator<unknown>);
    return iterator[property].bind(iterator);
  }

  private begin(): AsyncIterator<unknown> {
    try {
      return this.inPlace(() => this.original[Symbol.asyncIterator]());
    } catch (error) {
      this.ended({ kind: 'failed', error });
      throw error;
    }
  }

  private watch(source: AsyncIterator<unknown>): WatchedIterator {
    const { attempt } = this.watcher;
    return attempt === undefined ? new WatchedIterator(source, this) : new AbortableIterator(source, this, attempt);
  }
}

/** Tells a stream that nobody will read it: it came too late. Whether it hears that is its own business. */
export function discardStream(stream: AsyncStream): void {
  unheard(() => (stream instanceof ReadableStream ? stream.cancel() : stream[Symbol.asyncIterator]().return?.()));
}

/** Closes a result that nobody will use: a stream, an answer with one as its `body`, whatever can be disposed of. */
export function discard(result: unknown): void {
  if (typeof result !== 'object' || result === null) return;
  const { body, [Symbol.asyncDispose]: disposeAsync, [Symbol.dispose]: dispose } = result as Closable;
  if (isStream(result)) discardStream(result);
  else if (isStream(body)) discard(body);
  unheard(() => (disposeAsync ?? dispose)?.call(result));
}

/** Tells a source to stop, and does not wait for it: it may hang, which is why it is told. */
function unheard(stop: () => unknown): void {
  const stopping = async (): Promise<unknown> => stop();
  stopping().catch(() => undefined);
}

function watchWebStream(stream: ReadableStream<unknown>, watched: WatchedStream): ReadableStream<unknown> {
  const { watcher } = watched;
  const reader = stream.getReader();
  return new ReadableStream<unknown>(
    {
      async pull(controller) {
        try {
          if (watcher.attempt?.aborted) throw watcher.attempt.reason;
          const { done, value } = await orAbort(
            watched.inPlace(() => reader.read()),
            watcher.attempt,
          );
          if (done) {
            watched.ended({ kind: 'completed' });
            controller.close();
          } else {
            watcher.item?.(value);
            controller.enqueue(value);
          }
        } catch (error) {
          watched.ended({ kind: 'failed', error });
          if (watcher.attempt?.aborted) unheard(() => reader.cancel(error));
          controller.error(error);
        }
      },
      async cancel(reason) {
        watched.ended({ kind: 'returned' });
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** What `advancing` brings, unless an abort comes first. */
function orAbort<T>(advancing: Promise<T>, attempt: CallScope | undefined): Promise<T> {
  if (attempt === undefined) return advancing;
  return new Promise<T>((resolve, reject) => {
    const stopListening = attempt.onAbort((reason) => {
      afterCompletedOutcomes(attempt.depth, () => reject(reason));
    });
    advancing.then(
      (result) => {
        stopListening();
        if (tooLate(attempt)) reject(attempt.reason);
        else resolve(result);
      },
      (error: unknown) => {
        stopListening();
        reject(attempt.aborted ? attempt.reason : error);
      },
    );
  });
}
