/** A whole server on `node:http`: limits of time, malformed requests, and a graceful end. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { assertNotNegative, assertPositive, type Defaults, withDefaults } from '../../call/options.js';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { InvalidInputError } from '../../errors/input-errors.js';
import { ModelOverloadedError } from '../../errors/rejections.js';
import { createErrorHandler } from '../error-handler.js';
import type { ExchangeHandler } from '../exchange.js';
import { type Answerer, createAnswerer, type NodeOptions, nodeDefaults } from './node-listener.js';
import { LiveExchanges } from './node-live.js';
import { answerMalformed } from './node-malformed.js';

/** Options of `serve()`. */
export interface ServeOptions extends NodeOptions {
  /** 0 takes any free port. Default: 8000. */
  readonly port?: number | undefined;
  /** Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  /** How long a connection may rest between requests; longer than a load balancer's own limit. Default: 75 000. */
  readonly keepAliveTimeoutMs?: number | undefined;
  /** How long the head of a request may take to arrive, in milliseconds. Default: 15 000. */
  readonly headersTimeoutMs?: number | undefined;
}

/** How a server ends. */
export interface CloseOptions {
  /** How long requests and streams may go on, in milliseconds. Default: 30 000. */
  readonly drainMs?: number | undefined;
  /**
   * How long those that are left then have to send their last words (their signals abort with a `ModelOverloadedError`,
   * reason `draining`), in milliseconds. Default: 1 000.
   */
  readonly graceMs?: number | undefined;
}

/** A server that listens. */
export interface NodeServer {
  readonly port: number;
  readonly host: string;
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** Requests that have no complete answer yet. */
  readonly inFlight: number;
  /** For what is not offered here. */
  readonly server: Server;
  /**
   * Stops accepting, lets requests and streams finish, then closes every connection. Idempotent: a second call waits
   * for the first.
   */
  close(options?: CloseOptions): Promise<void>;
}

type ServeDefaults = Defaults<ServeOptions, 'port' | 'host' | 'keepAliveTimeoutMs' | 'headersTimeoutMs'>;

/** What `serve()` does unless told otherwise. */
export const serveDefaults: ServeDefaults = {
  port: 8000,
  host: '127.0.0.1',
  keepAliveTimeoutMs: 75_000,
  headersTimeoutMs: 15_000,
};

/** What `close()` does unless told otherwise. */
export const closeDefaults: Defaults<CloseOptions, 'drainMs' | 'graceMs'> = { drainMs: 30_000, graceMs: 1_000 };

/** How often node looks for requests that are too slow, in milliseconds. Its own default would add half a minute. */
const checkIntervalMs = 1_000;

/**
 * Serves a handler until `close()`.
 *
 * Rejects with node's error when the address cannot be taken (`EADDRINUSE`, say).
 *
 * @throws RangeError for a limit that is not above 0.
 */
export async function serve(
  handler: ExchangeHandler,
  options: ServeOptions = {},
  runtime: Runtime = systemRuntime,
): Promise<NodeServer> {
  const { port, host, keepAliveTimeoutMs, headersTimeoutMs, ...rest } = withDefaults(serveDefaults, options);
  for (const [name, value] of Object.entries({ keepAliveTimeoutMs, headersTimeoutMs })) assertPositive(name, value);
  const errors = rest.errorHandler ?? createErrorHandler({}, runtime);
  const live = new LiveExchanges();
  const answererOf = (handler: ExchangeHandler): Answerer => {
    return createAnswerer(handler, live, { ...rest, errorHandler: errors }, runtime);
  };
  const answer = answererOf(handler);
  const refuseHostless = answererOf(hostless);
  const refuseExpectation = answererOf(unknownExpectation);
  const take = (continueOnRead: 'yes' | 'no') => (request: IncomingMessage, response: ServerResponse) => {
    (lacksHost(request) ? refuseHostless : answer)(request, response, { continueOnRead });
  };

  const server = createServer({
    keepAliveTimeout: keepAliveTimeoutMs,
    headersTimeout: headersTimeoutMs,
    // The backstop for bodies that nobody reads; those that are read have a limit of their own.
    requestTimeout: headersTimeoutMs + 2 * (rest.bodyTimeoutMs ?? nodeDefaults.bodyTimeoutMs),
    connectionsCheckingInterval: checkIntervalMs,
    // Node's own refusal would be a bare status; ours has an envelope.
    requireHostHeader: false,
  });
  server.on('request', take('no'));
  server.on('checkContinue', take('yes'));
  server.on('checkExpectation', (request, response) => refuseExpectation(request, response, { continueOnRead: 'no' }));
  server.on('connection', (socket: Socket) => void live.connected(socket));
  server.on('clientError', (error, socket) => answerMalformed(error, socket as Socket, { live, errors }));
  await listening(server, port, host);
  server.on('error', (error) => void errors.handle(error, { operation: 'listening' }));

  const address = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  return {
    port: address.port,
    host,
    url: `http://${address.family === 'IPv6' ? `[${host}]` : host}:${address.port}`,
    server,
    get inFlight() {
      return live.count;
    },
    close(closeOptions = {}) {
      closed ??= close(server, live, closeOptions, runtime);
      return closed;
    },
  };
}

async function close(server: Server, live: LiveExchanges, options: CloseOptions, runtime: Runtime): Promise<void> {
  const { drainMs, graceMs } = withDefaults(closeDefaults, options);
  assertNotNegative('drainMs', drainMs);
  assertNotNegative('graceMs', graceMs);
  const over = new Promise<void>((resolve) => {
    // Not http's own close: that destroys connections whose answer is complete and not yet on the wire.
    NetServer.prototype.close.call(server, () => resolve());
  });
  live.drain();
  let last = runtime.clock.after(drainMs, () => {
    const reason = new ModelOverloadedError('The server is shutting down', { details: { reason: 'draining' } });
    for (const exchange of live.all()) exchange.abort(reason);
    last = runtime.clock.after(graceMs, () => live.destroyAll());
  });
  await over;
  last.cancel();
  server.close(); // Nothing is left to close; this ends node's own checking of connections.
}

/** RFC 9112 §3.2: in HTTP/1.1 a request names its host. */
function lacksHost({ httpVersion, headers }: IncomingMessage): boolean {
  return httpVersion === '1.1' && headers.host === undefined;
}

const hostless: ExchangeHandler = () => {
  return Promise.reject(new InvalidInputError('The request has no Host header'));
};

/** RFC 9110 §10.1.1: there is no expectation but 100-continue. */
const unknownExpectation: ExchangeHandler = () => {
  return Promise.reject(new InvalidInputError('The only expectation is 100-continue', { status: 417 }));
};

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
