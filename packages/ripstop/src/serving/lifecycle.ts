import { ModelOverloadedError } from '../errors/rejections.js';
import { ModelLoadingError } from '../errors/upstream-errors.js';

/** Runs once, when the service starts or stops. */
export type Hook<Scope> = (scope: Scope) => void | Promise<void>;

type State =
  | { readonly kind: 'new' }
  | { readonly kind: 'starting'; readonly done: Promise<void> }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly done: Promise<void> }
  | { readonly kind: 'stopping'; readonly done: Promise<void> };

/** Startup hooks once, in order, each awaited; shutdown hooks once, in reverse (R202, D123, D124). */
export interface Lifecycle<Scope> {
  onStartup(hook: Hook<Scope>): void;
  onShutdown(hook: Hook<Scope>): void;
  /** Idempotent. Rejects with the error of the first hook that fails; the hooks after it do not run. */
  start(): Promise<void>;
  /**
   * Idempotent. Every hook runs, also after one that failed and after a start that failed, so a hook must bear a state
   * half made. Rejects with the first error, when all have run; the others are its companions in an `AggregateError`.
   */
  stop(): Promise<void>;
  /** @throws ModelLoadingError before the startup hooks are done; ModelOverloadedError after `stop()`. */
  assertReady(): void;
}

export function createLifecycle<Scope>(scope: Scope): Lifecycle<Scope> {
  const startup: Hook<Scope>[] = [];
  const shutdown: Hook<Scope>[] = [];
  let state: State = { kind: 'new' };

  async function runStartup(): Promise<void> {
    for (const hook of startup) await hook(scope);
  }

  async function runShutdown(starting: Promise<void> | undefined): Promise<void> {
    // A start that failed has already told whoever asked for it.
    await starting?.catch(() => undefined);
    const errors: unknown[] = [];
    for (const hook of shutdown.toReversed()) {
      try {
        await hook(scope);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} shutdown hooks failed`);
  }

  function start(): Promise<void> {
    switch (state.kind) {
      case 'new': {
        const done = runStartup().then(
          () => {
            if (state.kind === 'starting') state = { kind: 'ready' };
          },
          (error: unknown) => {
            if (state.kind === 'starting') state = { kind: 'failed', done };
            throw error;
          },
        );
        state = { kind: 'starting', done };
        return done;
      }
      case 'starting':
      case 'failed':
        return state.done;
      case 'ready':
        return Promise.resolve();
      case 'stopping':
        return Promise.reject(new Error('The chute has been stopped; create a new one'));
    }
  }

  return {
    onStartup: (hook) => void startup.push(hook),
    onShutdown: (hook) => void shutdown.push(hook),
    start,
    stop() {
      if (state.kind === 'stopping') return state.done;
      const done = runShutdown(state.kind === 'starting' ? state.done : undefined);
      state = { kind: 'stopping', done };
      return done;
    },
    assertReady() {
      if (state.kind === 'ready' || (state.kind === 'new' && startup.length === 0)) return;
      if (state.kind === 'stopping') {
        throw new ModelOverloadedError('The service is shutting down', { details: { reason: 'draining' } });
      }
      throw new ModelLoadingError('The service is still starting', { retryAfterMs: 1_000 });
    },
  };
}
