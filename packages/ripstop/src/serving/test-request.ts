/** Requests without a port, for tests. */

/** A `RequestInit`, in which `json` is a body to be written as JSON. */
export interface TestRequestInit extends RequestInit {
  /** Sent as JSON, by POST unless `method` says otherwise. */
  readonly json?: unknown;
}

/** The request for a path, a URL, or a request that is complete already. */
export function testRequest(target: string | URL | Request, { json, ...init }: TestRequestInit = {}): Request {
  if (target instanceof Request) return new Request(target, init);
  const url = new URL(target, 'http://chute.test');
  if (json === undefined) return new Request(url, init);
  const headers = new Headers(init.headers);
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  return new Request(url, { method: 'POST', ...init, headers, body: JSON.stringify(json) });
}
