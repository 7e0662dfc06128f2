/** One HTTP request as the models floor sees it, so that a service can bring its own client and pools. */
import type { CallContext } from '../call/call.js';

/** What a transport is asked to send. */
export interface HttpRequest {
  readonly method: 'POST' | 'GET';
  readonly url: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Ends the request at once, whether it waits for a connection, for headers or for the rest of the body. */
  readonly signal: AbortSignal;
  /** The same, for transports that say that they take it; `signal` is made only if it is read. Returns what ends it. */
  readonly onAbort?: ((listener: (reason: unknown) => void) => () => void) | undefined;
  /** How long connecting may take, in milliseconds, for transports that can tell it from waiting for headers. */
  readonly connectMs?: number | undefined;
}

/** What a request holds beside its abort. */
type Content = Omit<HttpRequest, 'signal' | 'onAbort'>;

/** The request as this transport takes it. */
export function requestFor({ takes }: HttpTransport, content: Content, call: CallContext): HttpRequest {
  return takes === 'onAbort' ? new SignalOnDemand(content, call) : { signal: call.signal, ...content };
}

/** For transports that know what they get: a copy of it by its own properties would have no signal. */
class SignalOnDemand implements HttpRequest {
  readonly method: HttpRequest['method'];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly connectMs: number | undefined;
  private readonly call: CallContext;

  constructor({ method, url, headers, body, connectMs }: Content, call: CallContext) {
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.body = body;
    this.connectMs = connectMs;
    this.call = call;
  }

  get signal(): AbortSignal {
    return this.call.signal;
  }

  onAbort(listener: (reason: unknown) => void): () => void {
    return this.call.onAbort(listener);
  }
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
export interface HttpTransport {
  (request: HttpRequest): Promise<HttpAnswer>;
  /** How it is told of an abort: an AbortSignal costs more than the rest of a small request. Default: `signal`. */
  readonly takes?: 'signal' | 'onAbort';
}

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
