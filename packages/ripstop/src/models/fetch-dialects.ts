/** What the events of a streamed answer say of its beginning and its end, in the dialects that model services speak. */
import type { ServerSentEvent } from './event-stream.js';
import { isContent } from './content-limits.js';
import { finishReasons, isErrorFrame, type Json, parseJson, readChunk } from './openai-wire.js';

/** `foreign` is an event of nobody we know, of which nothing can be said. */
export type EventMeaning = 'prelude' | 'content' | 'end' | 'failure' | 'foreign';

/** Types of events after which nothing more comes: Anthropic's messages; OpenAI's responses, images and audio. */
const lastTypes =
  /^(?:message_stop|response\.(?:completed|incomplete)|image_(?:generation|edit)\.completed|(?:speech\.audio|transcript\.text)\.done)$/;
/** Types of events that say nothing yet. */
const emptyTypes =
  /^(?:ping|message_start|response\.(?:created|queued|in_progress|output_item\.added|content_part\.added))$/;
const knownTypes = /^(?:message_|content_block_|response\.|image_|speech\.|transcript\.)/;

/** What one event says. */
export function eventMeaning({ event, data }: ServerSentEvent): EventMeaning {
  if (data.startsWith('[DONE]')) return 'end';
  const frame = parseJson(data);
  if (frame === undefined) return 'foreign';
  if (isFailure(event, frame)) return 'failure';
  if (Array.isArray(frame['choices'])) return chunkMeaning(frame);
  if (Array.isArray(frame['candidates'])) return candidateMeaning(frame['candidates']);
  return typeMeaning(frame['type']);
}

/** A bare `message` is an error in a stream of chat completions; elsewhere it may be anything. */
function isFailure(event: string | undefined, { message, ...frame }: Json): boolean {
  return isErrorFrame(event, typeof message === 'string' ? frame : { message, ...frame });
}

function chunkMeaning(chunk: Json): EventMeaning {
  if (finishReasons(chunk).size > 0) return 'end';
  return isContent(readChunk(chunk)) || hasCompletionText(chunk) ? 'content' : 'prelude';
}

/** Completions that are no chats have their text beside the index. */
function hasCompletionText({ choices }: Json): boolean {
  return (choices as readonly unknown[]).some((choice) => {
    const { text } = Object(choice) as { text?: unknown };
    return typeof text === 'string' && text !== '';
  });
}

/** Gemini's. */
function candidateMeaning(candidates: readonly unknown[]): EventMeaning {
  return candidates.some((one) => Boolean((Object(one) as { finishReason?: unknown }).finishReason))
    ? 'end'
    : 'content';
}

function typeMeaning(type: unknown): EventMeaning {
  if (typeof type !== 'string') return 'foreign';
  if (lastTypes.test(type)) return 'end';
  if (emptyTypes.test(type)) return 'prelude';
  return knownTypes.test(type) ? 'content' : 'foreign';
}
