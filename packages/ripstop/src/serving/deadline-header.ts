import { InvalidInputError } from '../errors/input-errors.js';
import type { RequestHeaders } from './exchange.js';

/**
 * Milliseconds that the whole request may take: ours, or the caller's (`X-Request-Timeout-Ms`) if that is less (I7);
 * `undefined` where neither sets a limit.
 *
 * @throws InvalidInputError for a header that is no whole number above 0.
 */
export function requestDeadline(headers: RequestHeaders, ownMs: number): number | undefined {
  const text = headers['x-request-timeout-ms'];
  if (text === undefined) return ownMs === Number.POSITIVE_INFINITY ? undefined : ownMs;
  const asked = /^\d{1,12}$/.test(text) ? Number(text) : 0;
  if (asked === 0) throw new InvalidInputError('X-Request-Timeout-Ms must be a whole number of milliseconds above 0');
  return Math.min(ownMs, asked);
}
