import type { EventEmitter } from 'node:events';
import type { HttpRequest } from 'ripstop/models';

/** What undici takes for a signal: an AbortSignal, or an emitter of `abort` with these two. */
type Signal = (AbortSignal | EventEmitter) & { readonly aborted: boolean };

/**
 * News of an abort as undici takes it. An AbortSignal for every request would cost more than anything else that is done
 * for it, so it gets an emitter, of which this is as much as undici uses.
 */
export function abortNews(request: HttpRequest): Signal {
  return request.onAbort === undefined ? request.signal : (new AbortNews(request) as unknown as Signal);
}

class AbortNews {
  aborted = false;
  reason: unknown = undefined;
  /** Undici listens once for each time that the request is sent, one after the other. */
  private listener: (() => void) | undefined = undefined;

  constructor(request: HttpRequest) {
    request.onAbort?.((reason) => {
      this.aborted = true;
      this.reason = reason;
      this.listener?.();
    });
  }

  on(_event: 'abort', listener: () => void): this {
    this.listener = listener;
    return this;
  }

  once(event: 'abort', listener: () => void): this {
    return this.on(event, listener);
  }

  removeListener(_event: 'abort', listener: () => void): this {
    if (this.listener === listener) this.listener = undefined;
    return this;
  }
}
