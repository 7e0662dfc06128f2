/**
 * Steps of a stream that are handed on by a call. A stream passes a dozen of our iterators on its way; with a promise
 * or two in each of them, promises were most of what one of its items cost.
 */

/** Is told of one step, by one of its two methods, and once. */
export interface StepReader<T> {
  arrived(step: IteratorResult<T, unknown>): void;
  broke(error: unknown): void;
}

/**
 * The member of an iterator that takes such a reader, one at a time: `next()` without the promise. It tells of an item
 * in a later turn of the microtask queue, so that reading on from there does not go deeper and deeper.
 */
export const byCall: unique symbol = Symbol('byCall');

/** An iterator that can be read so. */
export interface ReadByCall<T> {
  [byCall](reader: StepReader<T>): void;
}

/** Reads a step of any iterator. */
export function readStep<T>(source: AsyncIterator<T, unknown> & Partial<ReadByCall<T>>, reader: StepReader<T>): void {
  if (source[byCall] === undefined) tell(nextStep(source, []), reader);
  else source[byCall](reader);
}

/** Tells a reader of a step when it has come. */
export function tell<T>(step: Promise<IteratorResult<T, unknown>>, reader: StepReader<T>): void {
  step.then(
    (come) => reader.arrived(come),
    (error: unknown) => reader.broke(error),
  );
}

/** For readers that want a promise all the same. */
export function promisedStep<T, R>(source: ReadByCall<T>): Promise<IteratorResult<T, R>> {
  return new Promise<IteratorResult<T, unknown>>((arrived, broke) => source[byCall]({ arrived, broke })) as Promise<
    IteratorResult<T, R>
  >;
}

/** The next step of an iterator that may be written by hand: one that throws at once, or brings it without a promise. */
export function nextStep<T>(
  source: AsyncIterator<T, unknown>,
  value: [] | [unknown],
): Promise<IteratorResult<T, unknown>> {
  try {
    return Promise.resolve(source.next(...(value as [])));
  } catch (error) {
    return Promise.reject(error);
  }
}
