import type { Turn } from './protocol.js';

/** A piece of a prompt: a control token by its name, or text. */
export type PromptPiece = { readonly control: string } | { readonly text: string };

/**
 * The ChatML prompt that the embedded model was trained on, up to where its answer begins.
 *
 * Source: OpenAI, "Chat Markup Language".
 */
export function chatmlPrompt(turns: readonly Turn[]): readonly PromptPiece[] {
  return [
    ...turns.flatMap<PromptPiece>(({ role, text }) => [
      { control: '<|im_start|>' },
      { text: `${role}\n${text}` },
      { control: '<|im_end|>' },
      { text: '\n' },
    ]),
    { control: '<|im_start|>' },
    { text: 'assistant\n' },
  ];
}
