/**
 * One request and its answer as they travel inside: a small record that every adapter makes and takes. It holds no
 * object of a framework or of the Web platform, so that a server on `node:http` pays for neither.
 */
import type { CallerSignal } from '../call/caller-signal.js';
import { InvalidInputError } from '../errors/input-errors.js';

/** Lower-case names. A header that was sent twice is joined by a comma, or the first one where a list makes no sense. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>;

/** Lower-case names. Several values are several lines. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Text is sent as UTF-8. A stream is read no faster than the client takes it, and told to stop when the client leaves. */
export type ResponseBody = string | Uint8Array | AsyncIterable<string | Uint8Array> | undefined;

/** A request, wherever it came from. */
export interface ExchangeRequest {
  /** In upper case. */
  readonly method: string;
  /** Without the query. Percent-escapes stand as they were sent, so that `%2F` is never mistaken for a separator. */
  readonly path: string;
  /** Without the `?`; empty where there is none. */
  readonly query: string;
  readonly headers: RequestHeaders;
  /**
   * Aborts with a `CancelledError` when the client leaves, in every phase, and with a `ModelOverloadedError` when the
   * server ends its drain. Made on first read.
   */
  readonly signal: AbortSignal;
  /** Tells the same as `signal` and costs less: for contexts. An adapter may leave it out. */
  readonly caller?: CallerSignal | undefined;
  /** The address at the other end of the connection, which may be a proxy's. */
  readonly remoteAddress?: string | undefined;
  /**
   * The whole body. It is read once, and never further than the limit.
   *
   * @throws InvalidInputError 413 as soon as the declared or the real length passes the limit; 408 when the body is too
   * slow; 400 when its framing is broken.
   * @throws CancelledError when the client leaves before the end.
   */
  readBody(limitBytes: number, timeoutMs?: number): Promise<Uint8Array>;
  /**
   * The same without the promise: tells the reader, once, as soon as it knows, and holds to `timeoutMs`. An adapter may
   * leave it out; then whoever reads the body has to look to the time.
   */
  readBodyByCall?(reader: BodyReader, limitBytes: number, timeoutMs: number): void;
}

/** Is told of a body, by one of its two methods, and once. */
export interface BodyReader {
  arrived(body: Uint8Array): void;
  broke(error: unknown): void;
}

/** An answer, wherever it goes. */
export interface ExchangeResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body?: ResponseBody;
}

/** Answers requests: what adapters take, and what a chute's `handle` is. */
export type ExchangeHandler = (request: ExchangeRequest) => Promise<ExchangeResponse>;

const brand = Symbol.for('ripstop.ExchangeResponse');

class Answer implements ExchangeResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: ResponseBody;

  constructor(status: number, headers: ResponseHeaders, body: ResponseBody) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

// On the prototype, so that it costs nothing per answer.
Object.defineProperty(Answer.prototype, brand, { value: true });

/** An answer in full, for handlers that need more than a value: `respond(200, { 'content-type': 'text/html' }, page)`. */
export function respond(status: number, headers: ResponseHeaders = {}, body?: ResponseBody): ExchangeResponse {
  return new Answer(status, headers, body);
}

/** Was it made by `respond`? An object that only looks like an answer is a value. */
export function isResponse(value: unknown): value is ExchangeResponse {
  return typeof value === 'object' && value !== null && brand in value;
}

/** Path and query of a request target (RFC 9112 §3.2: origin form, or absolute form as proxies send it). */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const local = target.startsWith('/') ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  return { path: path === '' ? '/' : path, query: mark < 0 ? '' : local.slice(mark + 1) };
}

/** @throws InvalidInputError 413 when the header alone says that the body is too large (D20). */
export function assertDeclaredLength(headers: RequestHeaders, limitBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw bodyTooLarge(limitBytes);
}

export function bodyTooLarge(limitBytes: number): InvalidInputError {
  return new InvalidInputError(`The request body is larger than ${limitBytes} bytes`, {
    status: 413,
    details: { limit_bytes: limitBytes },
  });
}

/** Statuses that never have a body (RFC 9110 §6.4.1). */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304 || (status >= 100 && status < 200);
}
