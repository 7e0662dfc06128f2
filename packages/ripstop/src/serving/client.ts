/** A client of a chute, typed by the chute: `createClient<typeof app>(url)`. */
import { assertPositive } from '../call/options.js';
import { InvalidInputError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { InvalidResponseError } from '../errors/upstream-errors.js';
import { classify } from '../models/classify/classify.js';
import { parseErrorResponse } from '../models/parse-error-response.js';
import type { CordType, TypedService } from './chute-types.js';
import { type ClientRoute, filled, queryOf, routeOf, routesOf } from './client-routes.js';
import { isStreamed, itemsOf } from './client-stream.js';

/** Options of `createClient()`. */
export interface ClientOptions<App = unknown> {
  /** Sent as `Authorization: Bearer`. */
  readonly key?: string | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Where cords are (`{ search: 'GET /search' }`). Default: asked of the service's `/openapi.json`, once. */
  readonly routes?: Routes<App> | undefined;
}

/** What may be said about one call. */
export interface ClientCallOptions {
  /** Ends the request, and its stream. The promise rejects with its very reason. */
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the service makes one. */
  readonly correlationId?: string | undefined;
  /** The time that the service may take, in milliseconds (`X-Request-Timeout-Ms`). Default: its own limit. */
  readonly deadlineMs?: number | undefined;
  /** The named segments of the cord's path. */
  readonly params?: Readonly<Record<string, string | number>> | undefined;
}

type CordsOf<App> = App extends TypedService<infer Cords> ? Cords : never;

type Routes<App> = {
  readonly [Name in keyof CordsOf<App>]?: CordsOf<App>[Name] extends CordType
    ? `${CordsOf<App>[Name]['method']} ${CordsOf<App>[Name]['path']}`
    : string;
};

type ClientCall<Cord> = Cord extends CordType
  ? undefined extends Cord['input']
    ? (input?: Cord['input'], options?: ClientCallOptions) => Promise<Cord['output']>
    : (input: Cord['input'], options?: ClientCallOptions) => Promise<Cord['output']>
  : never;

/** A function per cord: it takes the input, and gives the output; a stream is an async iterable of its items. */
export type Client<App> = { readonly [Name in keyof CordsOf<App>]: ClientCall<CordsOf<App>[Name]> };

/**
 * A client whose functions are the cords of a chute, typed by the chute's type, which is all of it that the client needs.
 *
 * ```ts
 * const client = createClient<typeof app>('http://127.0.0.1:8000', { key });
 * const { generated_text } = await client.generate({ prompt: 'Hello' });
 * for await (const { delta } of await client.chat({ prompt: 'Hello' })) process.stdout.write(delta);
 * ```
 *
 * Every call rejects with the `ModelError` that the service meant, or with `upstream_unavailable` where none was reached,
 * and retries nothing: wrap it in a pipeline, or give it a `fetch` that retries.
 *
 * @throws RangeError for a malformed route.
 */
export function createClient<App extends TypedService>(
  baseUrl: string | URL,
  options: ClientOptions<App> = {},
): Client<App> {
  const connection = new Connection(String(baseUrl).replace(/\/+$/, ''), options as ClientOptions);
  return new Proxy({} as Client<App>, {
    get(_, name) {
      // A promise that resolves to the client asks it for `then`.
      if (typeof name === 'symbol' || name === 'then') return undefined;
      return (input?: unknown, call?: ClientCallOptions) => connection.call(name, input, call);
    },
  });
}

class Connection {
  private readonly baseUrl: string;
  private readonly options: ClientOptions;
  private readonly stated: ReadonlyMap<string, ClientRoute>;
  private discovered: Promise<ReadonlyMap<string, ClientRoute>> | undefined = undefined;

  constructor(baseUrl: string, options: ClientOptions) {
    this.baseUrl = baseUrl;
    this.options = options;
    const routes = Object.entries<string>(options.routes ?? {});
    this.stated = new Map(routes.map(([name, text]) => [name, routeOf(name, text)]));
  }

  async call(name: string, input: unknown, options: ClientCallOptions = {}): Promise<unknown> {
    const { signal, params = {} } = options;
    const route = this.stated.get(name) ?? (await this.discover(signal)).get(name);
    if (route === undefined) throw new InvalidInputError(`The service has no cord ${name}`, { status: 404 });
    const inQuery = route.method === 'GET';
    const target = filled(route.path, params) + (inQuery ? queryOf(input) : '');
    const body = inQuery || input === undefined ? undefined : JSON.stringify(input);
    const response = await this.send(
      target,
      { method: route.method, ...(body === undefined ? {} : { body }) },
      options,
    );
    if (!response.ok) throw await parseErrorResponse(response, { signal });
    if (isStreamed(response)) return itemsOf(response, signal);
    return this.whole(valueOf(response), signal);
  }

  /** A discovery that failed is tried again by the next call. */
  private async discover(signal: AbortSignal | undefined): Promise<ReadonlyMap<string, ClientRoute>> {
    this.discovered ??= this.readRoutes().catch((error: unknown) => {
      this.discovered = undefined;
      throw error;
    });
    return this.whole(this.discovered, signal);
  }

  private async readRoutes(): Promise<ReadonlyMap<string, ClientRoute>> {
    const response = await this.send('/openapi.json', { method: 'GET' }, {});
    if (!response.ok) throw await parseErrorResponse(response);
    return routesOf(await valueOf(response));
  }

  private async send(target: string, init: RequestInit, options: ClientCallOptions): Promise<Response> {
    const { signal, headers, correlationId, deadlineMs } = options;
    if (deadlineMs !== undefined) assertPositive('deadlineMs', deadlineMs);
    const { key, fetch = globalThis.fetch } = this.options;
    const lines = {
      accept: 'application/json, text/event-stream, application/x-ndjson',
      ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(correlationId === undefined ? {} : { 'x-correlation-id': correlationId }),
      ...(deadlineMs === undefined ? {} : { 'x-request-timeout-ms': String(Math.ceil(deadlineMs)) }),
      ...this.options.headers,
      ...headers,
    };
    return this.whole(fetch(this.baseUrl + target, { ...init, headers: lines, signal: signal ?? null }), signal);
  }

  /** What comes, or the caller's own reason, or what the network's failure means. */
  private async whole<T>(coming: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await (signal === undefined ? coming : orAborted(coming, signal));
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw ModelError.isInstance(error) ? error : classify({ error });
    }
  }
}

async function valueOf(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined;
  const text = await response.text();
  if (!/\bjson\b/i.test(response.headers.get('content-type') ?? '')) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidResponseError(undefined, { cause });
  }
}

/** A discovery is shared, so no caller's signal may end it; each stops waiting for it by its own. */
function orAborted<T>(coming: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    coming.catch(() => undefined); // Its end is the caller's leaving.
    return Promise.reject(signal.reason as Error);
  }
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave);
    void coming.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
