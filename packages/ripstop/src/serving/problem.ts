/** Errors as answers: the native envelope, OpenAI's, RFC 9457 problem+json, and the frames of streams that have begun. */
import { errorTypes } from '../errors/error-table.js';
import type { StatusProfile } from '../errors/error-types.js';
import { ValidationError } from '../errors/input-errors.js';
import type { ModelError } from '../errors/model-error.js';
import { InternalError } from '../errors/upstream-errors.js';
import { type ExchangeResponse, type ResponseHeaders, respond } from './exchange.js';

/** What a route speaks. */
export type Dialect = 'native' | 'openai';

/** The form of an error's body. */
export type ErrorFormat = Dialect | 'problem';

/** How the items of a stream are framed: Server-Sent Events, or one JSON text per line. */
export type Framing = 'sse' | 'ndjson';

/** How an error is answered. */
export interface ErrorResponseOptions {
  /** Default: `native`. */
  readonly format?: ErrorFormat | undefined;
  /** Default: `http`. */
  readonly profile?: StatusProfile | undefined;
  /** Sent along; what the error itself says (`Retry-After`, say) wins. */
  readonly headers?: ResponseHeaders | undefined;
}

/** What is known of a stream when it breaks, so that its error frame looks like the chunks before it. */
export interface StreamFacts {
  /** The last chunk that was sent. */
  readonly last?: unknown;
}

/** The route decides; on native routes `Accept` may ask for problem+json. */
export function errorFormat(dialect: Dialect, accept: string | undefined): ErrorFormat {
  return dialect === 'native' && accept !== undefined && prefersProblem(accept) ? 'problem' : dialect;
}

/** The whole answer: status, headers and body. */
export function errorResponse(error: ModelError, options: ErrorResponseOptions = {}): ExchangeResponse {
  const { format = 'native', profile = 'http', headers } = options;
  const status = error.statusFor(profile);
  const type = format === 'problem' ? 'application/problem+json' : 'application/json; charset=utf-8';
  return respond(
    status,
    { ...headers, ...error.headers, 'content-type': type, 'cache-control': 'no-store' },
    JSON.stringify(errorBody(error, format, status)),
  );
}

/** The body alone. `status` is only told by problem+json. */
export function errorBody(error: ModelError, format: ErrorFormat, status: number): object {
  switch (format) {
    case 'native':
      return error.toJSON();
    case 'openai':
      return { error: openAiError(error) };
    case 'problem':
      return {
        // A URN, since it is an identifier for ever and resolves nowhere (RFC 9457 §3.1.1 allows both).
        type: `urn:ripstop:error:${error.errorType}`,
        title: errorTypes[error.errorType].sentence,
        status,
        detail: error.message,
        ...error.toJSON(),
      };
  }
}

/** The last event of a stream that broke after it had begun. No `[DONE]` may follow it (GW8). */
export function errorFrame(error: ModelError, dialect: Dialect, framing: Framing, facts: StreamFacts = {}): string {
  const data = JSON.stringify(dialect === 'openai' ? openAiErrorChunk(error, facts) : error.toJSON());
  if (framing === 'ndjson') return `${data}\n`;
  return dialect === 'openai' ? `data: ${data}\n\n` : `event: error\ndata: ${data}\n\n`;
}

/** The answer when even the making of an answer has failed: nothing in it comes from the error (D66). */
export function lastResort(correlationId: string, headers: ResponseHeaders = {}): ExchangeResponse {
  return errorResponse(new InternalError(undefined, { correlationId }), { headers });
}

/** OpenAI's error object with our facts beside its four fields. */
function openAiError(error: ModelError): Record<string, unknown> {
  const { message, param } = messageAndParameter(error);
  return {
    message,
    type: error.errorType,
    code: error.errorType,
    param,
    origin: error.origin,
    error_type: error.errorType,
    is_retryable: error.isRetryable,
    ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
    correlation_id: error.correlationId ?? null,
    ...(error.attempts === undefined ? {} : { attempts: error.attempts.map(attemptOnTheWire) }),
    ...(typeof error.details['tokens_sent'] === 'number' ? { tokens_sent: error.details['tokens_sent'] } : {}),
    ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
  };
}

/**
 * A chunk like those before it, with the error in it: the openai SDK throws on `error`, and clients of OpenRouter's
 * shape see `finish_reason: "error"`.
 */
function openAiErrorChunk(error: ModelError, { last }: StreamFacts): Record<string, unknown> {
  const chunk = (typeof last === 'object' && last !== null ? last : {}) as Record<string, unknown>;
  const text = chunk['object'] === 'text_completion' ? { text: '' } : { delta: {} };
  return {
    id: chunk['id'] ?? `chatcmpl-${error.correlationId ?? 'unknown'}`,
    object: chunk['object'] ?? 'chat.completion.chunk',
    created: chunk['created'] ?? Math.floor(error.timestamp.getTime() / 1000),
    model: chunk['model'] ?? '',
    choices: [{ index: 0, ...text, finish_reason: 'error' }],
    error: openAiError(error),
  };
}

function attemptOnTheWire(attempt: NonNullable<ModelError['attempts']>[number]): Record<string, unknown> {
  const { model, errorType, status, phase, ms } = attempt;
  return {
    ...(model === undefined ? {} : { model }),
    error_type: errorType,
    ...(status === undefined ? {} : { status }),
    ...(phase === undefined ? {} : { phase }),
    ms: Math.round(ms),
  };
}

/** `param` is the first wrong field in OpenAI's notation, and its clients show their users nothing but the message. */
function messageAndParameter(error: ModelError): { readonly message: string; readonly param: string | null } {
  const field = ValidationError.isInstance(error) ? error.fields[0] : undefined;
  if (field === undefined) return { message: error.message, param: null };
  const path = field.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
  const param = path.replace(/^\./, '');
  const where = param === '' ? '' : `${param}: `;
  return { message: `${error.message}: ${where}${field.message}`, param: param === '' ? null : param };
}

/** Is `application/problem+json` named, wanted, and wanted no less than `application/json`? (RFC 9110 §12.5.1) */
function prefersProblem(accept: string): boolean {
  if (!/problem\+json/i.test(accept)) return false;
  const weights = new Map<string, number>();
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    weights.set(type, weight === undefined ? 1 : Number(weight) || 0);
  }
  const wanted = weights.get('application/problem+json') ?? 0;
  return wanted > 0 && wanted >= (weights.get('application/json') ?? 0);
}
