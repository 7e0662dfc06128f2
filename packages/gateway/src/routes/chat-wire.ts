/** OpenAI's chat shapes, for answers of models that do not speak them, and for those that do. */
import type { Delta, Generation, Usage } from 'ripstop/models';

export interface ChatFacts {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** The upstream that answers. */
  readonly model: string;
}

type Json = Record<string, unknown>;

/** The upstream's own answer under its name here, or one made of its text. */
export function completion({ text, finishReason, usage, raw }: Generation, facts: ChatFacts): Json {
  if (raw !== undefined) return { ...raw, model: facts.model };
  return {
    ...facts,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: finishReason ?? 'stop' }],
    ...(usage === undefined ? {} : { usage: usageOnTheWire(usage) }),
  };
}

/** Makes the chunks of one stream: all with one id, the first with the role. */
export function chunkMaker(facts: ChatFacts, usage: 'with usage' | 'without usage'): (delta: Delta) => Json[] {
  let begun = false;
  const own = (choices: Json[], more: Json = {}): Json => ({
    ...facts,
    object: 'chat.completion.chunk',
    choices,
    ...more,
  });

  return (delta) => {
    if (delta.raw !== undefined) return passedOn(delta.raw, facts.model, usage);
    const chunks: Json[] = [];
    if (!begun) {
      begun = true;
      chunks.push(own([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]));
    }
    if (delta.text !== undefined && delta.text !== '') {
      chunks.push(own([{ index: 0, delta: { content: delta.text }, finish_reason: null }]));
    }
    if (delta.finishReason !== undefined) {
      chunks.push(own([{ index: 0, delta: {}, finish_reason: delta.finishReason }]));
      if (delta.usage !== undefined && usage === 'with usage') {
        chunks.push(own([], { usage: usageOnTheWire(delta.usage) }));
      }
    }
    return chunks;
  };
}

/** Upstreams are always asked for usage; a caller who did not ask may not expect a chunk without choices. */
function passedOn(raw: Readonly<Json>, model: string, usage: 'with usage' | 'without usage'): Json[] {
  const { choices } = raw;
  if (usage === 'without usage' && Array.isArray(choices) && choices.length === 0) return [];
  return [{ ...raw, model }];
}

function usageOnTheWire({ inputTokens, outputTokens }: Usage): Json {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}
