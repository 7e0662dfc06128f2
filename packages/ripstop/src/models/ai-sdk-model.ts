/** The AI SDK's language models as ours, whose parts and results pass through untouched. */
import type { LanguageModelMiddleware } from 'ai';
import type { CallContext } from '../call/call.js';
import { createContext } from '../call/root-scope.js';
import type { Runtime } from '../call/runtime.js';
import { ModelError } from '../errors/model-error.js';
import { GenerationFailedError, InvalidResponseError, StreamInterruptedError } from '../errors/upstream-errors.js';
import { classify } from './classify/classify.js';
import { type ContentLimits, within } from './content-limits.js';
import { ModelStream } from './model-stream.js';
import { modelFailure } from './model-failure.js';
import { readEnvelope } from './own-envelope.js';
import type { ChatRequest, Delta, TextModel } from './text-model.js';

type Wrap = NonNullable<LanguageModelMiddleware['wrapStream']>;
/** A language model of the AI SDK, as its middleware sees it. */
export type AiModel = Parameters<Wrap>[0]['model'];
type Params = Parameters<Wrap>[0]['params'];
export type AiStream = Awaited<ReturnType<Wrap>>;
export type AiGeneration = Awaited<ReturnType<NonNullable<LanguageModelMiddleware['wrapGenerate']>>>;
type Part = AiStream['stream'] extends ReadableStream<infer P> ? P : never;

/** All in milliseconds. */
export interface AiTimeouts extends ContentLimits {
  readonly totalMs: number;
  readonly generateMs: number;
}

/** What a delta carries: parts, and with the first of them what came with the stream. */
export interface Batch {
  readonly result?: AiStream;
  readonly parts: readonly Part[];
}

/** The parameters of a call, on their way through a chain of models. */
export function asInput(params: Params): ChatRequest {
  return { messages: [], params };
}

function paramsOf(input: string | ChatRequest): Params {
  return (input as { readonly params: Params } & ChatRequest).params;
}

/** The model, with a limit on each attempt. Its deltas begin with its first content. */
export function aiTextModel(model: AiModel, timeouts: AiTimeouts, runtime: Runtime): TextModel {
  return {
    async generate(input, { signal } = {}) {
      const call = createContext({ signal }, runtime);
      try {
        const asked = Promise.resolve(model.doGenerate({ ...paramsOf(input), abortSignal: call.signal }));
        const result = await within({ phase: 'headers', ms: timeouts.generateMs }, asked, call);
        if (result.content.length === 0 && result.finishReason.unified === 'error') throw new GenerationFailedError();
        return { text: '', raw: { ...result } };
      } catch (error) {
        throw failure(error, call);
      } finally {
        call.release();
      }
    },
    stream(input, { signal } = {}) {
      const call = createContext({ signal }, runtime);
      const open = async () => deltas(model, { ...paramsOf(input), abortSignal: call.signal });
      return new ModelStream({ open, limits: timeouts, failure }, call);
    },
  };
}

/** What comes before the first content comes with it. */
async function* deltas(model: AiModel, params: Params): AsyncGenerator<Delta, void, undefined> {
  const result = await model.doStream(params);
  const reader = result.stream.getReader();
  const head: Part[] = [];
  let begun = false;
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      const part = step.value;
      if (part.type === 'error') throw meaning(part.error);
      const delta = deltaOf(part);
      if (begun) {
        yield { ...delta, raw: { parts: [part] } };
      } else {
        head.push(part);
        if (Object.keys(delta).length === 0) continue;
        if (delta.finishReason === 'error') throw new GenerationFailedError();
        begun = true;
        yield { ...delta, raw: { result, parts: head } };
      }
      if (part.type === 'finish') return;
    }
    throw begun
      ? new StreamInterruptedError()
      : new InvalidResponseError('The model ended its answer before it had said anything');
  } catch (error) {
    throw begun ? interrupted(meaning(error)) : error;
  } finally {
    // A stream that broke refuses to be cancelled, and its reader knows already.
    reader.cancel().catch(() => undefined);
  }
}

/** Parts that say nothing. All others are content that is no text: tools, files, sources, what later versions may add. */
const silent: ReadonlySet<Part['type']> = new Set([
  'stream-start',
  'response-metadata',
  'raw',
  'text-start',
  'text-end',
  'reasoning-start',
  'reasoning-end',
] as const);

/** As much of a part as decides whether a stream has begun, and whether it is over. */
function deltaOf(part: Part): Delta {
  if (part.type === 'text-delta') return part.delta === '' ? {} : { text: part.delta };
  if (part.type === 'reasoning-delta') return part.delta === '' ? {} : { reasoning: part.delta };
  if (part.type === 'finish') return { finishReason: part.finishReason.unified };
  return silent.has(part.type) ? {} : { toolCalls: part.type };
}

/** Providers pass the error of an event on as it was sent. */
function meaning(error: unknown): ModelError {
  if (error instanceof Error) return modelFailure(error);
  return readEnvelope({ error }) ?? classify({ body: JSON.stringify({ error }) });
}

/** Whatever an aborted call throws, its end was the abort. */
function failure(error: unknown, call: CallContext): unknown {
  return call.aborted ? call.reason : modelFailure(error);
}

function interrupted(cause: ModelError): ModelError {
  if (StreamInterruptedError.isInstance(cause)) return cause;
  return new StreamInterruptedError(undefined, { cause, isRetryable: cause.isRetryable });
}

const unknownUsage = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};

/** The parts as the AI SDK reads them. What breaks them off is an error part, and a finish that says so. */
export function partStream(
  first: readonly Part[],
  batches: AsyncIterator<Delta>,
  caller: AbortSignal | undefined,
): ReadableStream<Part> {
  const ready = [...first];
  return new ReadableStream<Part>(
    {
      async pull(controller) {
        try {
          while (ready.length === 0) {
            const step = await batches.next();
            if (step.done) return controller.close();
            ready.push(...(step.value.raw as unknown as Batch).parts);
          }
          const part = ready.shift();
          if (part !== undefined) controller.enqueue(part);
        } catch (error) {
          if (caller?.aborted) return controller.error(error);
          controller.enqueue({ type: 'error', error: ModelError.isInstance(error) ? error : modelFailure(error) });
          controller.enqueue({
            type: 'finish',
            finishReason: { unified: 'error', raw: undefined },
            usage: unknownUsage,
          });
          controller.close();
        }
      },
      async cancel() {
        await batches.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
