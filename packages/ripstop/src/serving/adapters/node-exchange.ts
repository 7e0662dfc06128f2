/** A request of `node:http` as the neutral record. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../call/runtime.js';
import { InvalidInputError } from '../../errors/input-errors.js';
import type { ModelError } from '../../errors/model-error.js';
import { CancelledError } from '../../errors/rejections.js';
import { Caller } from '../caller.js';
import {
  assertDeclaredLength,
  type BodyReader,
  type ExchangeRequest,
  type RequestHeaders,
  splitTarget,
} from '../exchange.js';
import { type AppAround, belowBase, withCorrelationId, withinLimit } from './app-around.js';
import { NodeBody } from './node-body.js';

export interface NodeExchangeOptions {
  readonly clock: Clock;
  readonly bodyTimeoutMs: number;
  /** Has the `100 Continue` that the client waits for been left to us? */
  readonly continueOnRead: 'yes' | 'no';
  readonly around?: AppAround | undefined;
}

const nothingAround: AppAround = {};
const dealtWith = (): void => undefined;

export class NodeExchange implements ExchangeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: RequestHeaders;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly caller: Caller = new Caller();
  private readonly options: NodeExchangeOptions;
  private body: NodeBody | undefined = undefined;
  private brokenBody: ModelError | undefined = undefined;
  private over = false;
  private whenClosed: (() => void) | undefined = undefined;

  constructor(request: IncomingMessage, response: ServerResponse, options: NodeExchangeOptions) {
    const { path, query } = splitTarget(request.url ?? '/');
    const { segments = 0, correlationId } = options.around ?? nothingAround;
    this.method = request.method ?? 'GET';
    this.path = segments === 0 ? path : belowBase(path, segments);
    this.query = query;
    this.headers = withCorrelationId(request.headers as RequestHeaders, correlationId);
    this.request = request;
    this.response = response;
    this.options = options;
    // A client that is gone closes the exchange, which is where it is dealt with.
    response.on('error', dealtWith);
  }

  get remoteAddress(): string | undefined {
    return this.request.socket.remoteAddress;
  }

  get signal(): AbortSignal {
    return this.caller.signal;
  }

  /** Is there nobody left to answer? */
  get gone(): boolean {
    return this.over || this.response.destroyed;
  }

  abort(reason: ModelError): void {
    this.caller.abort(reason);
    this.body?.fail(reason);
  }

  left(cause: unknown): void {
    this.abort(new CancelledError(undefined, { cause }));
  }

  /** The parser has given up on the body. What has not been answered yet may still be. */
  breakBody(error: ModelError): void {
    this.brokenBody = error;
    this.body?.fail(error);
  }

  readBody(limitBytes: number, timeoutMs: number = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    return new Promise((arrived, broke) => this.readBodyByCall({ arrived, broke }, limitBytes, timeoutMs));
  }

  readBodyByCall(reader: BodyReader, limitBytes: number, timeoutMs: number): void {
    if (this.body !== undefined) return this.body.read(reader);
    const { request, response, options } = this;
    let known: Uint8Array | undefined;
    try {
      known = this.known(limitBytes);
    } catch (error) {
      return reader.broke(error);
    }
    if (known !== undefined) return reader.arrived(known);
    if (options.continueOnRead === 'yes') response.writeContinue();
    const { clock, bodyTimeoutMs } = options;
    const tooSlow = (limitMs: number): void => this.breakBody(this.tooSlow(limitMs));
    this.body = new NodeBody(request, reader, {
      limitBytes,
      timeoutMs: Math.min(timeoutMs, bodyTimeoutMs),
      clock,
      tooSlow,
    });
  }

  /** Called once, when the answer is complete or its connection gone. */
  onClose(action: () => void): void {
    this.whenClosed = action;
  }

  /** The answer is complete, or its connection is gone. Idempotent. */
  close(): void {
    this.over = true;
    if (!this.response.writableFinished) this.left(undefined);
    this.whenClosed?.();
  }

  /**
   * The body, if the app around has read it.
   *
   * @throws ModelError if it is plain by now that it cannot be read.
   */
  private known(limitBytes: number): Uint8Array | undefined {
    assertDeclaredLength(this.headers, limitBytes);
    if (this.brokenBody !== undefined) throw this.brokenBody;
    if (this.caller.aborted) throw this.caller.reason;
    const body = this.options.around?.body;
    if (body !== undefined) return withinLimit(body, limitBytes);
    if (this.request.readableEnded) throw new Error('The request body was read before the handler could read it');
    return undefined;
  }

  private tooSlow(timeoutMs: number): InvalidInputError {
    // What is still to come cannot be told from the next request, so the connection ends with the answer.
    this.response.shouldKeepAlive = false;
    return new InvalidInputError('The request body did not arrive in time', {
      status: 408,
      details: { timeout_seconds: timeoutMs / 1000 },
    });
  }
}
