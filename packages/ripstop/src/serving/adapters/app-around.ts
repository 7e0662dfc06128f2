/** A handler that is mounted in somebody else's app: what the app has done with a request before it handed it on. */
import { bodyTooLarge, type RequestHeaders } from '../exchange.js';

export interface AppAround {
  /** How many segments of the path are the app's. Default: 0. */
  readonly segments?: number | undefined;
  /** The id that the request goes by already. */
  readonly correlationId?: string | undefined;
  /** The body, if the app has read it. */
  readonly body?: Uint8Array | undefined;
}

/** How many segments a mount point has: 0 for `/`, 2 for `/api/ai` and for `/api/ai/*`. */
export function segmentsOf(base: string): number {
  return base.split('/').filter((segment) => segment !== '' && segment !== '*').length;
}

/** The path without the app's segments. They are counted, not compared: `/:tenant/ai` has two. */
export function belowBase(path: string, segments: number): string {
  let at = 0;
  for (let count = 0; count < segments; count += 1) {
    at = path.indexOf('/', at + 1);
    if (at < 0) return '/';
  }
  return at === 0 ? path : path.slice(at);
}

/** The handler must find the id that the app around it logs and answers with. */
export function withCorrelationId(headers: RequestHeaders, correlationId: string | undefined): RequestHeaders {
  return correlationId === undefined ? headers : { ...headers, 'x-correlation-id': correlationId };
}

/** @throws InvalidInputError 413 for a body beyond the limit. */
export function withinLimit(body: Uint8Array, limitBytes: number): Uint8Array {
  if (body.length > limitBytes) throw bodyTooLarge(limitBytes);
  return body;
}
