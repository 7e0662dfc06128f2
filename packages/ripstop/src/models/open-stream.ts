import { RelayedStream } from '../call/relayed-stream.js';
import { InvalidResponseError, StreamInterruptedError } from '../errors/upstream-errors.js';
import { isContent, readToContent } from './content-limits.js';
import { modelFailure } from './model-failure.js';
import type { ChatRequest, Delta, GenerateOptions, Generation, TextModel, TextResult } from './text-model.js';

/**
 * A stream of the model's, once its first content is there: what fails before that fails here. Afterwards a failure
 * that is not typed is a StreamInterruptedError. A model that cannot stream answers in one piece.
 */
export async function openStream(
  model: TextModel,
  input: string | ChatRequest,
  options: GenerateOptions,
): Promise<AsyncIterable<Delta>> {
  const deltas = model.stream?.(input, options) ?? inOnePiece(model, input, options);
  const source = deltas[Symbol.asyncIterator]();
  const head = await readToContent(source);
  const last = head.at(-1);
  if (last === undefined || (!isContent(last) && last.finishReason === undefined)) {
    throw new InvalidResponseError('The model ended its answer before it had said anything');
  }
  return new OpenedStream(head, { [Symbol.asyncIterator]: () => source });
}

export function asGeneration(result: TextResult): Generation {
  return typeof result === 'string' ? { text: result } : result;
}

/** One generation as a stream. */
async function* inOnePiece(
  model: TextModel,
  input: string | ChatRequest,
  options: GenerateOptions,
): AsyncGenerator<Delta, void, undefined> {
  const { finishReason = 'stop', ...generation } = asGeneration(await model.generate(input, options));
  yield { ...generation, finishReason };
}

/** No generator: one that is left before it is first read would never tell its source. */
class OpenedStream extends RelayedStream<Delta, Delta> {
  private readonly head: Delta[];

  constructor(head: Delta[], rest: AsyncIterable<Delta>) {
    super(rest);
    this.head = head;
  }

  async return(): Promise<IteratorResult<Delta, undefined>> {
    this.head.length = 0;
    await this.source.return?.();
    return { done: true, value: undefined };
  }

  arrived(step: IteratorResult<Delta, unknown>): void {
    this.give(step);
  }

  broke(error: unknown): void {
    const failure = modelFailure(error);
    if (failure === error) return this.fail(error);
    this.fail(new StreamInterruptedError(undefined, { cause: failure, isRetryable: failure.isRetryable }));
  }

  protected override ready(): IteratorResult<Delta, undefined> | undefined {
    const value = this.head.shift();
    return value === undefined ? undefined : { done: false, value };
  }
}
