import { badOption } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { isJson, type Json, parseJson } from './openai-wire.js';
import type { Usage } from './text-model.js';
import { endpoint, type EndpointOptions } from './upstream-endpoint.js';
import { textOfBody } from './upstream-request.js';

/** Options of `openaiEmbeddings()`. */
export interface OpenaiEmbeddingsOptions extends EndpointOptions {
  /** What the upstream calls the model. */
  readonly model: string;
}

/** An OpenAI-shaped request. Fields that Ripstop has no opinion on travel to the model untouched. */
export interface EmbeddingRequest {
  /** A text, tokens, or several of either. */
  readonly input: unknown;
  readonly [field: string]: unknown;
}

/** The answer: one vector for each input, in its order. */
export interface Embeddings {
  /** Numbers, or base64 where the request asked for that. */
  readonly vectors: readonly (readonly number[] | string)[];
  readonly usage?: Usage | undefined;
  /** The upstream's own answer, parsed. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** What belongs to one call beside its input. */
export interface EmbedOptions {
  /** Ends the request at once. */
  readonly signal?: AbortSignal | undefined;
  /** Sent to the upstream, so that its logs and ours can be joined. */
  readonly correlationId?: string | undefined;
}

/** A model that turns texts into vectors. */
export interface EmbeddingModel {
  embed(input: string | readonly string[] | EmbeddingRequest, options?: EmbedOptions): Promise<Embeddings>;
}

/**
 * A model behind `POST {url}/embeddings`. One request a call; every failure is the ModelError that it means, and an
 * answer with fewer vectors than inputs is none.
 *
 * @throws RangeError for a bad option.
 */
export function openaiEmbeddings(options: OpenaiEmbeddingsOptions, runtime: Runtime = systemRuntime): EmbeddingModel {
  const { model } = options;
  if (typeof model !== 'string' || model === '') throw badOption('model', 'must be a name', model);
  const post = endpoint(options, '/embeddings', runtime);
  return {
    async embed(input, callOptions = {}) {
      const request = typeof input === 'string' || isList(input) ? { input } : input;
      const answer = await post({ ...request, model }, { ...callOptions, accept: 'application/json' });
      const raw = parseJson(textOfBody(answer.bytes));
      const vectors = raw === undefined ? [] : vectorsIn(raw);
      if (raw === undefined || vectors.length !== inputsIn(request.input)) throw answer.meaning();
      return { vectors, usage: usageIn(raw), raw };
    },
  };
}

function isList(input: readonly string[] | EmbeddingRequest): input is readonly string[] {
  return Array.isArray(input);
}

/** A list of numbers is one input, in tokens. */
function inputsIn(input: unknown): number {
  return Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1;
}

/** In the order of the inputs, whatever the order of the answer. */
function vectorsIn({ data }: Json): Embeddings['vectors'] {
  if (!Array.isArray(data)) return [];
  const entries = (data as readonly unknown[]).filter(isJson).filter(({ embedding }) => isVector(embedding));
  const placed = entries.map((entry, place) => ({ place: placeOf(entry, place), vector: entry['embedding'] }));
  return placed.toSorted((a, b) => a.place - b.place).map(({ vector }) => vector as readonly number[] | string);
}

function placeOf({ index }: Json, place: number): number {
  return typeof index === 'number' ? index : place;
}

function isVector(value: unknown): boolean {
  return (Array.isArray(value) && typeof value[0] === 'number') || (typeof value === 'string' && value !== '');
}

function usageIn({ usage }: Json): Usage | undefined {
  const inputTokens = isJson(usage) ? usage['prompt_tokens'] : undefined;
  return typeof inputTokens === 'number' ? { inputTokens, outputTokens: 0 } : undefined;
}
