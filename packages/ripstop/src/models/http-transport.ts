/** One HTTP request as the models floor sees it, so that a service can bring its own client and pools. */

/** What a transport is asked to send. */
export interface HttpRequest {
  readonly method: 'POST' | 'GET';
  readonly url: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Ends the request at once, whether it waits for a connection, for headers or for the rest of the body. */
  readonly signal: AbortSignal;
  /** How long connecting may take, in milliseconds, for transports that can tell it from waiting for headers. */
  readonly connectMs?: number | undefined;
}

/** What came back, as soon as its headers are there. */
export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Is read once. A reader that stops early cancels it; one that reads it to its end lets the connection be reused. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Sends one request, once: no retries, no redirects. Rejects with the network's own error. */
export type HttpTransport = (request: HttpRequest) => Promise<HttpAnswer>;

/**
 * The transport over the platform's `fetch`, which keeps connections alive by itself and knows no limit on connecting.
 * A redirect is an answer like any other: keys and prompts go where the configuration says, and nowhere else.
 */
export const fetchTransport: HttpTransport = async ({ method, url, headers, body, signal }) => {
  const response = await fetch(url, {
    method,
    headers,
    signal,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, headers: Object.fromEntries(response.headers), body: chunks(response.body) };
};

/** The chunks of a body, which is cancelled when its reader stops early. */
export async function* chunks(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) yield step.value;
  } finally {
    // A body that broke refuses to be cancelled, and its reader has been told already.
    await reader.cancel().catch(() => undefined);
  }
}
