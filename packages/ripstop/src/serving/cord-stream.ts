/** A handler's stream, held to the cord's output schema, and opened while its policy can still act on a failure. */
import type { StandardSchema } from '../input/issues.js';
import { checkedOutput } from './cord-output.js';

/** An iterator by hand, because a generator that was never started would not pass on that it is thrown away. */
export class CordStream implements AsyncIterableIterator<unknown> {
  private readonly source: AsyncIterator<unknown>;
  private readonly schema: StandardSchema | undefined;
  private kept: IteratorResult<unknown> | undefined = undefined;

  constructor(stream: AsyncIterable<unknown>, schema: StandardSchema | undefined) {
    this.source = stream[Symbol.asyncIterator]();
    this.schema = schema;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Waits for the first item and keeps it. A stream that fails before that was never more than a call. */
  async open(): Promise<this> {
    this.kept = await this.next();
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    const { kept, schema } = this;
    this.kept = undefined;
    if (kept !== undefined) return kept;
    const step = await this.source.next();
    // Bytes are events made by hand.
    if (step.done === true || schema === undefined || step.value instanceof Uint8Array) return step;
    return { done: false, value: await checkedOutput(schema, step.value) };
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.kept = undefined;
    await this.source.return?.();
    return { done: true, value: undefined };
  }
}
