/** An answer of the neutral record as a Web `Response`. */
import { discardStream } from '../../call/stream.js';
import type { ModelError } from '../../errors/model-error.js';
import { type ExchangeResponse, isBodiless, type ResponseBody, type ResponseHeaders } from '../exchange.js';
import type { WebExchange } from './fetch-exchange.js';

type Stream = AsyncIterable<string | Uint8Array>;

/** `broken` tells what the error of a stream means, since a server may send an error's message to its client. */
export function toResponse(
  exchange: WebExchange,
  { status, headers, body }: ExchangeResponse,
  broken: (error: unknown) => ModelError,
): Response {
  const lines = headerLines(headers);
  const silent = exchange.method === 'HEAD' || isBodiless(status);
  if (!isStreamBody(body)) return new Response(silent ? null : body, { status, headers: lines });
  if (!silent) return new Response(readable(exchange, body, broken), { status, headers: lines });
  discardStream(body);
  return new Response(null, { status, headers: lines });
}

/** The answer to an error, which is always text. */
export function errorAsResponse({ status, headers, body }: ExchangeResponse): Response {
  return new Response(body as string, { status, headers: headerLines(headers) });
}

/** A plain object where that is enough: some servers write one out without making a `Headers` of it. */
function headerLines(headers: ResponseHeaders): Record<string, string> | Headers {
  if (Object.values(headers).every((value) => typeof value === 'string')) return headers as Record<string, string>;
  const lines = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const line of typeof value === 'string' ? [value] : value) lines.append(name, line);
  }
  return lines;
}

/** Reads the source only when the client reads, and tells it to stop when the client leaves. */
function readable(
  exchange: WebExchange,
  body: Stream,
  broken: (error: unknown) => ModelError,
): ReadableStream<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  const utf8 = new TextEncoder();
  const stop = (): void => {
    void Promise.resolve()
      .then(() => iterator.return?.())
      .catch(() => undefined); // Nobody is left to hear that it failed to stop.
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const { caller } = exchange;
        const leave = (): void => {
          stop();
          // A server that sees its client leave cancels the stream within this turn, and would log an error as ours.
          queueMicrotask(() => controller.error(caller.reason));
        };
        if (caller.aborted) leave();
        else caller.addEventListener('abort', leave);
      },
      async pull(controller) {
        const { done, value } = await iterator.next().catch((error: unknown) => {
          throw broken(error);
        });
        if (exchange.caller.aborted) return;
        if (done === true) controller.close();
        else controller.enqueue(typeof value === 'string' ? utf8.encode(value) : value);
      },
      cancel: (reason) => exchange.left(reason),
    },
    { highWaterMark: 0 },
  );
}

function isStreamBody(body: ResponseBody): body is Stream {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}
