/** Errors as model services send them. */
import type { UpstreamAnswer } from 'ripstop/testing';

type Headers = Readonly<Record<string, string>>;

export function errorAnswer(
  status: number,
  error: { readonly message: string; readonly type?: string; readonly code?: string },
  headers: Headers = {},
): UpstreamAnswer {
  return { kind: 'json', status, headers, body: { error } };
}

const sentences: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'The API key is not valid',
  403: 'The key has no access to this model',
  404: 'The model does not exist',
  413: 'The request is too large',
  429: 'Rate limit reached for requests',
  500: 'The server had an error while processing your request',
  502: 'Bad gateway',
  503: 'The server is overloaded, please try again later',
  504: 'The gateway timed out',
  529: 'Overloaded',
};

const codes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  429: 'rate_limit_exceeded',
};

/** What a service says with a bare status. */
export function statusAnswer(status: number, headers: Headers = {}): UpstreamAnswer {
  const message = sentences[status] ?? `The server answered ${status}`;
  const code = codes[status];
  return errorAnswer(
    status,
    { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', ...(code && { code }) },
    headers,
  );
}

export const knownErrors = {
  quota: () => errorAnswer(429, { message: 'You exceeded your current quota', code: 'insufficient_quota' }),
  atCapacity: () => ({
    kind: 'json' as const,
    status: 429,
    body: { detail: 'Infrastructure is at maximum capacity, try again later' },
  }),
  loading: () => errorAnswer(503, { message: 'The model is currently loading' }, { 'retry-after': '1' }),
  contextOverflow: () =>
    errorAnswer(400, {
      message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
    }),
  contentFilter: () =>
    errorAnswer(400, {
      message: 'The prompt was filtered: category violence, severity high',
      type: 'invalid_request_error',
      code: 'content_filter',
    }),
  outOfMemory: () => errorAnswer(500, { message: 'CUDA out of memory. Tried to allocate 2.00 GiB' }),
  noPrefill: () =>
    errorAnswer(400, {
      message: 'The last message must be from the user: this model does not continue an assistant message',
      type: 'invalid_request_error',
    }),
} satisfies Record<string, () => UpstreamAnswer>;

const page =
  '<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>';

export function htmlAnswer(status: number): UpstreamAnswer {
  return { kind: 'text', status, headers: { 'content-type': 'text/html' }, body: page };
}

export function textAnswer(body: string): UpstreamAnswer {
  return { kind: 'text', headers: { 'content-type': 'application/json' }, body };
}
