/** Which requests can be resumed, and how a model is asked for the rest of an answer. */
import type { ChatRequest } from './text-model.js';

/** Makes, of a request and the text that has been sent of its answer, the request for the rest. */
export type Prefill = (request: ChatRequest, sent: string) => ChatRequest;

/**
 * Asks for the rest as most services have it: the text so far is the last message, the assistant's own. Services that
 * want a field besides (`prefix`, `continue_final_message`) need a function of their own.
 */
export const assistantPrefill: Prefill = (request, sent) => {
  return { ...request, messages: [...request.messages, { role: 'assistant', content: sent }] };
};

export function asChatRequest(input: string | ChatRequest): ChatRequest {
  return typeof input === 'string' ? { messages: [{ role: 'user', content: input }] } : input;
}

/** Asked for with anything else, an answer is more than its text, and cannot be put together from two. */
const neverPlain: readonly string[] = [
  'functions',
  'function_call',
  'audio',
  'web_search_options',
  // Of text completions: an answer that repeats the prompt, one that fits before a text, and the best of several.
  'echo',
  'suffix',
  'best_of',
];

/** Does the request ask for one text, and nothing besides? Only such an answer is resumed (GW7). */
export function asksForPlainText(input: string | ChatRequest): boolean {
  if (typeof input === 'string') return true;
  const { tools, response_format: format, logprobs, top_logprobs: top, n, modalities, prompt } = input;
  if (prompt !== undefined && typeof prompt !== 'string') return false;
  if (neverPlain.some((field) => isSet(input[field]))) return false;
  if (isSet(tools) && !(Array.isArray(tools) && tools.length === 0)) return false;
  if (isSet(format) && (format as { type?: unknown }).type !== 'text') return false;
  if (isSet(logprobs) || (isSet(top) && top !== 0) || (isSet(n) && n !== 1)) return false;
  return !isSet(modalities) || (Array.isArray(modalities) && modalities.every((kind) => kind === 'text'));
}

/** How many tokens the answer may have, where a limit was asked for. */
export function tokensAsked(input: string | ChatRequest, maxTokens: number | undefined): number | undefined {
  const request: Readonly<Record<string, unknown>> = typeof input === 'string' ? {} : input;
  const limit = maxTokens ?? request['max_completion_tokens'] ?? request['max_tokens'];
  return typeof limit === 'number' ? limit : undefined;
}

/**
 * How many tokens may still come, where a limit was asked for. Each piece that was sent held a token at least, so the
 * answer ends no sooner than its limit says.
 */
export function tokensLeft(
  input: string | ChatRequest,
  maxTokens: number | undefined,
  piecesSent: number,
): number | undefined {
  const limit = tokensAsked(input, maxTokens);
  return limit === undefined ? undefined : Math.max(1, limit - piecesSent);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}
