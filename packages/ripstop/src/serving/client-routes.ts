/** Where the cords of a service are: told, or read off its OpenAPI document. */
import { InvalidResponseError } from '../errors/upstream-errors.js';

export interface ClientRoute {
  readonly method: string;
  readonly path: string;
}

/** `GET /search`, as a route. @throws RangeError for anything else. */
export function routeOf(name: string, text: string): ClientRoute {
  const [, method, path] = /^([A-Z]+) (\/\S*)$/.exec(text) ?? [];
  if (method === undefined || path === undefined) {
    throw new RangeError(`routes.${name} must be a method and a path like 'GET /search', got ${JSON.stringify(text)}`);
  }
  return { method, path };
}

/** The operations of a document by their ids. @throws InvalidResponseError for what is no OpenAPI document. */
export function routesOf(document: unknown): ReadonlyMap<string, ClientRoute> {
  const { paths } = (document ?? {}) as { readonly paths?: Record<string, Record<string, unknown>> };
  if (typeof paths !== 'object') throw new InvalidResponseError('The service sent no OpenAPI document');
  const routes = new Map<string, ClientRoute>();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const { operationId } = operation as { readonly operationId?: unknown };
      if (typeof operationId === 'string') routes.set(operationId, { method: method.toUpperCase(), path });
    }
  }
  return routes;
}

/** The path with its named segments filled in. @throws TypeError where one is missing. */
export function filled(path: string, params: Readonly<Record<string, string | number>>): string {
  return path.replace(/:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}/g, (_, colon?: string, braces?: string) => {
    const name = colon ?? braces ?? '';
    const value = params[name];
    if (value === undefined || value === '') throw new TypeError(`params.${name} must not be empty; the path needs it`);
    return encodeURIComponent(String(value));
  });
}

/** An object as a query: a list comes once per item, and what is `undefined` or `null` not at all. */
export function queryOf(input: unknown): string {
  if (typeof input !== 'object' || input === null) return '';
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input)) {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    for (const one of values) if (one !== undefined && one !== null) query.append(name, asText(one));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
