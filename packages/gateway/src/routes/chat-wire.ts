/** OpenAI's chat shapes, for answers of models that do not speak them, and for those that do. */
import type { BilledAttempt, Delta, Generation, Usage } from 'ripstop/models';

export interface ChatFacts {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** The upstream that answers. */
  readonly model: string;
}

/** Who speaks in a stream, which may be another one in the middle of it, and whose tokens it has cost. */
export interface Speaker {
  readonly upstream: string;
  readonly billed: readonly BilledAttempt[];
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

/**
 * Makes the chunks of one stream: all with one id, whoever speaks, the first with the role; what it cost comes with the
 * usage at its end.
 */
export function chunkMaker(
  speaker: Speaker,
  facts: Pick<ChatFacts, 'id' | 'created'>,
  usage: 'with usage' | 'without usage',
): (delta: Delta) => Json[] {
  let { id, created } = facts;
  let begun = false;
  let finished = false;
  const own = (choices: Json[], more: Json = {}): Json => {
    return { id, object: 'chat.completion.chunk', created, model: speaker.upstream, choices, ...more };
  };

  return ({ raw, text = '', finishReason, usage: counted }) => {
    if (raw !== undefined) {
      if (!begun && typeof raw['id'] === 'string') id = raw['id'];
      if (!begun && typeof raw['created'] === 'number') created = raw['created'];
      begun = true;
      return passedOn(raw, speaker.upstream, usage);
    }
    const chunks: Json[] = [];
    if (!begun) chunks.push(own([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]));
    begun = true;
    if (text !== '') chunks.push(own([{ index: 0, delta: { content: text }, finish_reason: null }]));
    if (finishReason !== undefined) chunks.push(own([{ index: 0, delta: {}, finish_reason: finishReason }]));
    finished ||= finishReason !== undefined;
    if (finished && counted !== undefined && usage === 'with usage') {
      chunks.push(own([], { usage: usageOnTheWire(counted), ...billedSplit(speaker.billed) }));
    }
    return chunks;
  };
}

/** Whose tokens the usage of a resumed stream is the sum of. */
export function billedSplit(billed: readonly BilledAttempt[]): Json {
  if (billed.length === 0) return {};
  const attempts = billed.map(({ model, usage, counted }) => {
    return { model, ...usageOnTheWire(usage), ...(counted === 'estimated' ? { estimated: true } : {}) };
  });
  return { x_resilience: { attempts } };
}

/** Upstreams are always asked for usage; a caller who did not ask may not expect a chunk without choices. */
export function passedOn(raw: Readonly<Json>, model: string, usage: 'with usage' | 'without usage'): Json[] {
  const { choices } = raw;
  if (usage === 'without usage' && Array.isArray(choices) && choices.length === 0) return [];
  return [{ ...raw, model }];
}

export function usageOnTheWire({ inputTokens, outputTokens }: Usage): Json {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}
