import { InvalidInputError } from 'ripstop/errors';
import type { ChatMessage, ChatRequest } from 'ripstop/models';
import type { Turn } from './protocol.js';

/** The conversation in a request. A bare string is one message of the user. */
export function turnsOf(input: string | ChatRequest): readonly Turn[] {
  if (typeof input === 'string') return [{ role: 'user', text: input }];
  if (!Array.isArray(input.messages)) throw new InvalidInputError('messages must be a list');
  return input.messages.map(turnOf);
}

function turnOf({ role, content }: ChatMessage, index: number): Turn {
  const text = textOf(content);
  if (text === undefined)
    throw new InvalidInputError(`messages[${index}].content must be text: this model reads no other`);
  switch (role) {
    case 'system':
    case 'developer': // OpenAI's newer name
      return { role: 'system', text };
    case 'user':
    case 'assistant':
      return { role, text };
    default:
      throw new InvalidInputError(
        `messages[${index}].role must be system, developer, user or assistant: this model knows no other`,
      );
  }
}

/** A string, or OpenAI's content parts where all are text. */
function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return undefined;
  const texts = content.map((part: unknown) => {
    return isTextPart(part) ? part.text : undefined;
  });
  return texts.includes(undefined) ? undefined : texts.join('');
}

function isTextPart(part: unknown): part is { readonly text: string } {
  return (
    typeof part === 'object' &&
    part !== null &&
    (part as { type?: unknown }).type === 'text' &&
    typeof (part as { text?: unknown }).text === 'string'
  );
}
