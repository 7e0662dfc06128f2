/** JSON from outside: read, and if it is none, told where it breaks. Its content is never repeated. */
import { InvalidInputError } from '../errors/input-errors.js';
import { assertJsonText, assertJsonValue, type JsonLimits } from './json-limits.js';
import { faultOf } from './json-syntax.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a JSON body. Its limits hold before it is parsed, so a hostile one costs one pass at most.
 *
 * @throws InvalidInputError 400: not UTF-8, not JSON (with line and column), too deep, or with a forbidden key; 413: too
 * many fields.
 */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = {}): unknown {
  const text = decode(bytes);
  assertJsonText(text, limits);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw brokenJson(text, cause);
  }
  if (isPerhapsForbidden(text)) assertJsonValue(value, limits);
  return value;
}

/** `__proto__`, and `constructor` with a `prototype`: in plain letters, or with a letter escaped. Few bodies have either. */
function isPerhapsForbidden(text: string): boolean {
  return text.includes('proto') || text.includes('\\u00');
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new InvalidInputError('The request body is not valid UTF-8', { cause });
  }
}

function brokenJson(text: string, cause: unknown): InvalidInputError {
  const { what, line, column, position } = faultOf(text);
  return new InvalidInputError(`The request body is not valid JSON: it ${what} at line ${line}, column ${column}`, {
    details: { line, column, position },
    cause,
  });
}
