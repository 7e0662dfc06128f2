/** OpenAI's shapes of text completions, for answers of models that do not speak them, and for those that do. */
import type { Delta, Generation } from 'ripstop/models';
import { billedSplit, type ChatFacts, passedOn, type Speaker, usageOnTheWire } from './chat-wire.js';

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

/** Makes the chunks of one stream: all with one id, whoever speaks; what it cost comes with the usage at its end. */
export function completionChunks(
  speaker: Speaker,
  facts: Pick<ChatFacts, 'id' | 'created'>,
  usage: 'with usage' | 'without usage',
): (delta: Delta) => Json[] {
  let { id, created } = facts;
  const own = (choices: Json[], more: Json = {}): Json => {
    return { id, object: 'text_completion', created, model: speaker.upstream, choices, ...more };
  };
  return ({ raw, text = '', finishReason, usage: counted }) => {
    if (raw !== undefined) {
      if (typeof raw['id'] === 'string') id = raw['id'];
      if (typeof raw['created'] === 'number') created = raw['created'];
      return passedOn(raw, speaker.upstream, usage);
    }
    const chunks: Json[] = [];
    if (text !== '' || finishReason !== undefined)
      chunks.push(own([{ index: 0, text, logprobs: null, finish_reason: finishReason ?? null }]));
    if (counted !== undefined && usage === 'with usage') {
      chunks.push(own([], { usage: usageOnTheWire(counted), ...billedSplit(speaker.billed) }));
    }
    return chunks;
  };
}
