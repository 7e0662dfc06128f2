import { isCorrelationId, newCorrelationId } from '../call/correlation-id.js';
import type { Runtime } from '../call/runtime.js';
import type { RequestHeaders } from './exchange.js';

/** W3C Trace Context §3.2: version, trace id, parent id, flags. Only version 00 ends there. */
const traceId = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;

/**
 * The id of a request: `X-Correlation-ID`, else `X-Request-ID`, else the trace id of `traceparent`, else a new one.
 * An id that is malformed or too long is never echoed or logged (D60).
 */
export function requestCorrelationId(headers: RequestHeaders, runtime: Runtime): string {
  const { 'x-correlation-id': ours, 'x-request-id': theirs, traceparent } = headers;
  if (isCorrelationId(ours)) return ours;
  if (isCorrelationId(theirs)) return theirs;
  return (traceparent === undefined ? undefined : traceId.exec(traceparent)?.[1]) ?? newCorrelationId(runtime);
}
