/** Requests of `node:http`, answered by an exchange handler. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { assertPositive, type Defaults, withDefaults } from '../../call/options.js';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { requestCorrelationId } from '../correlation.js';
import { createErrorHandler, type ErrorHandler } from '../error-handler.js';
import type { ExchangeHandler, ExchangeResponse } from '../exchange.js';
import { handle, type Outcome } from '../outcome.js';
import type { AppAround } from './app-around.js';
import { NodeExchange } from './node-exchange.js';
import { LiveExchanges } from './node-live.js';
import { send } from './node-send.js';

/** Options of `nodeListener()`. */
export interface NodeOptions {
  /** Tells what a handler's own errors and broken streams mean. Default: one of its own. */
  readonly errorHandler?: ErrorHandler | undefined;
  /** How long a request body may take to arrive, in milliseconds. Default: 60 000. */
  readonly bodyTimeoutMs?: number | undefined;
  /** How long a client may take nothing of an answer that waits for it, in milliseconds. Default: 30 000. */
  readonly writeStallMs?: number | undefined;
  /**
   * How long the rest of a body that was refused is still taken off the wire after the answer, in milliseconds, so
   * that the answer arrives and the connection can be used again. Default: 5 000.
   */
  readonly lingerMs?: number | undefined;
}

/** What `nodeListener()` does unless told otherwise. */
export const nodeDefaults: Defaults<NodeOptions, 'bodyTimeoutMs' | 'writeStallMs' | 'lingerMs'> = {
  bodyTimeoutMs: 60_000,
  writeStallMs: 30_000,
  lingerMs: 5_000,
};

/** What `http.createServer` takes. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A listener for `http.createServer`. Whatever a client does, it neither throws nor leaves a rejection unhandled.
 * `serve` adds what only a whole server can do: malformed HTTP, limits of time, and a graceful end.
 *
 * @throws RangeError for a limit that is not above 0.
 */
export function nodeListener(
  handler: ExchangeHandler,
  options: NodeOptions = {},
  runtime: Runtime = systemRuntime,
): NodeListener {
  const answer = createAnswerer(handler, new LiveExchanges(), options, runtime);
  return (request, response) => answer(request, response, { continueOnRead: 'no' });
}

/** How a request came to us. */
export interface Arrival {
  readonly continueOnRead: 'yes' | 'no';
  readonly around?: AppAround | undefined;
}

export type Answerer = (request: IncomingMessage, response: ServerResponse, arrival: Arrival) => void;

/** What comes of one request goes to its connection. */
class Delivery implements Outcome {
  private readonly exchange: NodeExchange;
  private readonly deliver: (exchange: NodeExchange, response: ExchangeResponse) => void;
  private readonly refuse: (exchange: NodeExchange, error: unknown) => void;

  constructor(exchange: NodeExchange, deliver: Delivery['deliver'], refuse: Delivery['refuse']) {
    this.exchange = exchange;
    this.deliver = deliver;
    this.refuse = refuse;
  }

  answered(response: ExchangeResponse): void {
    this.deliver(this.exchange, response);
  }

  failed(error: unknown): void {
    this.refuse(this.exchange, error);
  }
}

/** Answers one request; while that lasts it is among the live ones. */
export function createAnswerer(
  handler: ExchangeHandler,
  live: LiveExchanges,
  options: NodeOptions,
  runtime: Runtime,
): Answerer {
  const { bodyTimeoutMs, writeStallMs, lingerMs, ...rest } = withDefaults(nodeDefaults, options);
  for (const [name, value] of Object.entries({ bodyTimeoutMs, writeStallMs, lingerMs })) assertPositive(name, value);
  const errors = rest.errorHandler ?? createErrorHandler({}, runtime);
  const { clock } = runtime;

  /** Never throws. */
  function deliver(exchange: NodeExchange, answered: ExchangeResponse): void {
    const broken = (error: unknown): void => {
      const instead = errors.respond(error, scopeOf(exchange));
      // An answer that has begun is broken off, so that nobody takes it for complete; there is never a second (D63).
      if (exchange.response.headersSent) exchange.response.destroy();
      else void sendInstead(exchange, instead);
    };
    try {
      send(exchange, answered, writeStallMs)?.catch(broken);
    } catch (error) {
      broken(error);
    }
  }

  function refuse(exchange: NodeExchange, error: unknown): void {
    deliver(exchange, errors.respond(error, scopeOf(exchange)));
  }

  async function sendInstead(exchange: NodeExchange, answer: ExchangeResponse): Promise<void> {
    try {
      await send(exchange, answer, writeStallMs);
    } catch (error) {
      errors.handle(error, scopeOf(exchange));
      exchange.response.destroy();
    }
  }

  function scopeOf({ method, headers }: NodeExchange): { readonly method: string; readonly correlationId: string } {
    return { method, correlationId: requestCorrelationId(headers, runtime) };
  }

  function linger(request: IncomingMessage): void {
    if (request.complete || request.destroyed) return;
    request.resume();
    const timer = clock.after(lingerMs, () => request.destroy());
    for (const end of ['end', 'close']) request.once(end, () => timer.cancel());
  }

  return (request, response, { continueOnRead, around }) => {
    const exchange = new NodeExchange(request, response, { clock, bodyTimeoutMs, continueOnRead, around });
    live.add(exchange);
    response.on('finish', () => linger(request));
    handle(handler, exchange, new Delivery(exchange, deliver, refuse));
  };
}
