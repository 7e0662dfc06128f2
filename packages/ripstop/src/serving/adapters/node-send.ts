/** An answer of the neutral record, written to `node:http`. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { discardStream } from '../../call/stream.js';
import { readStep, type StepReader } from '../../call/steps.js';
import { type ExchangeResponse, isBodiless } from '../exchange.js';
import type { NodeExchange } from './node-exchange.js';

type Stream = AsyncIterable<string | Uint8Array>;

/**
 * Writes the answer, a stream as fast as the client reads it. What it gives for a stream resolves when everything has
 * been handed to node, or when nobody is left to read it, and rejects with the error of a stream that broke. Any other
 * answer is handed over at once.
 *
 * @throws whatever node says of a head that cannot be written; whether anything was sent, `response.headersSent` tells.
 */
export function send(
  exchange: NodeExchange,
  answer: ExchangeResponse,
  writeStallMs: number,
): Promise<void> | undefined {
  const { response } = exchange;
  const { status, headers, body } = answer;
  const silent = exchange.method === 'HEAD' || isBodiless(status);
  if (isStreamBody(body)) {
    if (exchange.gone || silent) discardStream(body);
    if (exchange.gone) return undefined;
    response.writeHead(status, headers as OutgoingHttpHeaders);
    if (!silent) return pump(exchange, body, writeStallMs);
    end(response, undefined, writeStallMs);
  } else if (!exchange.gone) {
    const length = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0);
    response.writeHead(status, (isBodiless(status) ? headers : sized(headers, length)) as OutgoingHttpHeaders);
    end(response, silent ? undefined : body, writeStallMs);
  }
  return undefined;
}

function sized(headers: ExchangeResponse['headers'], length: number): ExchangeResponse['headers'] {
  // First, since a member after a spread costs a hidden class each time (V8 11).
  const all = { 'content-length': '', ...headers };
  all['content-length'] = String(length);
  return all;
}

function pump(exchange: NodeExchange, body: Stream, writeStallMs: number): Promise<void> {
  return new Promise((resolve, reject) =>
    new Pump(exchange, body[Symbol.asyncIterator](), { writeStallMs, resolve, reject }).start(),
  );
}

interface PumpOptions {
  readonly writeStallMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** From a stream to a connection, a step at a time and without a promise of its own for each. */
class Pump implements StepReader<string | Uint8Array> {
  private readonly exchange: NodeExchange;
  private readonly iterator: AsyncIterator<string | Uint8Array>;
  private readonly options: PumpOptions;
  private over = false;

  constructor(exchange: NodeExchange, iterator: AsyncIterator<string | Uint8Array>, options: PumpOptions) {
    this.exchange = exchange;
    this.iterator = iterator;
    this.options = options;
  }

  start(): void {
    const { exchange } = this;
    if (exchange.gone) return this.closed();
    exchange.onClose(() => this.closed());
    // Node joins what is written within one tick, so the head goes out with the first chunk, or alone if that is not there.
    exchange.response.write('');
    this.step();
  }

  private step(): void {
    readStep(this.iterator, this);
  }

  arrived(step: IteratorResult<string | Uint8Array, unknown>): void {
    const { exchange, options } = this;
    if (this.over) return;
    if (exchange.gone) return this.closed();
    if (step.done === true) {
      this.over = true;
      end(exchange.response, undefined, options.writeStallMs);
      options.resolve();
    } else if (exchange.response.write(step.value)) {
      this.step();
    } else {
      this.waitForDrain();
    }
  }

  broke(error: unknown): void {
    if (this.over) return; // A consequence of the closing, which is known.
    this.over = true;
    this.options.reject(error);
  }

  /**
   * Stalls are timed by the socket, because only the socket sees that a slow client still takes something. When its time
   * runs out node destroys the connection, which closes the exchange. It is the same for what is left at the end.
   */
  private waitForDrain(): void {
    const { response } = this.exchange;
    response.socket?.setTimeout(this.options.writeStallMs);
    response.once('drain', () => {
      if (this.over) return;
      response.socket?.setTimeout(0);
      this.step();
    });
  }

  private closed(): void {
    if (this.over) return;
    this.over = true;
    stop(this.iterator);
    this.options.resolve();
  }
}

function end(response: ServerResponse, body: string | Uint8Array | undefined, writeStallMs: number): void {
  response.end(body);
  if (response.writableLength > 0) response.socket?.setTimeout(writeStallMs);
}

function isStreamBody(body: ExchangeResponse['body']): body is Stream {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

/** Tells a source that nobody reads on. It is not waited for: it may hang in the step that is given up. */
function stop(iterator: AsyncIterator<unknown>): void {
  void Promise.resolve()
    .then(() => iterator.return?.())
    .catch(() => undefined); // Nobody is left to hear that it failed to stop.
}
