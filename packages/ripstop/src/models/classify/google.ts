/**
 * Google's `details`: which quota was hit, and how long it stays so.
 *
 * The sentence says "You exceeded your current quota" whether a minute's requests are used up or the account has no
 * quota at all; only the details tell. Source: google.rpc.QuotaFailure, ErrorInfo and RetryInfo (error_details.proto).
 */
import type { Layer } from './unwrap.js';
import { type Verdict, verdict } from './verdict.js';

const noQuota = verdict('quota_exceeded');
const today = verdict('rate_limited', false);
const aMoment = verdict('rate_limited');

/** What the quota details of an answer say. */
export function googleVerdict(layers: readonly Layer[], text: string): Verdict | undefined {
  if (text.includes('limit: 0') && /quota.{0,300}[\s(]limit: 0(?![\d.])/s.test(text)) return noQuota;
  let found: Verdict | undefined;
  for (const { object, isQuota } of layers) {
    if (!isQuota || object === undefined) continue;
    const value = object.quotaValue ?? object.quota_limit_value;
    if (value === '0' || value === 0) return noQuota;
    const id = object.quotaId ?? object.quota_limit;
    if (typeof id !== 'string') continue;
    if (/PerDay/i.test(id)) found = today;
    else if (/Per(?:Minute|Second|Hour)/i.test(id)) found ??= aMoment;
  }
  return found ?? (isMomentary(layers, text) ? aMoment : undefined);
}

/** Without details, "your current quota" is a minute's, unless the sentence speaks of money. */
function isMomentary(layers: readonly Layer[], text: string): boolean {
  return (
    /exceeded your current quota|quota exceeded/.test(text) &&
    !/prepay|credits|billing (?:account|hard)|spend/.test(text) &&
    layers.some(({ codes }) => codes.includes('RESOURCE_EXHAUSTED'))
  );
}
