/** Listening to a caller's signal. */

/**
 * What is read of a caller's signal. An `AbortSignal` is one; a server that has a request per signal may hand in
 * something lighter, since an `AbortSignal` with one listener costs more than all the rest of a small request.
 */
export interface CallerSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

interface Audience {
  readonly listeners: Set<() => void>;
  readonly tell: () => void;
}

const audiences = new WeakMap<CallerSignal, Audience>();

/**
 * Calls `listener` once when `signal` aborts. All calls under one signal share one listener on it: a program that
 * gives the signal of its shutdown to a hundred calls at once would be warned of a leak at the eleventh.
 */
export function listen(signal: CallerSignal, listener: () => void): void {
  if (!(signal instanceof AbortSignal)) return signal.addEventListener('abort', listener);
  let audience = audiences.get(signal);
  if (audience === undefined) {
    audience = gather(signal);
    audiences.set(signal, audience);
    signal.addEventListener('abort', audience.tell);
  }
  audience.listeners.add(listener);
}

/** Ends what `listen` began; idempotent. */
export function stopListening(signal: CallerSignal, listener: () => void): void {
  if (!(signal instanceof AbortSignal)) return signal.removeEventListener('abort', listener);
  const audience = audiences.get(signal);
  if (audience === undefined || !audience.listeners.delete(listener) || audience.listeners.size > 0) return;
  audiences.delete(signal);
  signal.removeEventListener('abort', audience.tell);
}

function gather(signal: CallerSignal): Audience {
  const listeners = new Set<() => void>();
  const tell = (): void => {
    audiences.delete(signal);
    signal.removeEventListener('abort', tell);
    for (const listener of listeners) listener();
  };
  return { listeners, tell };
}
