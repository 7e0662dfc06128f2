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
  // What the caller sent comes last: other members after a spread would cost a hidden class each time (V8 11).
  const body: Record<string, unknown> = { model: undefined, stream: undefined, stream_options: undefined, ...request };
  // Newer models refuse `max_tokens`; whoever sent the newer field gets the option there.
  const limit = 'max_completion_tokens' in request ? 'max_completion_tokens' : 'max_tokens';
  const { maxTokens, temperature, topP, seed, stop } = options;
  if (maxTokens !== undefined) body[limit] = maxTokens;
  if (temperature !== undefined) body['temperature'] = temperature;
  if (topP !== undefined) body['top_p'] = topP;
  if (seed !== undefined) body['seed'] = seed;
  if (stop !== undefined) body['stop'] = stop;
  body['model'] = model;
  const { stream_options: streamOptions } = request;
  body['stream'] = answer === 'whole' ? undefined : true;
  body['stream_options'] =
    answer === 'whole' ? undefined : { ...(isJson(streamOptions) ? streamOptions : {}), include_usage: true };
  return JSON.stringify(body);
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
  const { text, reasoning, toolCalls } = said(choice?.['delta'] ?? { content: choice?.['text'] });
  return { text, reasoning, toolCalls, finishReason: undefined, usage: usageOf(raw), raw };
}

const none: ReadonlyMap<number, string> = new Map();

/** The finish reasons in a chunk, by the index of their choice. */
export function finishReasons(raw: Json): ReadonlyMap<number, string> {
  let reasons: Map<number, string> | undefined;
  const choices = choicesOf(raw);
  for (let place = 0; place < choices.length; place += 1) {
    const { finish_reason: told, index } = choices[place] as Json;
    const reason = textOf(told);
    if (reason !== undefined) (reasons ??= new Map()).set(typeof index === 'number' ? index : place, reason);
  }
  return reasons ?? none;
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

type Said = Pick<Delta, 'text' | 'reasoning' | 'toolCalls'>;

const nothing: Said = { text: undefined, reasoning: undefined, toolCalls: undefined };

/** A refusal is what the model says when it will not say more; it stands where the text would. */
function said(message: unknown): Said {
  if (!isJson(message)) return nothing;
  const text = contentOf(message['content']) ?? textOf(message['refusal']);
  const reasoning = textOf(message['reasoning_content']) ?? textOf(message['reasoning']);
  const { tool_calls: calls, function_call: call } = message;
  const toolCalls = Array.isArray(calls) && calls.length > 0 ? calls : isJson(call) ? call : undefined;
  return { text, reasoning, toolCalls };
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
  const { choices } = raw;
  if (!Array.isArray(choices)) return [];
  return choices.every(isJson) ? choices : choices.filter(isJson);
}

/** Our own fields speak of one choice, the first where there are several; all of them are in `raw`. */
function firstChoice(raw: Json): Json | undefined {
  const choices = choicesOf(raw);
  const [first] = choices;
  return first?.['index'] === 0 ? first : (choices.find((choice) => choice['index'] === 0) ?? first);
}

/** A text that says something. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}
