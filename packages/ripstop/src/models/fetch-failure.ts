/** Failures as the SDKs on top of a `fetch` expect them: an answer, or an error of their own. */
import type { CallScope } from '../call/call.js';
import type { ModelError } from '../errors/model-error.js';
import { redact } from '../errors/redact.js';
import { classify } from './classify/classify.js';
import { member } from './classify/json.js';
import { within } from './content-limits.js';
import { type Json, parseJson } from './openai-wire.js';
import { readEnvelope } from './own-envelope.js';

/** Enough of an error to say what it means. */
const maxErrorBytes = 64 * 2 ** 10;

/**
 * Who calls, as far as it says so: SDKs that Stainless generates (openai, Anthropic and others) obey `x-should-retry`,
 * the AI SDK goes by the status alone.
 */
export type Caller = 'stainless' | 'ai-sdk' | 'other';

export function callerOf(headers: Headers): Caller {
  if (headers.has('x-stainless-lang')) return 'stainless';
  return /(?:^|\s)ai-sdk\//.test(headers.get('user-agent') ?? '') ? 'ai-sdk' : 'other';
}

const anyError = Symbol.for('vercel.ai.error');
const callError = Symbol.for('vercel.ai.error.AI_APICallError');

/** An answer with an error status, what it means, and its body, which has been read as far as that took. */
export class FailedAnswer {
  readonly response: Response;
  readonly error: ModelError;
  private readonly scope: CallScope;
  private readonly beginning: readonly Uint8Array[];
  private readonly text: string;
  private rest: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(response: Response, scope: CallScope, { chunks, rest, failure }: Beginning) {
    this.response = response;
    this.scope = scope;
    this.beginning = chunks;
    this.rest = rest;
    const decoder = new TextDecoder();
    this.text = chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode();
    const { status, headers } = response;
    this.error =
      readEnvelope(parseJson(this.text), status) ?? classify({ status, headers, body: this.text, error: failure });
    if (rest === undefined) scope.release();
  }

  /** Nobody will read what is left. */
  discard(): void {
    if (this.rest === undefined) return;
    // A body that broke refuses to be cancelled, and nobody waits for it.
    this.rest.cancel().catch(() => undefined);
    this.rest = undefined;
    this.scope.release();
  }

  /** The answer, with its message where SDKs look for it, and with the news that asking again is our business. */
  asResponse(caller: Caller): Response {
    const headers = new Headers(this.response.headers);
    if (looksRetryable(this.response.status) || headers.has('x-should-retry')) headers.set('x-should-retry', 'false');
    const told = this.toldAnew(caller);
    if (told === undefined) return remade(this.response, this.body(), headers);
    for (const name of ['content-length', 'content-encoding']) headers.delete(name);
    headers.set('content-type', 'application/json');
    return remade(this.response, JSON.stringify(told), headers);
  }

  private body(): ReadableStream<Uint8Array> | null {
    if (this.response.body === null) return null;
    const chunks = [...this.beginning];
    const { rest, scope } = this;
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const step = chunks.length > 0 ? { done: false, value: chunks.shift() } : await rest?.read();
          if (step?.value !== undefined) return controller.enqueue(step.value);
          scope.release();
          controller.close();
        },
        cancel: () => this.discard(),
      },
      { highWaterMark: 0 },
    );
  }

  /** Undefined where SDKs find the message by themselves, or where nobody but an SDK would look for it. */
  private toldAnew(caller: Caller): Json | undefined {
    if (this.rest !== undefined || this.response.body === null) return undefined;
    const body = parseJson(this.text);
    if (typeof member(body?.['error'], 'message') === 'string') return undefined;
    if (body === undefined && caller === 'other') return undefined;
    return { ...body, error: { ...openaiError(this.error), message: spoken(body) ?? this.error.message } };
  }
}

interface Beginning {
  readonly chunks: readonly Uint8Array[];
  /** What is left, where there was too much to read it all. */
  readonly rest?: ReadableStreamDefaultReader<Uint8Array>;
  /** What broke the body off, if anything did. */
  readonly failure?: unknown;
}

/** Reads an answer with an error status as far as it takes to understand it. Each wait has the limit `gapMs`. */
export async function readFailure(response: Response, gapMs: number, scope: CallScope): Promise<FailedAnswer> {
  const chunks: Uint8Array[] = [];
  if (response.body === null) return new FailedAnswer(response, scope, { chunks });
  const reader = response.body.getReader();
  try {
    for (let bytes = 0; bytes <= maxErrorBytes; ) {
      const step = await within({ phase: 'gap', ms: gapMs }, reader.read(), scope);
      if (step.done) return new FailedAnswer(response, scope, { chunks });
      chunks.push(step.value);
      bytes += step.value.byteLength;
    }
  } catch (failure) {
    if (scope.cancelled) throw failure;
    // The status tells already what the body would have explained.
    return new FailedAnswer(response, scope, { chunks, failure });
  }
  return new FailedAnswer(response, scope, { chunks, rest: reader });
}

/** A failure without an answer of the service's, as the answer that our own service would have given. */
export function answerFor(error: ModelError): Response {
  const headers = { ...error.headers, 'content-type': 'application/json', 'x-should-retry': 'false' };
  return new Response(JSON.stringify({ error: openaiError(error) }), { status: error.status, headers });
}

/** The last event of a stream that broke: both OpenAI's and Anthropic's SDKs, and the AI SDK, throw on it. */
export function errorEvent(error: ModelError): Uint8Array {
  const data = JSON.stringify({ type: 'error', error: openaiError(error) });
  return new TextEncoder().encode(`event: error\ndata: ${data}\n\n`);
}

/** The same answer with another body: also as far as only `fetch` can make one. */
export function remade(
  response: Response,
  body: string | ReadableStream<Uint8Array> | null,
  headers: Headers = response.headers,
): Response {
  const { status, statusText, url, redirected, type } = response;
  const made = new Response(body, { status, statusText, headers });
  return Object.defineProperties(made, {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
  });
}

/**
 * An error that the AI SDK takes for its own `APICallError`, told by its markers. It has no cause: the AI SDK asks again
 * after whatever has a network error among its causes.
 */
export class ApiCallError extends Error {
  override readonly name = 'AI_APICallError';
  readonly [anyError] = true;
  readonly [callError] = true;
  readonly url: string;
  readonly requestBodyValues = {};
  readonly statusCode: number;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly responseBody: string;
  readonly data: unknown;
  readonly isRetryable = false;

  constructor({ status, statusText, headers }: Response, url: string, body: string) {
    const data = parseJson(body);
    const message = member(data?.['error'], 'message');
    super(typeof message === 'string' ? message : statusText);
    this.url = url;
    this.statusCode = status;
    this.responseHeaders = Object.fromEntries(headers);
    this.responseBody = body;
    this.data = data;
  }
}

/** Statuses after which SDKs ask again by themselves. */
export function looksRetryable(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** The service's own words, wherever it puts them: `{ detail }` of Chutes and FastAPI, a bare `error`, `message`. */
function spoken(body: Json | undefined): string | undefined {
  const { detail, error, message } = body ?? {};
  const said = [detail, member(detail, 'message'), error, message].find((one) => typeof one === 'string' && one !== '');
  return said === undefined ? undefined : redact(said as string);
}

/** OpenAI's error object with our facts beside its four fields. */
function openaiError(error: ModelError): Json {
  return {
    message: error.message,
    type: error.errorType,
    code: error.errorType,
    param: null,
    origin: error.origin,
    error_type: error.errorType,
    is_retryable: error.isRetryable,
    ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
    correlation_id: error.correlationId ?? null,
    details: error.details,
  };
}
