/** Headers in any of the shapes that clients hand around. */
export type HeadersInput =
  | Headers
  | Readonly<Record<string, string | number | readonly string[] | null | undefined>>
  | readonly (readonly [string, string])[]
  | ReadonlyMap<string, string>;

/** A header by its lower-case name; `undefined` where it was not sent. */
export type HeaderReader = (name: string) => string | undefined;

/** No answer has so many; what lies beyond is not read. */
const maxHeaders = 200;
const maxValue = 1_000;
/** Of an answer without headers. */
export const noHeaders: HeaderReader = () => undefined;

/**
 * Looks headers up by their lower-case names, whatever the case and the container they came in.
 * `undefined` where there are none.
 */
export function headerReader(headers: unknown): HeaderReader | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  if (headers instanceof Headers) return (name) => headers.get(name)?.slice(0, maxValue);
  const entries = entriesOf(headers);
  if (entries.length === 0) return undefined;
  const found = new Map<string, string>();
  for (const [name, value] of entries.slice(0, maxHeaders)) {
    const text = asText(value);
    if (text !== undefined) found.set(String(name).toLowerCase(), text);
  }
  return (name) => found.get(name);
}

function entriesOf(headers: object): readonly (readonly [unknown, unknown])[] {
  if (headers instanceof Map) return [...headers];
  if (!Array.isArray(headers)) return Object.entries(headers);
  return headers.filter((pair): pair is [unknown, unknown] => Array.isArray(pair));
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.slice(0, maxValue);
  if (typeof value === 'number') return String(value);
  return Array.isArray(value) ? asText(value[0]) : undefined;
}
