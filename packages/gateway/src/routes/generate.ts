import { GenerationFailedError, ModelError, type Runtime } from 'ripstop';
import { type Delta, safeGenerate, safeGenerateStream, type TextModel } from 'ripstop/models';
import type { Chute, CordCall } from 'ripstop/serving';
import { z } from 'zod';
import type { Chain, Chains } from '../chains/chains.js';
import { brokenOff } from './broken-off.js';
import { note, told } from './told.js';

const input = z.object({
  prompt: z.string().refine((text) => text.trim() !== '', 'This field must not be empty'),
  max_tokens: z.number().int().min(1).default(100),
  temperature: z.number().min(0).max(2).optional(),
  /** A name under `models`. Default: `default`. */
  model: z.string().min(1).max(128).optional(),
  stream: z.boolean().default(false),
});

type Call = CordCall<object, z.output<typeof input>>;

/** The guide's cord `POST /generate` (R103), whole or as a native stream. */
export function addGenerate(chute: Chute<object>, chains: Chains, runtime: Runtime): void {
  chute.cord('generate', { input }, async (call) => {
    const { prompt, max_tokens: maxTokens, temperature, model, stream } = call.input;
    const chain = chains.get(model);
    const options = { maxTokens, temperature, timeoutMs: chain.totalMs, context: call.context };
    const asked = asModel(chain, call);
    try {
      if (stream) return events(safeGenerateStream(asked, prompt, options, runtime));
      return await safeGenerate(asked, prompt, options, runtime);
    } catch (error) {
      throw unexpected(error);
    }
  });
}

/** The chain as one model, so that the guide's checks, limit and retry hold around it. */
function asModel(chain: Chain, { context, reply }: Call): TextModel {
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

async function* events(deltas: AsyncIterable<Delta>): AsyncGenerator<object> {
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
    success: true,
  };
}

/** R103. What nobody foresaw is not retryable, and its text is for our log alone (D4). */
function unexpected(error: unknown): unknown {
  if (ModelError.isInstance(error)) return error;
  return new GenerationFailedError('Unexpected error in text generation', { isRetryable: false, cause: error });
}
