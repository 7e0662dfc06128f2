/**
 * "Come back in": every way in which a server states a wait, in milliseconds.
 *
 * Fractions round up, so that nobody comes back early. Dates count from the response's own `Date` header, never from
 * the local clock, which may be wrong; a date that has passed is a wait of 0. What only names a point in time (an epoch,
 * an ISO date) is no wait: without the server's clock it cannot be turned into one. Negative and unreadable values are
 * no wait either. Nothing exceeds 7 days.
 *
 * Sources: RFC 9110 §10.2.3 (Retry-After); google.rpc.RetryInfo; the headers of OpenAI, Anthropic, Azure and Groq.
 */
import { type HeaderReader, headerReader, type HeadersInput, noHeaders } from './classify/headers.js';

/** 7 days. A longer wait is a mistake or an attack. */
export const longestStatedWaitMs = 7 * 24 * 60 * 60 * 1000;

/** The wait that the headers of an answer state, in milliseconds. `undefined` where they state none. */
export function retryAfterMs(headers: HeadersInput): number | undefined {
  return waitInHeaders(headerReader(headers) ?? noHeaders);
}

/** Headers whose only purpose is to state a wait, the most precise first. */
export function waitInHeaders(header: HeaderReader): number | undefined {
  return (
    scaled(header('retry-after-ms'), 1) ??
    scaled(header('x-ms-retry-after-ms'), 1) ??
    retryAfter(header('retry-after'), header('date')) ??
    scaled(header('x-ratelimit-reset-after'), 1000)
  );
}

/** Above this a reset is a point in time (an epoch in s or ms), not a wait in seconds: 115 days. */
const longestRelativeSeconds = 1e7;
const buckets = ['requests', 'tokens'] as const;

/**
 * Headers that say when a limit is full again. They come with successes too, so they mean a wait only on an answer that
 * speaks of a rate limit; of several limits the used-up ones count.
 */
export function waitInLimitHeaders(header: HeaderReader): number | undefined {
  const relative = relativeSeconds(header('x-ratelimit-reset'));
  if (relative !== undefined) return relative;
  let wait: number | undefined;
  for (const bucket of buckets) {
    const reset = header(`x-ratelimit-reset-${bucket}`);
    if (reset === undefined || Number(header(`x-ratelimit-remaining-${bucket}`) ?? '0') > 0) continue;
    wait = longest(wait, durationMs(reset));
  }
  return wait;
}

function relativeSeconds(reset: string | undefined): number | undefined {
  return reset !== undefined && Number(reset) < longestRelativeSeconds ? scaled(reset, 1000) : undefined;
}

/** The longest of several statements of a wait. */
export function longest(...waits: readonly (number | undefined)[]): number | undefined {
  let result: number | undefined;
  for (const wait of waits) if (wait !== undefined && (result === undefined || wait > result)) result = wait;
  return result;
}

/** A number of milliseconds, seconds, …: `unitMs` says which. Garbage and negative numbers are no wait. */
export function scaled(value: unknown, unitMs: number): number | undefined {
  if (typeof value !== 'number' && (typeof value !== 'string' || !/^\s*\d+(?:\.\d*)?\s*$/.test(value)))
    return undefined;
  const ms = Number(value) * unitMs;
  return ms >= 0 ? capped(ms) : undefined;
}

const unitsMs: Readonly<Record<string, number>> = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };
const durationPart =
  /(\d+(?:\.\d+)?) ?(weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|ms|milliseconds?|msecs?|m|seconds?|secs?|s)(?![a-z])/y;
const betweenParts = /(?:,? and |, ?| )?(?=\d)/y;

/**
 * A duration at the start of `text`, lower case: `20s`, `6m0s`, `2m59.56s`, `900.2ms`, `4h16m41.4s`, `3 hours`.
 * A number without a unit is none.
 */
export function durationMs(text: string): number | undefined {
  let total = 0;
  let at = 0;
  for (;;) {
    durationPart.lastIndex = at;
    const part = durationPart.exec(text);
    if (part === null) break;
    total += Number(part[1]) * unitMs(part[2] ?? '');
    betweenParts.lastIndex = durationPart.lastIndex;
    at = durationPart.lastIndex + (betweenParts.exec(text)?.[0].length ?? 0);
  }
  return at === 0 ? undefined : capped(total);
}

function unitMs(unit: string): number {
  if (unit === 'ms' || unit.startsWith('mil') || unit.startsWith('msec')) return 1;
  return unitsMs[unit.charAt(0)] ?? 0;
}

const announced =
  /\b(?:try(?:ing)? again|retry(?:ing)?(?: (?:your|the|this) request)?|retry[- ]?(?:after|delay)|wait(?:ing)?|resets?|back off|available again|unblocked)(?: (?:at least|again|about|approximately|another))?(?: (?:in|after|for|within))?:? ?~?(?=\d)/g;
const bareSeconds = /retry[- ]?after:? ?$/;
/** A sentence holds few of these; the bound keeps a hostile text cheap. */
const maxAnnouncements = 8;

/** The wait that a sentence states: "try again in 7m12s", "retry after 9 seconds", "resets in ~30s". Lower case. */
export function waitInProse(text: string): number | undefined {
  let result: number | undefined;
  announced.lastIndex = 0;
  for (let count = 0; count < maxAnnouncements; count++) {
    const found = announced.exec(text);
    if (found === null) break;
    const rest = text.slice(announced.lastIndex, announced.lastIndex + 60);
    const seconds = bareSeconds.test(found[0]) ? /^\d+(?:\.\d+)?(?=$|[.,;]?(?:\s|$))/.exec(rest)?.[0] : undefined;
    result = longest(result, durationMs(rest) ?? scaled(seconds, 1000));
  }
  return result;
}

function retryAfter(value: string | undefined, dateHeader: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = scaled(value, 1000);
  if (seconds !== undefined || !/^[A-Za-z]{3,9},? /.test(value)) return seconds;
  const wait = Date.parse(value) - Date.parse(dateHeader ?? '');
  return Number.isNaN(wait) ? undefined : capped(wait);
}

/** Seconds as binary fractions are a hair off: 9.816 s are 9 816 ms, not 9 817. */
function capped(ms: number): number {
  return Math.min(Math.max(0, Math.ceil(ms - 1e-6)), longestStatedWaitMs);
}
