/** JSON from outside: read, and if it is none, told where it breaks. Its content is never repeated. */
import { InvalidInputError } from '../errors/input-errors.js';

/** Deeper than any real request, and shallow enough for every validator that recurses. */
const maxDepth = 128;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws InvalidInputError 400: not UTF-8, not JSON (with line and column), too deep, or with a forbidden key. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw brokenJson(text, cause);
  }
  assertHarmless(value);
  return value;
}

/**
 * Keys that reach an object's prototype when a value is copied or merged by ordinary code, and values so deep that
 * code which recurses runs out of stack.
 *
 * @throws InvalidInputError 400
 */
export function assertHarmless(root: unknown): void {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) throw new InvalidInputError(`The JSON is nested deeper than ${maxDepth} levels`);
    const below: unknown[] = [];
    for (const value of level) pushChildren(value, below);
    level = below;
  }
}

function pushChildren(value: unknown, below: unknown[]): void {
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null) below.push(item);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (key === '__proto__' || (key === 'constructor' && hasPrototype(item))) {
        throw new InvalidInputError(`The key ${key} is not allowed`);
      }
      if (typeof item === 'object' && item !== null) below.push(item);
    }
  }
}

function hasPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new InvalidInputError('The request body is not valid UTF-8', { cause });
  }
}

function brokenJson(text: string, cause: unknown): InvalidInputError {
  const position = syntaxErrorAt(text) ?? text.length;
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = position - before.lastIndexOf('\n');
  const what = position === text.length ? 'ends too soon' : 'breaks';
  return new InvalidInputError(`The request body is not valid JSON: it ${what} at line ${line}, column ${column}`, {
    details: { line, column, position },
    cause,
  });
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
