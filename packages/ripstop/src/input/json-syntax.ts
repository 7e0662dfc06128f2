/** Where a text stops being JSON. */

export interface JsonFault {
  readonly what: 'breaks' | 'ends too soon';
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** From 0, in UTF-16 units. */
  readonly position: number;
}

/** Where a text that the engine refuses as JSON goes wrong. */
export function faultOf(text: string): JsonFault {
  const position = syntaxErrorAt(text) ?? text.length;
  const before = text.slice(0, position);
  return {
    what: position === text.length ? 'ends too soon' : 'breaks',
    line: before.split('\n').length,
    column: position - before.lastIndexOf('\n'),
    position,
  };
}

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma';

const blank = /[ \t\n\r]*/y;
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/**
 * Where a text stops being JSON (RFC 8259): the offset of the first character that cannot stand there, or its length
 * where it ends too soon; `undefined` for valid JSON. The engine's own message has no offset for most faults, and
 * repeats the text.
 */
export function syntaxErrorAt(text: string): number | undefined {
  const open: string[] = [];
  let expected: Expected = 'value';
  let at = skip(blank, text, 0);
  while (!(expected === 'comma' && open.length === 0)) {
    const next = step(text, at, expected, open);
    if (next.expected === undefined) return next.at;
    expected = next.expected;
    at = skip(blank, text, next.at);
  }
  return at === text.length ? undefined : at;
}

interface Step {
  readonly at: number;
  /** Absent where the text is broken at `at`. */
  readonly expected?: Expected;
}

function step(text: string, at: number, expected: Expected, open: string[]): Step {
  const character = text[at];
  const inside = open.at(-1);
  if (expected === 'colon') return character === ':' ? { at: at + 1, expected: 'value' } : { at };
  if (expected === 'comma') {
    if (character === ',') return { at: at + 1, expected: inside === '{' ? 'key' : 'value' };
    return close(character, at, inside, open);
  }
  if (expected === 'key' || expected === 'key or }') {
    if (character === '"') return afterString(text, at, 'colon');
    return expected === 'key or }' ? close(character, at, inside, open) : { at };
  }
  if (character === ']' && expected === 'value or ]') return close(character, at, inside, open);
  if (character === '{' || character === '[') {
    open.push(character);
    return { at: at + 1, expected: character === '{' ? 'key or }' : 'value or ]' };
  }
  if (character === '"') return afterString(text, at, 'comma');
  const end = skip(scalar, text, at);
  return end === at ? { at } : { at: end, expected: 'comma' };
}

function close(character: string | undefined, at: number, inside: string | undefined, open: string[]): Step {
  const fits = (character === '}' && inside === '{') || (character === ']' && inside === '[');
  if (!fits) return { at };
  open.pop();
  return { at: at + 1, expected: 'comma' };
}

function afterString(text: string, start: number, expected: Expected): Step {
  let at = start + 1;
  while (at < text.length) {
    const character = text[at] as string;
    if (character === '"') return { at: at + 1, expected };
    if (character < ' ') return { at };
    if (character === '\\') {
      const end = skip(escape, text, at);
      if (end === at) return { at };
      at = end;
    } else {
      at += 1;
    }
  }
  return { at };
}

/** The offset after what `pattern` matches at `at`; `at` itself where it does not match. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
