/** What is said to a chat, as it is said to a text completion. */
import type { UpstreamAnswer, UpstreamFrame } from 'ripstop/testing';

/** The same answer, well or badly given, in the shapes of `POST /completions`. */
export function asCompletion(answer: UpstreamAnswer): UpstreamAnswer {
  if (answer.kind === 'json') return { ...answer, body: completionOf(answer.body) };
  if (answer.kind === 'sse') return { ...answer, frames: answer.frames.map(frameOf) };
  return answer;
}

function frameOf(frame: UpstreamFrame): UpstreamFrame {
  return typeof frame === 'object' && !(frame instanceof Uint8Array) ? (completionOf(frame) as object) : frame;
}

/** An error is the same in both. */
function completionOf(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('choices' in body) || !Array.isArray(body.choices)) return body;
  return { ...body, object: 'text_completion', choices: body.choices.map(choiceOf) };
}

interface ChatChoice {
  readonly message?: { readonly content?: string };
  readonly delta?: { readonly content?: string };
}

function choiceOf({ message, delta, ...choice }: ChatChoice): object {
  return { ...choice, text: (message ?? delta)?.content ?? '', logprobs: null };
}
