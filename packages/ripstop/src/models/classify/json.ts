/** Reading JSON that may be wrong: a narrow view on unknown values, and a parser that takes what it can get. */

export type JsonObject = Readonly<Record<string, unknown>>;

/** A plain object or anything else with keys; arrays are not. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A property of a value that may be anything. */
export function member(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

/** The first element of an array, or the value itself. */
export function first(value: unknown): unknown {
  return Array.isArray(value) ? (value[0] as unknown) : value;
}

const deepest = 32;
const longestLoose = 16 * 1024;

/**
 * Parses the JSON at the start of `text`, which is trimmed, strictly where possible and else loosely.
 *
 * The loose reading takes what error bodies are seen to be: the repr of a Python dict, raw line breaks inside strings,
 * doubled commas (server-sent events joined by a naive reader), a cut end, and text after the end. It reads every
 * character of the first 16 KiB at most once and never throws; what lies deeper than 32 levels is left out.
 */
export function parseJson(text: string): unknown {
  // A text that does not end like JSON is none; to be told so by an exception costs more than all of the reading.
  if (!closing.has(text.charAt(text.length - 1))) return loosely(text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return loosely(text);
  }
}

const closing: ReadonlySet<string> = new Set(['}', ']', '"']);

function loosely(text: string): unknown {
  return new LooseReader(text.slice(0, longestLoose)).value(0);
}

const literals: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['null', null],
  ['None', null],
]);

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

class LooseReader {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  value(depth: number): unknown {
    this.skip(/[\s,;]*/y);
    const char = this.text[this.at];
    if (char === '{' && depth < deepest) return this.object(depth);
    if (char === '[' && depth < deepest) return this.array(depth);
    if (char === '"' || char === "'") return this.string(char);
    return this.bare();
  }

  private object(depth: number): JsonObject {
    const result: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    this.at += 1;
    for (;;) {
      this.skip(/[\s,]*/y);
      const char = this.text[this.at];
      if (char === undefined || char === '}' || char === ']') break;
      const key = char === '"' || char === "'" ? this.string(char) : this.skip(/[^\s:,{}[\]"']*/y);
      this.skip(/\s*/y);
      if (this.text[this.at] === ':') {
        this.at += 1;
        result[key] = this.value(depth + 1);
      } else if (key === '') this.at += 1;
    }
    this.at += 1;
    return result;
  }

  private array(depth: number): unknown[] {
    const result: unknown[] = [];
    this.at += 1;
    for (;;) {
      this.skip(/[\s,]*/y);
      const char = this.text[this.at];
      if (char === undefined || char === ']' || char === '}') break;
      const start = this.at;
      result.push(this.value(depth + 1));
      if (this.at === start) this.at += 1;
    }
    this.at += 1;
    return result;
  }

  private string(quote: string): string {
    const plain = quote === '"' ? /[^"\\]*/y : /[^'\\]*/y;
    let result = '';
    this.at += 1;
    for (;;) {
      result += this.skip(plain);
      if (this.text[this.at] !== '\\') break;
      result += this.escaped();
    }
    this.at += 1;
    return result;
  }

  private escaped(): string {
    const char = this.text[this.at + 1] ?? '';
    this.at += 2;
    if (char !== 'u') return escapes[char] ?? char;
    const code = this.skip(/[0-9a-fA-F]{4}/y);
    return code === '' ? '' : String.fromCharCode(Number.parseInt(code, 16));
  }

  private bare(): unknown {
    const word = this.skip(/[^\s,:{}[\]"']*/y);
    if (literals.has(word)) return literals.get(word);
    const number = Number(word);
    return word === '' || Number.isNaN(number) ? word : number;
  }

  private skip(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }
}
