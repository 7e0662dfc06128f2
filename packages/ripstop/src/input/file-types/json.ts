/** JSON as a file: RFC 8259, never parsed, since a few bytes of JSON may be many bytes of objects. */
import { InvalidInputError } from '../../errors/input-errors.js';
import { assertJsonText } from '../json-limits.js';
import { faultOf, syntaxErrorAt } from '../json-syntax.js';
import { fault, type FileBytes } from './file-bytes.js';

/** Is it JSON that passes? */
export function isJson(file: FileBytes): boolean {
  try {
    assertJson(file);
    return true;
  } catch (error) {
    if (InvalidInputError.isInstance(error)) return false;
    throw error;
  }
}

/** @throws InvalidInputError 400 where it is none, or nested too deep for those who will read it. */
export function assertJson(file: FileBytes): void {
  const text = textOf(file);
  assertShallow(text);
  if (syntaxErrorAt(text) === undefined) return;
  const { what, line, column } = faultOf(text);
  throw fault(`the JSON ${what} at line ${line}, column ${column}`);
}

function assertShallow(text: string): void {
  try {
    assertJsonText(text, { maxFields: Number.POSITIVE_INFINITY });
  } catch (cause) {
    if (!InvalidInputError.isInstance(cause)) throw cause;
    throw new InvalidInputError(cause.message, { details: { ...cause.details, reason: 'too_deep' }, cause });
  }
}

/** Without its byte order mark. */
function textOf({ bytes }: FileBytes): string {
  return new TextDecoder().decode(bytes);
}
