/** Cross-origin requests of browsers: https://fetch.spec.whatwg.org/#http-cors-protocol. */
import { assertNotNegative, badOption, type Defaults, withDefaults } from '../call/options.js';
import { type ExchangeRequest, type ExchangeResponse, respond, type ResponseHeaders } from './exchange.js';

/** Which pages may call a chute from a browser. */
export interface CorsOptions {
  /** `*` for all, a list of origins (`https://app.example`), or a function that decides. */
  readonly origins: '*' | readonly string[] | ((origin: string) => boolean);
  /** May requests carry cookies and HTTP authentication? Not with `*`. Default: `omit`. */
  readonly credentials?: 'omit' | 'include' | undefined;
  /** Headers that a page may send. Default: whatever it asks for. */
  readonly allowHeaders?: readonly string[] | undefined;
  /** Headers of answers that a page may read. Default: the correlation id, `Retry-After`, and Ripstop's own. */
  readonly exposeHeaders?: readonly string[] | undefined;
  /** How long a browser may remember the permission, in milliseconds. Default: 600 000. */
  readonly maxAgeMs?: number | undefined;
}

type Settings = Defaults<CorsOptions, 'credentials' | 'exposeHeaders' | 'maxAgeMs'>;

/** What cross-origin permission gives unless told otherwise. */
export const corsDefaults: Omit<Settings, 'origins'> = {
  credentials: 'omit',
  exposeHeaders: [
    'x-correlation-id',
    'retry-after',
    'x-should-retry',
    'server-timing',
    'x-ripstop-model',
    'x-ripstop-attempts',
    'x-ripstop-fallback',
    'x-ripstop-degraded',
  ],
  maxAgeMs: 600_000,
};

export interface Cors {
  /** What belongs on every answer to this request, errors included. */
  headers(request: ExchangeRequest): Record<string, string>;
  /** The answer to a preflight: it carries no credentials, so no guard is asked. `undefined` for any other request. */
  preflight(request: ExchangeRequest, methods: readonly string[]): ExchangeResponse | undefined;
}

/** @throws RangeError for credentials with all origins, which browsers refuse. */
export function createCors(options: CorsOptions): Cors {
  const settings = withDefaults<CorsOptions, Settings>({ ...corsDefaults, origins: options.origins }, options);
  const { origins, credentials, allowHeaders, exposeHeaders, maxAgeMs } = settings;
  assertNotNegative('maxAgeMs', maxAgeMs);
  if (origins === '*' && credentials === 'include') {
    throw badOption('origins', "must be a list or a function where credentials are 'include'", '*');
  }

  function permission({ headers: { origin } }: ExchangeRequest): Record<string, string> {
    if (origins === '*') return { 'access-control-allow-origin': '*' };
    const vary = { vary: 'Origin' };
    if (origin === undefined) return vary;
    const allowed = typeof origins === 'function' ? origins(origin) : origins.includes(origin);
    if (!allowed) return vary;
    const permitted = { ...vary, 'access-control-allow-origin': origin };
    return credentials === 'include' ? { ...permitted, 'access-control-allow-credentials': 'true' } : permitted;
  }

  return {
    headers: (request) => ({ ...permission(request), 'access-control-expose-headers': exposeHeaders.join(', ') }),
    preflight(request, methods) {
      const { method, headers } = request;
      if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return undefined;
      const asked = headers['access-control-request-headers'];
      const names = allowHeaders?.join(', ') ?? asked;
      return respond(204, {
        ...permission(request),
        'access-control-allow-methods': methods.join(', '),
        ...(names === undefined ? {} : { 'access-control-allow-headers': names }),
        'access-control-max-age': String(Math.floor(maxAgeMs / 1000)),
        vary: 'Origin, Access-Control-Request-Headers',
      });
    },
  };
}

/** Both sets of headers; what `vary` already says stays. */
export function withCors(headers: ResponseHeaders, cors: Record<string, string>): ResponseHeaders {
  const { vary } = headers;
  if (vary === undefined || cors['vary'] === undefined) return { ...headers, ...cors };
  return { ...headers, ...cors, vary: `${String(vary)}, ${cors['vary']}` };
}
