/** OpenAI's shapes of text completions, for answers of models that do not speak them, and for those that do. */
import type { Delta, Generation } from 'ripstop/models';
import { type ChatFacts, passedOn, usageOnTheWire } from './chat-wire.js';

type Json = Record<string, unknown>;

/** The upstream's own answer under its name here, or one made of its text. */
export function textCompletion({ text, finishReason, usage, raw }: Generation, facts: ChatFacts): Json {
  if (raw !== undefined) return { ...raw, model: facts.model };
  return {
    ...facts,
    object: 'text_completion',
    choices: [{ index: 0, text, logprobs: null, finish_reason: finishReason ?? 'stop' }],
    ...(usage === undefined ? {} : { usage: usageOnTheWire(usage) }),
  };
}

/** Makes the chunks of one stream. */
export function completionChunks(facts: ChatFacts, usage: 'with usage' | 'without usage'): (delta: Delta) => Json[] {
  const own = (choices: Json[], more: Json = {}): Json => ({ ...facts, object: 'text_completion', choices, ...more });
  return ({ raw, text = '', finishReason, usage: counted }) => {
    if (raw !== undefined) return passedOn(raw, facts.model, usage);
    const chunks: Json[] = [];
    if (text !== '' || finishReason !== undefined)
      chunks.push(own([{ index: 0, text, logprobs: null, finish_reason: finishReason ?? null }]));
    if (counted !== undefined && usage === 'with usage') chunks.push(own([], { usage: usageOnTheWire(counted) }));
    return chunks;
  };
}
