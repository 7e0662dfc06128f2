import { type Runtime, systemRuntime } from '../call/runtime.js';
import { InvalidInputError } from '../errors/input-errors.js';
import { type OpenaiDialect, type OpenaiModelOptions, openaiTextModel } from './openai-client.js';
import { choicesAsked, type Json } from './openai-wire.js';
import type { ChatRequest, Delta, GenerateOptions, Generation, TextModel } from './text-model.js';

/** A request of OpenAI's older kind, for models that go on writing. Other fields travel untouched. */
export interface CompletionRequest {
  /** A text, tokens, or several of either. */
  readonly prompt: unknown;
  readonly [field: string]: unknown;
}

/** A model that goes on where a text ends. It cannot chat: messages are refused. */
export interface CompletionModel extends TextModel {
  generate(input: string | CompletionRequest | ChatRequest, options?: GenerateOptions): Promise<Generation>;
  stream(
    input: string | CompletionRequest | ChatRequest,
    options?: GenerateOptions,
  ): AsyncIterableIterator<Delta, void, undefined>;
}

/**
 * A model behind `POST {url}/completions`, as a whole or as a stream. In all else as `openaiModel()`.
 *
 * @throws RangeError for a bad option. A call without a prompt fails with an InvalidInputError.
 */
export function openaiCompletions(options: OpenaiModelOptions, runtime: Runtime = systemRuntime): CompletionModel {
  return openaiTextModel(options, completions, runtime);
}

const completions: OpenaiDialect = {
  path: '/completions',
  request: completionRequest,
  choices: (input) => choicesAsked(input) * promptsIn(completionRequest(input)['prompt']),
};

function completionRequest(input: string | ChatRequest): Json {
  if (typeof input === 'string') return { prompt: input };
  if (input['prompt'] === undefined) throw new InvalidInputError('A completion needs a prompt');
  return input;
}

/** A list of numbers is one prompt, in tokens. */
function promptsIn(prompt: unknown): number {
  return Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(prompt.length, 1) : 1;
}
