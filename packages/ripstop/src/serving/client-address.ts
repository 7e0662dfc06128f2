import { assertCount } from '../call/options.js';
import type { ExchangeRequest } from './exchange.js';

/** Options of `clientAddress()`. */
export interface ClientAddressOptions {
  /**
   * How many proxies of our own stand in front. Each adds the address that it was called from to `X-Forwarded-For`;
   * whatever stands before those was written by the caller and may say anything. Default: 0.
   */
  readonly trustedProxies?: number | undefined;
}

/**
 * The address that a request came from, for limits per caller: that of the connection, or behind proxies of our own
 * what the outermost of them saw (D65). `undefined` where it is not known. It is personal data: nothing of Ripstop logs
 * or keeps it.
 *
 * @throws RangeError for a bad option.
 */
export function clientAddress(
  { headers, remoteAddress }: Pick<ExchangeRequest, 'headers' | 'remoteAddress'>,
  { trustedProxies = 0 }: ClientAddressOptions = {},
): string | undefined {
  assertCount('trustedProxies', trustedProxies, 0);
  if (trustedProxies === 0) return remoteAddress;
  const hops = (headers['x-forwarded-for'] ?? '').split(',').slice(-trustedProxies);
  // A shorter list has not come through all of our proxies, so its first entry is still one that they wrote.
  return plainAddress(hops[0] ?? '') ?? remoteAddress;
}

const address = /^(?:\[([\da-f:.]{2,45})\]|((?:\d{1,3}\.){3}\d{1,3})|([\da-f:]*:[\da-f:.]+))(?::\d{1,5})?$/i;

/** Without brackets and port. */
function plainAddress(text: string): string | undefined {
  const [, bracketed, four, six] = address.exec(text.trim()) ?? [];
  return bracketed ?? four ?? six;
}
