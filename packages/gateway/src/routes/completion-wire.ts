/** OpenAI's shapes of text completions, for answers of models that do not speak them, and for those that do. */
import type { BilledAttempt, Delta, Generation } from 'ripstop/models';
import { billedSplit, type ChatFacts, passedOn, usageOnTheWire } from './chat-wire.js';

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

/**
 * Makes the chunks of one stream: all with one id, whoever speaks. `facts.model` is read for every chunk, since a stream
 * that is resumed changes models; `billed` once, with the usage at its end.
 */
export function completionChunks(
  facts: ChatFacts,
  usage: 'with usage' | 'without usage',
  billed: () => readonly BilledAttempt[] = () => [],
): (delta: Delta) => Json[] {
  let { id, created } = facts;
  const own = (choices: Json[], more: Json = {}): Json => {
    return { id, object: 'text_completion', created, model: facts.model, choices, ...more };
  };
  return ({ raw, text = '', finishReason, usage: counted }) => {
    if (raw !== undefined) {
      if (typeof raw['id'] === 'string') id = raw['id'];
      if (typeof raw['created'] === 'number') created = raw['created'];
      return passedOn(raw, facts.model, usage);
    }
    const chunks: Json[] = [];
    if (text !== '' || finishReason !== undefined)
      chunks.push(own([{ index: 0, text, logprobs: null, finish_reason: finishReason ?? null }]));
    if (counted !== undefined && usage === 'with usage') {
      chunks.push(own([], { usage: usageOnTheWire(counted), ...billedSplit(billed()) }));
    }
    return chunks;
  };
}
