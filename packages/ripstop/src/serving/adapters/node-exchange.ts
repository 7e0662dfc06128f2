/** A request of `node:http` as the neutral record. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../call/runtime.js';
import { InvalidInputError } from '../../errors/input-errors.js';
import type { ModelError } from '../../errors/model-error.js';
import { CancelledError } from '../../errors/rejections.js';
import { Caller } from '../caller.js';
import {
  assertDeclaredLength,
  bodyTooLarge,
  type ExchangeRequest,
  type RequestHeaders,
  splitTarget,
} from '../exchange.js';
import { type AppAround, belowBase, withCorrelationId, withinLimit } from './app-around.js';

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
  readonly timesBody = 'yes';
  private readonly options: NodeExchangeOptions;
  private body: Promise<Uint8Array> | undefined = undefined;
  private brokenBody: ModelError | undefined = undefined;
  private rejectBody: ((error: ModelError) => void) | undefined = undefined;
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
    this.rejectBody?.(reason);
  }

  left(cause: unknown): void {
    this.abort(new CancelledError(undefined, { cause }));
  }

  /** The parser has given up on the body. What has not been answered yet may still be. */
  breakBody(error: ModelError): void {
    this.brokenBody = error;
    this.rejectBody?.(error);
  }

  readBody(limitBytes: number, timeoutMs: number = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    this.body ??= this.collect(limitBytes, Math.min(timeoutMs, this.options.bodyTimeoutMs));
    return this.body;
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

  private collect(limitBytes: number, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const { request, response, options } = this;
      this.assertReadable(limitBytes);
      if (options.around?.body !== undefined) return resolve(withinLimit(options.around.body, limitBytes));
      if (options.continueOnRead === 'yes') response.writeContinue();

      const chunks: Uint8Array[] = [];
      let length = 0;
      // Its listeners would keep the pieces of the body as long as its answer takes.
      const over = (): void => {
        timer.cancel();
        request.off('data', keep).off('end', end);
        this.rejectBody = undefined;
      };
      const fail = (error: ModelError): void => {
        over();
        // The rest stays in the kernel until the answer is out: nobody's memory grows.
        request.pause();
        reject(error);
      };
      const keep = (chunk: Uint8Array): void => {
        length += chunk.length;
        if (length > limitBytes) fail(bodyTooLarge(limitBytes));
        else chunks.push(chunk);
      };
      const end = (): void => {
        over();
        resolve(chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, length));
      };
      const timer = options.clock.after(timeoutMs, () => this.breakBody(this.tooSlow(timeoutMs)));
      this.rejectBody = fail;
      request.on('data', keep).on('end', end);
    });
  }

  private assertReadable(limitBytes: number): void {
    assertDeclaredLength(this.headers, limitBytes);
    if (this.brokenBody !== undefined) throw this.brokenBody;
    if (this.caller.aborted) throw this.caller.reason;
    if (this.request.readableEnded && this.options.around?.body === undefined) {
      throw new Error('The request body was read before the handler could read it');
    }
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
