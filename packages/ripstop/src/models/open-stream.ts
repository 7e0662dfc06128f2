import { byCall, promisedStep, type ReadByCall, readStep, type StepReader, tell } from '../call/steps.js';
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
  return new OpenedStream(head, source);
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

type Step = IteratorResult<Delta, unknown>;

/** No generator: one that is left before it is first read would never tell its source. */
class OpenedStream implements AsyncIterableIterator<Delta>, ReadByCall<Delta>, StepReader<Delta> {
  private readonly head: Delta[];
  private readonly source: AsyncIterator<Delta>;
  private reader: StepReader<Delta> | undefined = undefined;

  constructor(head: Delta[], source: AsyncIterator<Delta>) {
    this.head = head;
    this.source = source;
  }

  next(): Promise<IteratorResult<Delta, undefined>> {
    const value = this.head.shift();
    return value === undefined ? promisedStep(this) : Promise.resolve({ done: false, value });
  }

  [byCall](reader: StepReader<Delta>): void {
    if (this.head.length > 0) return tell(this.next(), reader);
    this.reader = reader;
    readStep(this.source, this);
  }

  async return(): Promise<IteratorResult<Delta, undefined>> {
    this.head.length = 0;
    await this.source.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  arrived(step: Step): void {
    this.reader?.arrived(step);
  }

  broke(error: unknown): void {
    const failure = modelFailure(error);
    this.reader?.broke(
      failure === error
        ? error
        : new StreamInterruptedError(undefined, { cause: failure, isRetryable: failure.isRetryable }),
    );
  }
}
