/** What `node:http` could not make a request of. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { InvalidInputError } from '../../errors/input-errors.js';
import type { ErrorHandler } from '../error-handler.js';
import type { ExchangeResponse } from '../exchange.js';
import type { NodeExchange } from './node-exchange.js';

export interface MalformedOptions {
  /** What is being answered on a connection. */
  readonly live: { on(socket: Socket): readonly NodeExchange[] };
  readonly errors: ErrorHandler;
}

/** The peer left, politely in the middle of a request or not. */
const left: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE']);

const faults: ReadonlyMap<string | undefined, { readonly status: number; readonly message: string }> = new Map([
  ['HPE_HEADER_OVERFLOW', { status: 431, message: 'The request headers are too large' }],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', { status: 413, message: 'The chunk extensions are too large' }],
  ['ERR_HTTP_REQUEST_TIMEOUT', { status: 408, message: 'The request did not arrive in time' }],
]);

/** Handles node's `clientError`. The parser has given up on the connection, so its next answer is its last. */
export function answerMalformed(error: Error, socket: Socket, { live, errors }: MalformedOptions): void {
  const { code } = error as NodeJS.ErrnoException;
  if (left.has(code) || !socket.writable) {
    socket.destroy();
    return;
  }
  const exchanges = [...live.on(socket)];
  const meant = malformed(code, error);
  for (const { response } of exchanges) {
    if (!response.headersSent) response.shouldKeepAlive = false;
    response.once('close', () => socket.destroySoon());
  }
  const latest = exchanges.at(-1);
  // Broken in the middle of a body: whoever reads it hears of it, and answers as the route does.
  if (latest?.request.complete === false) latest.breakBody(meant);
  // Broken after complete requests: they get their answers; a word between those would be taken for one of them.
  if (latest === undefined)
    socket.end(onTheWire(errors.respond(meant, { operation: 'parsing HTTP' })), () => socket.destroy());
}

function malformed(code: string | undefined, cause: Error): InvalidInputError {
  const { status, message } = faults.get(code) ?? { status: 400, message: 'The request is not valid HTTP' };
  return new InvalidInputError(message, { status, cause });
}

/** Node has no response object for what is no request. */
function onTheWire({ status, headers, body }: ExchangeResponse): string {
  const text = typeof body === 'string' ? body : '';
  const lines = Object.entries({ ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(text)) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n${text}`;
}
