import type { Engine } from './engine.js';
import type { Finished, GenerationRequest, TooLong } from './protocol.js';
import { stopFilter } from './stop-strings.js';

/** Tokens of an answer where the caller does not say. */
const defaultMaxTokens = 256;

export interface GenerateHooks {
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
}

/** One answer, from the count of its prompt to its last piece of text. */
export async function generate(
  engine: Engine,
  request: GenerationRequest,
  { signal, onText }: GenerateHooks,
): Promise<Finished | (TooLong & { readonly finishReason: 'too_long' })> {
  const prompt = engine.encode(request.turns);
  const { contextLength } = engine;
  const inputTokens = prompt.length;
  const left = contextLength - inputTokens;
  const maxTokens = request.maxTokens ?? Math.max(1, Math.min(defaultMaxTokens, left));
  if (maxTokens > left) return { finishReason: 'too_long', inputTokens, maxTokens, contextLength };

  const decoder = engine.decoder();
  const stops = stopFilter(request.stop);
  let outputTokens = 0;
  let finishReason: Finished['finishReason'] = 'stop';
  let stopped = false;

  function show(piece: string): void {
    if (stopped) return;
    const { text, stopped: met } = stops.push(piece);
    stopped = met;
    if (text !== '') onText(text);
  }

  for await (const token of engine.generate(prompt, { sampling: request, signal })) {
    outputTokens += 1;
    show(decoder.push(token));
    if (stopped) break;
    if (outputTokens === maxTokens) {
      finishReason = 'length';
      break;
    }
  }
  if (signal.aborted) return { finishReason: 'cancelled', inputTokens, outputTokens };
  show(decoder.end());
  const rest = stopped ? '' : stops.end();
  if (rest !== '') onText(rest);
  return { finishReason: stopped ? 'stop' : finishReason, inputTokens, outputTokens };
}
