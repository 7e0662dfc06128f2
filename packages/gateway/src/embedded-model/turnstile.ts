import { ModelOverloadedError } from 'ripstop/errors';
import type { Runtime } from 'ripstop';

export interface TurnstileOptions {
  /** How many may wait. */
  readonly maxWaiting: number;
  /** How long each may wait, in milliseconds. */
  readonly maxWaitMs: number;
}

/** Lets one in at a time; a bounded number wait, first come, first served. */
export class Turnstile {
  private readonly options: TurnstileOptions;
  private readonly runtime: Runtime;
  private readonly queue = new Set<() => void>();
  private inside = false;

  constructor(options: TurnstileOptions, runtime: Runtime) {
    this.options = options;
    this.runtime = runtime;
  }

  get waiting(): number {
    return this.queue.size;
  }

  get running(): number {
    return this.inside ? 1 : 0;
  }

  /**
   * Waits for its turn; the caller must call the function it gets when it is done.
   *
   * @throws ModelOverloadedError (`queue_full`, `queue_timeout`), or what `signal` was aborted with. Whoever leaves the
   * queue makes room at once.
   */
  enter(signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!this.inside) return Promise.resolve(this.admit());
    const { maxWaiting, maxWaitMs } = this.options;
    if (this.queue.size >= maxWaiting) {
      return Promise.reject(overloaded('queue_full', 'The model has too many requests waiting; try again later'));
    }
    return new Promise((resolve, reject) => {
      const timer = this.runtime.clock.after(maxWaitMs, () => {
        leave(overloaded('queue_timeout', 'The model was busy for too long; try again later'));
      });
      const stopWaiting = (): void => {
        this.queue.delete(enter);
        timer.cancel();
        signal?.removeEventListener('abort', aborted);
      };
      const enter = (): void => {
        stopWaiting();
        resolve(this.admit());
      };
      const leave = (reason: unknown): void => {
        stopWaiting();
        reject(reason);
      };
      const aborted = (): void => leave(signal?.reason);
      signal?.addEventListener('abort', aborted, { once: true });
      this.queue.add(enter);
    });
  }

  private admit(): () => void {
    this.inside = true;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.inside = false;
      const [next] = this.queue;
      next?.();
    };
  }
}

function overloaded(reason: 'queue_full' | 'queue_timeout', message: string): ModelOverloadedError {
  return new ModelOverloadedError(message, { details: { reason }, retryAfterMs: 1_000 });
}
