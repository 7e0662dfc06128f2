/** Our error handling around a handler of Web requests: Next.js route handlers, `Bun.serve`, Deno, workers. */
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { AppErrors, type ErrorHandlingOptions, unlessGone } from './error-handling.js';
import { errorAsResponse } from './fetch-response.js';

/** A handler of Web requests, and what its platform gives it besides. */
export type WebHandler<Rest extends unknown[]> = (request: Request, ...rest: Rest) => Response | Promise<Response>;

/**
 * The same handler with a correlation id in every answer, and with our answer to every error. What Next.js throws to
 * steer itself (`redirect()`, `notFound()`) passes through.
 */
export function withErrors<Rest extends unknown[]>(
  handler: WebHandler<Rest>,
  options: ErrorHandlingOptions = {},
  runtime: Runtime = systemRuntime,
): (request: Request, ...rest: Rest) => Promise<Response> {
  const errors = new AppErrors(options, runtime);
  return async (request, ...rest) => {
    const headers = Object.fromEntries(request.headers);
    const correlationId = errors.begin(request, headers);
    try {
      return labelled(await errors.run(request, headers, () => handler(request, ...rest)), correlationId);
    } catch (error) {
      if (steersNext(error)) throw error;
      const asked = { key: request, method: request.method, headers };
      const meant = unlessGone(error, request.signal.aborted ? 'gone' : 'here');
      return errorAsResponse(errors.answer(meant, asked));
    }
  };
}

function labelled(response: Response, correlationId: string): Response {
  try {
    response.headers.set('x-correlation-id', correlationId);
    return response;
  } catch {
    // The headers of a redirect, and of what `fetch` gave, are fixed; those of a copy are not.
    const copy = new Response(response.body, response);
    copy.headers.set('x-correlation-id', correlationId);
    return copy;
  }
}

/** The `digest` of what Next.js throws at itself, to redirect and to find out what cannot be rendered in advance. */
function steersNext(error: unknown): boolean {
  const { digest } = (typeof error === 'object' && error !== null ? error : {}) as { readonly digest?: unknown };
  return typeof digest === 'string' && /^(?:NEXT_|DYNAMIC_SERVER_USAGE|BAILOUT_TO_|HANGING_PROMISE)/.test(digest);
}
