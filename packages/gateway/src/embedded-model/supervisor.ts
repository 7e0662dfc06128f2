import { type ModelError, ModelLoadingError, ModelOverloadedError } from 'ripstop/errors';
import type { CallEvent, Runtime, Timer } from 'ripstop';
import { type EngineEnd, endError, endReason } from './engine-end.js';
import type { EngineLimits } from './engine-limits.js';
import type { OpenPort } from './engine-port.js';
import { EngineProcess } from './engine-process.js';
import type { EngineFacts } from './protocol.js';

export interface SupervisorOptions {
  /** Whose engine it is, for events. */
  readonly model?: string | undefined;
  /** Opens the process. `failedStarts`: how many starts in a row came to nothing. */
  readonly open: (failedStarts: number) => OpenPort;
  readonly limits: EngineLimits;
  readonly readMemoryMb?: ((pid: number) => Promise<number | undefined>) | undefined;
  readonly restart: RestartOptions;
  /** How long a request waits for an engine that is starting, in milliseconds. */
  readonly readyWaitMs: number;
}

/** The wait before a restart doubles with every life that came to nothing. Milliseconds. */
export interface RestartOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** An engine that lived so long, or finished an answer, is healthy: the next wait is `baseMs` again. */
  readonly healthyMs: number;
}

export const restartDefaults: RestartOptions = { baseMs: 100, maxMs: 10_000, healthyMs: 10_000 };

/** A process that has loaded the model, and what it said of itself. */
export interface ReadyEngine {
  readonly process: EngineProcess;
  readonly facts: EngineFacts;
}

type State =
  | { readonly kind: 'new' }
  | { readonly kind: 'starting'; readonly process: EngineProcess; readonly since: number }
  | { readonly kind: 'ready'; readonly engine: ReadyEngine; readonly healthy: Timer }
  | { readonly kind: 'waiting'; readonly until: number; readonly timer: Timer }
  | { readonly kind: 'stopped' };

interface Waiter {
  readonly ready: (engine: ReadyEngine) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Keeps one engine process alive: starts it, replaces it when it has ended, and waits longer each time that comes to
 * nothing. Emits `engine.started` and `engine.stopped`.
 */
export class Supervisor {
  private readonly options: SupervisorOptions;
  private readonly runtime: Runtime;
  private readonly waiters = new Set<Waiter>();
  private state: State = { kind: 'new' };
  /** Lives in a row without health. */
  private failures = 0;
  private failedStarts = 0;
  private lastFacts: EngineFacts | undefined = undefined;
  /** Why the engine says that it cannot run at all, if that is so. */
  private unusable: EngineEnd | undefined = undefined;
  private lives = 0;
  /** Processes that were killed and may still be there for a moment. */
  private readonly leaving = new Set<Promise<void>>();

  constructor(options: SupervisorOptions, runtime: Runtime) {
    this.options = options;
    this.runtime = runtime;
  }

  /** How often a process had to be replaced. */
  get restarts(): number {
    return Math.max(0, this.lives - 1);
  }

  /** What the engine last said of itself. */
  get facts(): EngineFacts | undefined {
    return this.lastFacts;
  }

  get status(): 'starting' | 'ready' | 'restarting' | 'stopped' {
    switch (this.state.kind) {
      case 'ready':
      case 'stopped':
        return this.state.kind;
      case 'new':
        return 'starting';
      case 'starting':
      case 'waiting':
        return this.lives > 1 || this.state.kind === 'waiting' ? 'restarting' : 'starting';
    }
  }

  /** The process of now, if there is one. */
  get current(): EngineProcess | undefined {
    if (this.state.kind === 'ready') return this.state.engine.process;
    return this.state.kind === 'starting' ? this.state.process : undefined;
  }

  start(): void {
    if (this.state.kind === 'new') this.launch();
  }

  /**
   * The engine, once it is ready.
   *
   * @throws ModelLoadingError when it is not in time, or cannot be loaded at all; ModelOverloadedError (`draining`)
   * after `stop`; what `signal` was aborted with.
   */
  ready(signal?: AbortSignal, waitMs: number = this.options.readyWaitMs): Promise<ReadyEngine> {
    this.start();
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.state.kind === 'ready') return Promise.resolve(this.state.engine);
    if (this.state.kind === 'stopped') return Promise.reject(stopped());
    if (this.state.kind === 'waiting' && this.unusable !== undefined) return Promise.reject(endError(this.unusable));
    return new Promise((resolve, reject) => {
      const timer = this.runtime.clock.after(waitMs, () => waiter.fail(this.notReady()));
      const settle = (): void => {
        this.waiters.delete(waiter);
        timer.cancel();
        signal?.removeEventListener('abort', aborted);
      };
      const waiter: Waiter = {
        ready: (engine) => (settle(), resolve(engine)),
        fail: (error) => (settle(), reject(error)),
      };
      const aborted = (): void => waiter.fail(signal?.reason);
      signal?.addEventListener('abort', aborted, { once: true });
      this.waiters.add(waiter);
    });
  }

  /** An answer was finished: the engine works. */
  worked(): void {
    this.failures = 0;
  }

  /** Ends the process for good. Resolves when it is gone. What is under way fails. */
  async stop(): Promise<void> {
    const { state, current: process } = this;
    this.state = { kind: 'stopped' };
    if (state.kind === 'waiting') state.timer.cancel();
    if (state.kind === 'ready') state.healthy.cancel();
    this.failWaiters(stopped);
    process?.kill({ kind: 'stopped' });
    await Promise.all(this.leaving);
  }

  private launch(): void {
    const { open, limits, readMemoryMb } = this.options;
    this.lives += 1;
    const process = new EngineProcess(
      {
        open: open(this.failedStarts),
        limits,
        readMemoryMb,
        onReady: (facts) => this.becameReady({ process, facts }),
        onEnd: (end) => this.ended(process, end),
      },
      this.runtime,
    );
    this.state = { kind: 'starting', process, since: this.runtime.clock.now() };
    this.leaving.add(process.exited);
    void process.exited.then(() => this.leaving.delete(process.exited));
  }

  private becameReady(engine: ReadyEngine): void {
    if (this.state.kind !== 'starting') return;
    const ms = this.runtime.clock.now() - this.state.since;
    const healthy = this.runtime.clock.after(this.options.restart.healthyMs, () => this.worked());
    this.state = { kind: 'ready', engine, healthy };
    this.failedStarts = 0;
    this.unusable = undefined;
    this.lastFacts = engine.facts;
    const { model } = this.options;
    this.emit({ type: 'engine.started', model, runtime: engine.facts.runtime, pid: engine.process.pid, ms });
    for (const waiter of this.waiters) waiter.ready(engine);
  }

  private ended(process: EngineProcess, end: EngineEnd): void {
    const { state } = this;
    const { model } = this.options;
    const reason = endReason(end);
    if (state.kind === 'stopped') return this.emit({ type: 'engine.stopped', model, reason, restartMs: 0 });
    if (this.current !== process) return;
    if (state.kind === 'ready') state.healthy.cancel();
    if (state.kind === 'starting') this.failedStarts += 1;
    const { baseMs, maxMs } = this.options.restart;
    const restartMs = Math.min(maxMs, baseMs * 2 ** this.failures);
    this.failures += 1;
    const timer = this.runtime.clock.after(restartMs, () => this.launch());
    this.state = { kind: 'waiting', until: this.runtime.clock.now() + restartMs, timer };
    this.emit({ type: 'engine.stopped', model, reason, restartMs });
    if (end.kind !== 'failed_to_start') return;
    // Nobody waits for a file that cannot be used. It is still looked at again: it may be put right.
    this.unusable = end;
    this.failWaiters(() => endError(end));
  }

  private failWaiters(error: () => ModelError): void {
    for (const waiter of this.waiters) waiter.fail(error());
  }

  private notReady(): ModelLoadingError {
    const waitMs = this.state.kind === 'waiting' ? this.state.until - this.runtime.clock.now() : 0;
    return new ModelLoadingError(undefined, { retryAfterMs: Math.max(1_000, waitMs) });
  }

  private emit(event: CallEvent): void {
    this.runtime.events.emit({ ...event, at: this.runtime.clock.now() });
  }
}

function stopped(): ModelOverloadedError {
  return new ModelOverloadedError('The model is shutting down', { details: { reason: 'draining' } });
}
