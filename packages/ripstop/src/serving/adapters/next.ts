/** `ripstop/next`: chutes as Next.js route handlers, and our error handling around handlers of your own. */
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import type { ExchangeHandler } from '../exchange.js';
import { type FetchOptions, fetchHandler } from './fetch.js';

export type { ErrorHandlingOptions } from './error-handling.js';
export { type WebHandler, withErrors } from './fetch-errors.js';

/** One route handler per method, as Next.js looks for them in a `route.ts`. */
export type RouteHandlers = Readonly<
  Record<'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS', (request: Request) => Promise<Response>>
>;

/**
 * A chute, or any other exchange handler, as a catch-all route. In `app/api/ai/[...path]/route.ts`:
 *
 * ```ts
 * export const { GET, POST, OPTIONS } = mount(chute.handle, { basePath: '/api/ai' });
 * ```
 */
export function mount(
  handler: ExchangeHandler,
  options: FetchOptions = {},
  runtime: Runtime = systemRuntime,
): RouteHandlers {
  const handle = fetchHandler(handler, options, runtime);
  return { GET: handle, HEAD: handle, POST: handle, PUT: handle, PATCH: handle, DELETE: handle, OPTIONS: handle };
}
