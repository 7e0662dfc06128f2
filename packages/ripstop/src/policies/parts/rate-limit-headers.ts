/** What an upstream says about a limit of its own. */
export interface StatedLimit {
  /** How much fits into the limit. */
  readonly limit?: number;
  /** How much of it is left. */
  readonly remaining?: number;
  /** How long until all of it is there again, in milliseconds. */
  readonly resetMs?: number;
}

/** What the headers of an answer say about limits. */
export interface StatedLimits {
  readonly requests?: StatedLimit;
  readonly tokens?: StatedLimit;
  /** The wait that the answer asks for, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** Headers as `fetch` and most SDKs have them, or as a plain object. */
export type LimitHeaders =
  | { get(name: string): string | null | undefined }
  | Readonly<Record<string, string | number | readonly string[] | null | undefined>>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Row {
  readonly dimension: 'requests' | 'tokens';
  /** `*` stands for `limit`, `remaining` and `reset`; without it the header is the limit itself. */
  readonly header: string;
}

/**
 * Who sends what. Of several limits on the same thing the scarcest counts.
 *
 * OpenAI, Azure, Groq: a pair of names with the dimension behind, resets as durations (`6m0s`). Anthropic: the dimension
 * in front, resets as RFC 3339. Together, OpenRouter and many others: one name without a dimension, resets as seconds or
 * as a time. Chutes: the limit alone, or `inf`.
 */
const table: readonly Row[] = [
  { dimension: 'requests', header: 'x-ratelimit-*-requests' },
  { dimension: 'tokens', header: 'x-ratelimit-*-tokens' },
  { dimension: 'requests', header: 'anthropic-ratelimit-requests-*' },
  { dimension: 'tokens', header: 'anthropic-ratelimit-tokens-*' },
  { dimension: 'tokens', header: 'anthropic-ratelimit-input-tokens-*' },
  { dimension: 'tokens', header: 'anthropic-ratelimit-output-tokens-*' },
  { dimension: 'requests', header: 'x-ratelimit-*' },
  { dimension: 'requests', header: 'x-chutes-rl-user' },
  { dimension: 'requests', header: 'x-chutes-rl-chute' },
];

type Reader = (name: string) => string | undefined;

/**
 * What the headers of an answer say about the limits of its sender. Points in time count from the answer's own `Date`,
 * and from `now` only where there is none. What cannot be read is left out; nothing throws.
 */
export function rateLimitHeaders(headers: LimitHeaders, now: Date): StatedLimits {
  const header = reader(headers);
  const sentAt = Date.parse(header('date') ?? '');
  const from = Number.isNaN(sentAt) ? now.getTime() : sentAt;
  const stated: Mutable<StatedLimits> = {};
  for (const row of table) {
    const limit = statedLimit(row, header, from);
    if (limit !== undefined) stated[row.dimension] = scarcer(stated[row.dimension], limit);
  }
  const retryAfterMs = count(header('retry-after-ms')) ?? waitMs(header('retry-after'), from);
  if (retryAfterMs !== undefined) stated.retryAfterMs = Math.min(retryAfterMs, longestWaitMs);
  return stated;
}

function statedLimit({ header: name }: Row, header: Reader, from: number): StatedLimit | undefined {
  const field = (as: string): string | undefined => header(name.replace('*', as));
  const found: Mutable<StatedLimit> = {};
  const limit = count(field('limit'));
  if (limit !== undefined && limit > 0) found.limit = limit;
  if (name.includes('*')) {
    const remaining = count(field('remaining'));
    const resetMs = waitMs(field('reset'), from);
    if (remaining !== undefined) found.remaining = remaining;
    if (resetMs !== undefined) found.resetMs = resetMs;
  }
  return Object.keys(found).length === 0 ? undefined : found;
}

function scarcer(first: StatedLimit | undefined, second: StatedLimit): StatedLimit {
  if (first === undefined) return second;
  const { POSITIVE_INFINITY: unknown } = Number;
  const [left, right] = [first.remaining ?? unknown, second.remaining ?? unknown];
  if (left !== right) return left < right ? first : second;
  return (first.limit ?? unknown) <= (second.limit ?? unknown) ? first : second;
}

/** 7 days. A longer wait is a mistake or an attack. */
const longestWaitMs = 7 * 24 * 60 * 60 * 1000;
/** Above this a number is a point in time, not a wait in seconds: 115 days. */
const longestRelativeSeconds = 1e7;
/** Above this a point in time is in milliseconds, not in seconds: the year 5138. */
const latestEpochSeconds = 1e11;

/** `1.5` (seconds), `6m0s`, `900.2ms`, an epoch in seconds or milliseconds, RFC 3339, an HTTP date. */
function waitMs(text: string | undefined, from: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = count(text) === undefined ? (goDurationMs(text) ?? dateMs(text) - from) : numberMs(Number(text), from);
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, Math.ceil(ms)), longestWaitMs);
}

function numberMs(value: number, from: number): number {
  if (value <= longestRelativeSeconds) return value * 1000;
  return (value < latestEpochSeconds ? value * 1000 : value) - from;
}

/** A date begins with a year or the name of a day; `Date.parse` alone would find one in `-5` and in `2 apples`. */
function dateMs(text: string): number {
  return /^(?:\d{4}-\d\d-\d\dT|[A-Za-z]{3,9},? )/.test(text) ? Date.parse(text) : Number.NaN;
}

const unitsMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Go's `time.Duration` as text: `2m59.56s`. */
function goDurationMs(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|s))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit = ''] of text.matchAll(/([\d.]+)([a-z]+)/g))
    total += Number(amount) * (unitsMs[unit] ?? 0);
  // Binary fractions are a hair off: 7.66 s are 7 660 ms, not 7 661.
  return total - 1e-6;
}

/** A plain number, 0 or above. `inf`, `NaN`, `-1` and words are none. */
function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
}

/** Longer values are no numbers and no dates. */
const longestValue = 64;

function reader(headers: LimitHeaders): Reader {
  if (typeof headers !== 'object' || headers === null) return () => undefined;
  if (typeof headers.get === 'function') {
    const lookup = headers as { get(name: string): unknown };
    return (name) => asText(lookup.get(name));
  }
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value as unknown]));
  return (name) => asText(byName.get(name));
}

function asText(value: unknown): string | undefined {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  const text = typeof one === 'number' ? String(one) : one;
  return typeof text === 'string' && text.length <= longestValue ? text.trim() : undefined;
}
