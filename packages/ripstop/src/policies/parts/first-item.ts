import { StandIn, standIn } from '../../call/stand-in.js';

/** A stream before its first item. */
export interface OpeningStream<S> {
  /** The stream, when its first item is there or it has ended without one. Rejects if it fails before that. */
  readonly opened: Promise<S>;
  /** Tells the stream that nobody will read it. */
  discard(): void;
}

type AsyncStream = AsyncIterable<unknown> & object;

/**
 * Asks a stream for its first item and keeps it for the reader. The object that `opened` brings has the class and the
 * members of the stream, as far as a stand-in can: its iteration begins with the item that was kept.
 */
export function openStream<S extends AsyncStream>(stream: S): OpeningStream<S> {
  if (stream instanceof ReadableStream) return openWebStream(stream) as unknown as OpeningStream<S>;
  let iterator: AsyncIterator<unknown> | undefined;
  const open = async (): Promise<S> => {
    iterator = stream[Symbol.asyncIterator]();
    const rest = iterator;
    return standIn(new Begun(stream, resumed(await rest.next(), rest)));
  };
  return { opened: open(), discard: () => unheard(() => iterator?.return?.()) };
}

function openWebStream(stream: ReadableStream<unknown>): OpeningStream<ReadableStream<unknown>> {
  // Somebody reads it already, so its first item is not ours to wait for.
  if (stream.locked) return { opened: Promise.resolve(stream), discard: () => undefined };
  const reader = stream.getReader();
  const open = async (): Promise<ReadableStream<unknown>> => {
    let kept: Awaited<ReturnType<typeof reader.read>> | undefined = await reader.read();
    return new ReadableStream<unknown>(
      {
        async pull(controller) {
          const { done, value } = kept ?? (await reader.read());
          kept = undefined;
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  };
  return { opened: open(), discard: () => unheard(() => reader.cancel()) };
}

/** Whoever drives the stream itself, as an async generator may be, and who first asks for its iterator, resumes. */
class Begun<S extends AsyncStream> extends StandIn<S> {
  private readonly iterator: AsyncIterableIterator<unknown>;
  private taken = false;

  constructor(stream: S, iterator: AsyncIterableIterator<unknown>) {
    super(stream);
    this.iterator = iterator;
  }

  protected override method(property: string | symbol, member: (...values: unknown[]) => unknown): unknown {
    const { iterator } = this;
    if (property === 'next' || property === 'return' || property === 'throw') return iterator[property]?.bind(iterator);
    if (property !== Symbol.asyncIterator || this.taken) return super.method(property, member);
    return () => {
      this.taken = true;
      return iterator;
    };
  }
}

function resumed(first: IteratorResult<unknown>, rest: AsyncIterator<unknown>): AsyncIterableIterator<unknown> {
  let kept: IteratorResult<unknown> | undefined = first;
  return {
    async next(...value) {
      const result = kept;
      kept = undefined;
      return result ?? rest.next(...value);
    },
    async return(value) {
      kept = undefined;
      return (await rest.return?.(value)) ?? { done: true, value };
    },
    async throw(error) {
      kept = undefined;
      if (rest.throw === undefined) throw error;
      return rest.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Tells a source to stop, and does not wait for it: it may hang, which is why it is told. */
function unheard(stop: () => unknown): void {
  const stopping = async (): Promise<unknown> => stop();
  stopping().catch(() => undefined);
}
