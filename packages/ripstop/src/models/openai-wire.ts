/** OpenAI's completions on the wire, of chats and, with `text` for a message, of prompts: our options to their fields, their answers to our generations and deltas. */
import type { ChatRequest, Delta, GenerateOptions, Generation, Usage } from './text-model.js';

export type Json = Readonly<Record<string, unknown>>;

/**
 * The body of a request. What the caller sent travels untouched, but for the model's name, the way of answering, and
 * the fields for which there are options.
 */
export function requestBody(
  model: string,
  request: Json,
  options: GenerateOptions,
  answer: 'whole' | 'stream',
): string {
  const { stream: _stream, stream_options: streamOptions, ...fields } = request;
  // Newer models refuse `max_tokens`; whoever sent the newer field gets the option there.
  const limit = 'max_completion_tokens' in fields ? 'max_completion_tokens' : 'max_tokens';
  return JSON.stringify({
    ...fields,
    ...defined({
      [limit]: options.maxTokens,
      temperature: options.temperature,
      top_p: options.topP,
      seed: options.seed,
      stop: options.stop,
    }),
    model,
    ...(answer === 'whole'
      ? {}
      : { stream: true, stream_options: { ...(isJson(streamOptions) ? streamOptions : {}), include_usage: true } }),
  });
}

/** A text is what a user says. */
export function chatRequest(input: string | ChatRequest): Json {
  return typeof input === 'string' ? { messages: [{ role: 'user', content: input }] } : input;
}

/** How many answers the request asks for; each finishes by itself. */
export function choicesAsked(input: string | ChatRequest): number {
  const n = typeof input === 'string' ? 1 : input['n'];
  return typeof n === 'number' && Number.isInteger(n) && n > 1 ? n : 1;
}

/** The generation in a whole answer; undefined where the body is none, or says nothing. */
export function readCompletion(body: string): Generation | undefined {
  const raw = parseJson(body);
  if (raw === undefined || isPresent(raw['error'])) return undefined;
  const choice = firstChoice(raw);
  if (choice === undefined || isPresent(choice['error']) || choice['finish_reason'] === 'error') return undefined;
  const { text = '', reasoning, toolCalls } = said(choice['message'] ?? { content: choice['text'] });
  if (text === '' && reasoning === undefined && toolCalls === undefined) return undefined;
  return { text, finishReason: textOf(choice['finish_reason']), usage: usageOf(raw), raw };
}

/** A whole answer where a stream was asked for, as the one chunk that says the same. */
export function asChunk(completion: Json): Json {
  const choices = Array.isArray(completion['choices']) ? (completion['choices'] as readonly unknown[]) : [];
  return {
    ...completion,
    ...(completion['object'] === 'text_completion' ? {} : { object: 'chat.completion.chunk' }),
    choices: choices.filter(isJson).map(({ message, finish_reason: reason, ...choice }) => {
      const said = message === undefined ? {} : { delta: message };
      return { ...choice, ...said, finish_reason: reason ?? 'stop' };
    }),
  };
}

/** What a chunk says, finish reasons apart. */
export function readChunk(raw: Json): Delta {
  const choice = firstChoice(raw);
  return { ...said(choice?.['delta'] ?? { content: choice?.['text'] }), usage: usageOf(raw), raw };
}

/** The finish reasons in a chunk, by the index of their choice. */
export function finishReasons(raw: Json): ReadonlyMap<number, string> {
  const reasons = new Map<number, string>();
  for (const [place, choice] of choicesOf(raw).entries()) {
    const reason = textOf(choice['finish_reason']);
    if (reason !== undefined) reasons.set(typeof choice['index'] === 'number' ? choice['index'] : place, reason);
  }
  return reasons;
}

/** Is the frame an error, in any of the shapes that services send? */
export function isErrorFrame(event: string | undefined, frame: Json): boolean {
  if (event === 'error' || isPresent(frame['error'])) return true;
  if (frame['type'] === 'error' || frame['type'] === 'response.failed' || frame['object'] === 'error') return true;
  const choices = choicesOf(frame);
  if (choices.some((choice) => isPresent(choice['error']) || choice['finish_reason'] === 'error')) return true;
  return !('choices' in frame) && (typeof frame['detail'] === 'string' || typeof frame['message'] === 'string');
}

export function parseJson(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Said {
  readonly text?: string;
  readonly reasoning?: string;
  readonly toolCalls?: unknown;
}

/** A refusal is what the model says when it will not say more; it stands where the text would. */
function said(message: unknown): Said {
  if (!isJson(message)) return {};
  const text = contentOf(message['content']) ?? textOf(message['refusal']);
  const reasoning = textOf(message['reasoning_content']) ?? textOf(message['reasoning']);
  const { tool_calls: calls, function_call: call } = message;
  const toolCalls = Array.isArray(calls) && calls.length > 0 ? calls : isJson(call) ? call : undefined;
  return {
    ...(text === undefined ? {} : { text }),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(toolCalls === undefined ? {} : { toolCalls }),
  };
}

/** Mostly a text; some services send parts. */
function contentOf(content: unknown): string | undefined {
  if (!Array.isArray(content)) return textOf(content);
  return textOf(content.map((part) => (isJson(part) ? (textOf(part['text']) ?? '') : '')).join(''));
}

function usageOf(raw: Json): Usage | undefined {
  const { usage } = raw;
  if (!isJson(usage)) return undefined;
  const { prompt_tokens: input, completion_tokens: output } = usage;
  return typeof input === 'number'
    ? { inputTokens: input, outputTokens: typeof output === 'number' ? output : 0 }
    : undefined;
}

function choicesOf(raw: Json): readonly Json[] {
  return Array.isArray(raw['choices']) ? (raw['choices'] as readonly unknown[]).filter(isJson) : [];
}

/** Our own fields speak of one choice, the first where there are several; all of them are in `raw`. */
function firstChoice(raw: Json): Json | undefined {
  const choices = choicesOf(raw);
  return choices.find((choice) => choice['index'] === 0) ?? choices[0];
}

/** A text that says something. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}

function defined(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
