/** Listening to a caller's signal. */

interface Audience {
  readonly listeners: Set<() => void>;
  readonly tell: () => void;
}

const audiences = new WeakMap<AbortSignal, Audience>();

/**
 * Calls `listener` once when `signal` aborts. All calls under one signal share one listener on it: a program that
 * gives the signal of its shutdown to a hundred calls at once would be warned of a leak at the eleventh.
 */
export function listen(signal: AbortSignal, listener: () => void): void {
  let audience = audiences.get(signal);
  if (audience === undefined) {
    audience = gather(signal);
    audiences.set(signal, audience);
    signal.addEventListener('abort', audience.tell);
  }
  audience.listeners.add(listener);
}

/** Ends what `listen` began; idempotent. */
export function stopListening(signal: AbortSignal, listener: () => void): void {
  const audience = audiences.get(signal);
  if (audience === undefined || !audience.listeners.delete(listener) || audience.listeners.size > 0) return;
  audiences.delete(signal);
  signal.removeEventListener('abort', audience.tell);
}

function gather(signal: AbortSignal): Audience {
  const listeners = new Set<() => void>();
  const tell = (): void => {
    audiences.delete(signal);
    signal.removeEventListener('abort', tell);
    for (const listener of listeners) listener();
  };
  return { listeners, tell };
}
