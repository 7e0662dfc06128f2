/** What the guide's cords have in common: their input, the chain as a model, the native stream. */
import { GenerationFailedError, ModelError } from 'ripstop';
import type { Delta, TextModel } from 'ripstop/models';
import type { CordCall } from 'ripstop/serving';
import { z } from 'zod';
import type { Chain } from '../chains/chains.js';
import { brokenOff } from './broken-off.js';
import { note, told } from './told.js';

export const textInput = z.object({
  prompt: z.string().refine((text) => text.trim() !== '', 'This field must not be empty'),
  max_tokens: z.number().int().min(1).default(100),
  temperature: z.number().min(0).max(2).optional(),
  /** A name under `models`. Default: `default`. */
  model: z.string().min(1).max(128).optional(),
  stream: z.boolean().default(false),
});

export type TextCall = CordCall<object, z.output<typeof textInput>>;

/** The chain as one model, so that the guide's checks, limit and retry hold around it. */
export function asModel(chain: Chain, { context, reply }: Pick<TextCall, 'context' | 'reply'>): TextModel {
  const served = told(reply);
  return {
    contextLength: chain.contextLength,
    ...(chain.countTokens === undefined ? {} : { countTokens: chain.countTokens }),
    generate: (prompt, options) => chain.generate(prompt, { ...options, context, served }),
    async *stream(prompt, options) {
      const answer = await chain.stream(prompt, { ...options, context, served });
      try {
        yield* answer.deltas;
      } finally {
        note(reply, answer.serving);
      }
    },
  };
}

/** A native stream: its words, then that it is done, what it cost, and what `more` says of it by then. */
export async function* nativeEvents(
  deltas: AsyncIterable<Delta>,
  more: () => object = () => ({}),
): AsyncGenerator<object> {
  let usage: Delta['usage'];
  let pieces = 0;
  try {
    for await (const delta of deltas) {
      usage = delta.usage ?? usage;
      if (delta.text === undefined || delta.text === '') continue;
      pieces += 1;
      yield { delta: delta.text };
    }
  } catch (error) {
    throw brokenOff(error, pieces);
  }
  yield {
    done: true,
    ...(usage === undefined ? {} : { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens }),
    ...more(),
    success: true,
  };
}

/** R103. What nobody foresaw is not retryable, and its text is for our log alone (D4). */
export function unexpected(error: unknown): unknown {
  if (ModelError.isInstance(error)) return error;
  return new GenerationFailedError('Unexpected error in text generation', { isRetryable: false, cause: error });
}
