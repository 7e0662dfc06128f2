/** What the misbehaving upstream says when it behaves: sixty words, so that one that is missing or said twice is seen. */
import { chatAnswer, chatChunk, type UpstreamAnswer, type UpstreamFrame, type UpstreamRequest } from 'ripstop/testing';

/** The answer to every question: 60 words. */
export const sixtyWords =
  'A circuit breaker watches the calls that go to a service and counts how many of them fail. When too many have ' +
  'failed it opens, and further calls are refused at once instead of waiting in vain. After a pause it lets one call ' +
  'through; if that call succeeds the circuit closes, and all traffic flows as it did before.';

/** Sixty other words would do as well; these share their first three with the answer. */
export const otherWords = 'A circuit breaker is a switch in a cellar that ends the evening.';

/** What a fault knows of the request that it spoils. */
export interface ChaosCall {
  readonly path: string;
  readonly model: string;
  readonly stream: boolean;
  /** The beginning of an answer that the caller wants continued, from its last message; empty where there is none. */
  readonly prefill: string;
  /** What it was called with. */
  readonly authorization: string;
  readonly at: Date;
}

export function callOf({ path, headers, body }: UpstreamRequest, at: Date): ChaosCall {
  const { model, stream, messages } = isObject(body) ? body : {};
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  const prefill = isObject(last) && last['role'] === 'assistant' ? last['content'] : undefined;
  return {
    path,
    model: typeof model === 'string' ? model : 'chaos',
    stream: stream === true,
    prefill: typeof prefill === 'string' ? prefill : '',
    authorization: headers.authorization ?? '',
    at,
  };
}

/** The words still to be said, each with the space before it. A prefill that this is no answer to is said again whole. */
export function wordsOf({ prefill }: ChaosCall, text = sixtyWords): string[] {
  const rest = text.startsWith(prefill) ? text.slice(prefill.length) : text;
  return rest.match(/ ?[^ ]+/g) ?? [];
}

const json = { 'content-type': 'application/json' };

/** A stream that begins with its role, says `words`, and goes on with `rest`. */
export function streamOf(
  { model }: ChaosCall,
  words: readonly UpstreamFrame[],
  rest: readonly UpstreamFrame[] = finish(words.length, model),
): UpstreamFrame[] {
  const frames = words.map((word) => (typeof word === 'string' ? { ...chatChunk({ content: word }), model } : word));
  return [{ ...chatChunk({ role: 'assistant', content: '' }), model }, ...frames, ...rest];
}

/** The end of a good stream: the finish reason, the usage, `[DONE]`. */
export function finish(words: number, model: string, reason = 'stop'): UpstreamFrame[] {
  const usage = { prompt_tokens: 5, completion_tokens: words, total_tokens: 5 + words };
  return [{ ...chatChunk({}, reason), model }, { ...chatChunk({}), model, choices: [], usage }, 'data: [DONE]\n\n'];
}

/** A good answer to any of OpenAI's endpoints. */
export function goodAnswer(call: ChaosCall, text?: string): UpstreamAnswer {
  const words = wordsOf(call, text);
  const { path, model, stream } = call;
  if (path.endsWith('/models'))
    return { kind: 'json', body: { object: 'list', data: [{ id: model, object: 'model' }] } };
  if (path.endsWith('/embeddings')) {
    const data = [{ object: 'embedding', index: 0, embedding: [0.6, 0.8] }];
    return { kind: 'json', body: { object: 'list', model, data, usage: { prompt_tokens: 5, total_tokens: 5 } } };
  }
  if (path.endsWith('/images/generations'))
    return { kind: 'json', body: { created: 1, data: [{ b64_json: onePixel }] } };
  if (stream) return { kind: 'sse', frames: streamOf(call, words) };
  return { kind: 'json', body: chatAnswer(words.join(''), { model }) };
}

/** A good JSON answer of which only a part arrives; for requests that want no stream. */
export function partOfAnswer(call: ChaosCall, end: 'cut' | 'reset' | 'hang' | 'close'): UpstreamAnswer {
  const text = JSON.stringify(chatAnswer(wordsOf(call).join(''), { model: call.model }));
  return { kind: 'sse', headers: json, frames: [text.slice(0, text.length / 2)], end };
}

/** The smallest PNG: one pixel. */
const onePixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
