import type { HttpAnswer, HttpRequest } from 'ripstop/models';
import type { Dispatcher } from 'undici';

type Controller = Dispatcher.DispatchController;
type Headers = Readonly<Record<string, string | string[] | undefined>>;
type Step = IteratorResult<Uint8Array, undefined>;

const over: Step = { done: true, value: undefined };

/** How much of a body waits here for a slow reader, in bytes, before its connection is read no further. */
const maxWaiting = 64 * 1024;

/**
 * One answer as undici's dispatcher brings it: its head, then its body, an iterator read one step at a time. Without the
 * stream that `request()` would make of it: that costs more than everything else that is done for a small answer.
 */
export class DispatchedAnswer implements Dispatcher.DispatchHandler, AsyncIterableIterator<Uint8Array, undefined> {
  /** Rejects with the network's own error, or the abort's reason. */
  readonly answer: Promise<HttpAnswer>;
  private settle: { readonly resolve: (answer: HttpAnswer) => void; readonly reject: (error: unknown) => void };
  private controller: Controller | undefined = undefined;
  private abortion: { readonly reason: unknown } | undefined = undefined;
  private readonly stopListening: () => void;
  private chunks: Uint8Array[] = [];
  private waitingBytes = 0;
  private state: 'open' | 'over' = 'open';
  private failure: { readonly error: unknown } | undefined = undefined;
  private reader: { readonly resolve: (step: Step) => void; readonly reject: (error: unknown) => void } | undefined =
    undefined;

  constructor(request: HttpRequest) {
    this.settle = { resolve: () => undefined, reject: () => undefined };
    this.answer = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.stopListening = whenAborted(request, (reason) => this.abort(reason));
  }

  next(): Promise<Step> {
    const chunk = this.chunks.shift();
    if (chunk !== undefined) {
      this.waitingBytes -= chunk.byteLength;
      if (this.waitingBytes <= maxWaiting && this.controller?.paused === true) this.controller.resume();
      return Promise.resolve({ done: false, value: chunk });
    }
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) return Promise.reject(failure.error);
    if (this.state === 'over') return Promise.resolve(over);
    return new Promise((resolve, reject) => {
      this.reader = { resolve, reject };
    });
  }

  /** Gives up the rest, and with it the connection. */
  async return(): Promise<Step> {
    const { state } = this;
    this.end();
    this.chunks = [];
    this.failure = undefined;
    if (state === 'open') this.controller?.abort(new Error('The rest of the answer is not needed'));
    return over;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    if (this.abortion !== undefined) this.abort(this.abortion.reason);
  }

  onResponseStart(_controller: Controller, status: number, headers: Headers): void {
    if (status >= 200) this.settle.resolve({ status, headers: flat(headers), body: this });
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (this.state === 'over') return;
    const { reader } = this;
    if (reader !== undefined) {
      this.reader = undefined;
      return reader.resolve({ done: false, value: chunk });
    }
    this.chunks.push(chunk);
    this.waitingBytes += chunk.byteLength;
    if (this.waitingBytes > maxWaiting) controller.pause();
  }

  onResponseEnd(): void {
    const { reader } = this;
    this.end();
    reader?.resolve(over);
  }

  onResponseError(_controller: Controller, thrown: Error): void {
    const error = this.abortion === undefined ? thrown : this.abortion.reason;
    const { state, reader } = this;
    this.end();
    this.settle.reject(error); // Nothing, where the head has come.
    if (reader !== undefined) reader.reject(error);
    else if (state === 'open') this.failure = { error };
  }

  private abort(reason: unknown): void {
    this.abortion = { reason };
    // Undici wants an error; what it was is told by us.
    this.controller?.abort(reason instanceof Error ? reason : new Error('The request was aborted'));
  }

  private end(): void {
    this.state = 'over';
    this.reader = undefined;
    this.stopListening();
  }
}

function whenAborted(request: HttpRequest, listener: (reason: unknown) => void): () => void {
  return request.onAbort?.(listener) ?? listening(request.signal, listener);
}

function listening(signal: AbortSignal, listener: (reason: unknown) => void): () => void {
  const tell = (): void => listener(signal.reason);
  if (signal.aborted) tell();
  signal.addEventListener('abort', tell, { once: true });
  return () => signal.removeEventListener('abort', tell);
}

function flat(headers: Headers): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) result[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return result;
}
