/** A Web `Request` as the neutral record. */
import { InvalidInputError } from '../../errors/input-errors.js';
import { ModelError } from '../../errors/model-error.js';
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

/** A request that is answered by a `Response`. */
export interface WebExchange extends ExchangeRequest {
  readonly caller: Caller;
  /** Its client has left. */
  left(cause: unknown): void;
}

/** How a Web request came to us. */
export interface FetchArrival extends AppAround {
  /** Reads the whole body, also after the framework has read it. */
  readonly readAll?: (() => Promise<ArrayBuffer>) | undefined;
}

export class FetchExchange implements WebExchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: RequestHeaders;
  readonly caller: Caller = new Caller();
  private readonly request: Request;
  private readonly readAll: () => Promise<ArrayBuffer>;
  private body: Promise<Uint8Array> | undefined = undefined;

  constructor(request: Request, arrival: FetchArrival) {
    const { path, query } = splitTarget(request.url);
    this.request = request;
    this.method = request.method.toUpperCase();
    this.path = belowBase(path, arrival.segments ?? 0);
    this.query = query;
    this.headers = withCorrelationId(Object.fromEntries(request.headers), arrival.correlationId);
    this.readAll = arrival.readAll ?? (() => request.arrayBuffer());
    const { signal } = request;
    if (signal.aborted) this.left(signal.reason);
    else signal.addEventListener('abort', () => this.left(signal.reason), { once: true });
  }

  get signal(): AbortSignal {
    return this.caller.signal;
  }

  left(cause: unknown): void {
    this.caller.abort(new CancelledError(undefined, { cause }));
  }

  readBody(limitBytes: number): Promise<Uint8Array> {
    this.body ??= this.read(limitBytes);
    return this.body;
  }

  private async read(limitBytes: number): Promise<Uint8Array> {
    assertDeclaredLength(this.headers, limitBytes);
    // A body of a stated length is no longer than that, so it can be read in one go.
    const whole = this.request.bodyUsed || this.headers['content-length'] !== undefined;
    try {
      const bytes = whole ? new Uint8Array(await this.readAll()) : await this.collect(limitBytes);
      if (this.caller.aborted) throw this.caller.reason;
      return withinLimit(bytes, limitBytes);
    } catch (error) {
      if (this.caller.aborted) throw this.caller.reason;
      throw ModelError.isInstance(error)
        ? error
        : new InvalidInputError('The request body broke off', { cause: error });
    }
  }

  private async collect(limitBytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const reader = this.request.body?.getReader();
    if (reader === undefined) return new Uint8Array();
    const leave = (): void => void reader.cancel(this.caller.reason).catch(() => undefined);
    this.caller.addEventListener('abort', leave);
    try {
      for (let step = await reader.read(); !step.done; step = await reader.read()) {
        const chunk = step.value as Uint8Array;
        length += chunk.length;
        if (length > limitBytes) {
          leave();
          throw bodyTooLarge(limitBytes);
        }
        chunks.push(chunk);
      }
    } finally {
      this.caller.removeEventListener('abort', leave);
    }
    return joined(chunks, length);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
