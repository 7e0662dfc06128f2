import { ModelOverloadedError } from '../errors/rejections.js';
import { ModelLoadingError } from '../errors/upstream-errors.js';

/** Runs once, when the service starts or stops. */
export type Hook<Scope, Result = unknown> = (scope: Scope) => Result;

/** When a hook runs among the others. */
export interface HookOptions {
  /** Startup runs the lower number first, shutdown the higher; equal ones in order and in reverse order. Default: 50. */
  readonly priority?: number | undefined;
}

const defaultPriority = 50;

type State =
  | { readonly kind: 'new' }
  | { readonly kind: 'starting'; readonly done: Promise<void>; readonly awaited: 'by its caller' | 'by requests' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly done: Promise<void> }
  | { readonly kind: 'stopping'; readonly done: Promise<void> };

/** Startup hooks once, in order, each awaited; shutdown hooks once, in reverse (R202, D123, D124). */
export interface Lifecycle<Scope> {
  onStartup(hook: Hook<Scope>, options?: HookOptions): void;
  onShutdown(hook: Hook<Scope>, options?: HookOptions): void;
  /** Idempotent. Rejects with the error of the first hook that fails; the hooks after it do not run. */
  start(): Promise<void>;
  /** Starts if nobody has, and lets requests wait for it. `failed` is told if that fails. */
  startOnDemand(failed: (error: unknown) => void): void;
  /**
   * Idempotent. Every hook runs, also after one that failed and after a start that failed, so a hook must bear a state
   * half made. Rejects with the first error, when all have run; the others are its companions in an `AggregateError`.
   */
  stop(): Promise<void>;
  /** Has every startup hook run? */
  readonly started: boolean;
  /** @throws ModelLoadingError before the startup hooks are done; ModelOverloadedError after `stop()`. */
  assertReady(): void;
  /**
   * Nothing, when requests may come in; a promise to wait for, while a start on demand is under way.
   *
   * @throws what `assertReady` throws, when there is nothing to wait for.
   */
  ready(): Promise<void> | undefined;
}

interface Ranked<Scope> {
  readonly hook: Hook<Scope>;
  readonly priority: number;
}

export function createLifecycle<Scope>(scope: Scope): Lifecycle<Scope> {
  const startup: Ranked<Scope>[] = [];
  const shutdown: Ranked<Scope>[] = [];
  let state: State = { kind: 'new' };

  async function runStartup(): Promise<void> {
    for (const { hook } of startup.toSorted(byPriority)) await hook(scope);
  }

  async function runShutdown(starting: Promise<void> | undefined): Promise<void> {
    // A start that failed has already told whoever asked for it.
    await starting?.catch(() => undefined);
    const errors: unknown[] = [];
    for (const { hook } of shutdown.toSorted(byPriority).toReversed()) {
      try {
        await hook(scope);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} shutdown hooks failed`);
  }

  function begin(awaited: 'by its caller' | 'by requests'): Promise<void> {
    const done = runStartup().then(
      () => {
        if (state.kind === 'starting') state = { kind: 'ready' };
      },
      (error: unknown) => {
        if (state.kind === 'starting') state = { kind: 'failed', done };
        throw error;
      },
    );
    state = { kind: 'starting', done, awaited };
    return done;
  }

  function isStarted(): boolean {
    if (state.kind === 'ready') return true;
    return startup.length === 0 && (state.kind === 'new' || state.kind === 'starting');
  }

  function assertReady(): undefined {
    if (isStarted()) return undefined;
    if (state.kind === 'stopping') {
      throw new ModelOverloadedError('The service is shutting down', { details: { reason: 'draining' } });
    }
    throw new ModelLoadingError('The service is still starting', { retryAfterMs: 1_000 });
  }

  return {
    onStartup: (hook, { priority = defaultPriority } = {}) => void startup.push({ hook, priority }),
    onShutdown: (hook, { priority = defaultPriority } = {}) => void shutdown.push({ hook, priority }),
    start() {
      switch (state.kind) {
        case 'new':
          return begin('by its caller');
        case 'starting':
        case 'failed':
          return state.done;
        case 'ready':
          return Promise.resolve();
        case 'stopping':
          return Promise.reject(new Error('The chute has been stopped; create a new one'));
      }
    },
    startOnDemand(failed) {
      if (state.kind === 'new') begin('by requests').catch(failed);
    },
    stop() {
      if (state.kind === 'stopping') return state.done;
      const done = runShutdown(state.kind === 'starting' ? state.done : undefined);
      state = { kind: 'stopping', done };
      return done;
    },
    get started() {
      return isStarted();
    },
    assertReady,
    ready() {
      if (state.kind !== 'starting' || state.awaited === 'by its caller') return assertReady();
      return state.done.catch((cause: unknown) => {
        throw new ModelLoadingError('The service could not start', { cause });
      });
    },
  };
}

function byPriority(one: Ranked<never>, other: Ranked<never>): number {
  return one.priority - other.priority;
}
