import { InvalidInputError } from 'ripstop';

/** What a request without `X-Ripstop-Priority` has: room above it, and room below. */
export const usualPriority = 5;

/** @throws InvalidInputError for a header that is no digit. */
export function requestPriority(headers: Readonly<Record<string, string | undefined>>): number {
  const text = headers['x-ripstop-priority'];
  if (text === undefined) return usualPriority;
  if (!/^\d$/.test(text)) throw new InvalidInputError('X-Ripstop-Priority must be a whole number from 0 to 9');
  return Number(text);
}
