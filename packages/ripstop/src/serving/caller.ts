import type { CallerSignal } from '../call/caller-signal.js';

/** Whoever sent a request: still there, or gone for a reason. A real `AbortSignal` is made only for who asks for one. */
export class Caller implements CallerSignal {
  private abortion: { readonly reason: unknown } | undefined = undefined;
  private controller: AbortController | undefined = undefined;
  /** Nearly always one, which needs no set. */
  private listener: (() => void) | undefined = undefined;
  private others: Set<() => void> | undefined = undefined;

  get aborted(): boolean {
    return this.abortion !== undefined;
  }

  get reason(): unknown {
    return this.abortion?.reason;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.abortion !== undefined) this.controller.abort(this.abortion.reason);
    }
    return this.controller.signal;
  }

  /** The first reason stays. */
  abort(reason: unknown): void {
    if (this.abortion !== undefined) return;
    this.abortion = { reason };
    this.controller?.abort(reason);
    const { listener, others } = this;
    this.listener = undefined;
    this.others = undefined;
    listener?.();
    if (others !== undefined) for (const other of others) other();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.aborted || listener === this.listener) return;
    if (this.listener === undefined) this.listener = listener;
    else (this.others ??= new Set()).add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (listener === this.listener) this.listener = undefined;
    else this.others?.delete(listener);
  }
}
