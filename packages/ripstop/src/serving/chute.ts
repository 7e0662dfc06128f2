import { assertPositive } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import type { StatusProfile } from '../errors/error-types.js';
import type { StandardSchema } from '../input/issues.js';
import type { Cord, CordOptions, Guard } from './cord.js';
import { createErrorHandler, type ErrorHandler } from './error-handler.js';
import type { ExchangeRequest, ExchangeResponse } from './exchange.js';
import { createLifecycle, type Hook } from './lifecycle.js';
import { consoleLogger, type Logger } from './logger.js';
import type { Dialect } from './problem.js';
import { createRequestHandler, type RequestSummary } from './request.js';
import { createRouter } from './router.js';

/** Options of `createChute()`. */
export interface ChuteOptions<State extends object = Record<string, unknown>> {
  /** Stands on every log line. */
  readonly name: string;
  /** What requests and hooks share. Default: an empty object. */
  readonly state?: State;
  /** Default: warnings and errors on the console. */
  readonly logger?: Logger;
  /** Default: `http`. */
  readonly profile?: StatusProfile;
  /** Default: one of its own with this logger and profile. Give one to share it, or to expose details. */
  readonly errorHandler?: ErrorHandler;
  /** The largest request body, in bytes. Default: 10 MiB. */
  readonly bodyLimitBytes?: number;
  /** Silence of a stream after which `: ping` is sent, in milliseconds. Default: 10 000; `Infinity` sends none. */
  readonly heartbeatMs?: number;
  /** The time for a whole request, in milliseconds; a caller may ask for less. Default: none. */
  readonly deadlineMs?: number;
  /** Asked before any cord that has no guard of its own, and where there is no cord. Default: everybody may come in. */
  readonly guard?: Guard;
  /** Called once per request, when its answer is ready; for a stream, when it has ended. */
  readonly onRequest?: (summary: RequestSummary) => void;
}

/** What hooks are given. */
export interface HookScope<State> {
  readonly state: State;
  readonly log: Logger;
}

/** A service of cords. Every builder method returns the chute itself. */
export interface Chute<State extends object> {
  readonly name: string;
  readonly state: State;
  /** @throws RangeError for a malformed path, one that is taken, or a bad limit. */
  cord<Schema extends StandardSchema | undefined = undefined>(
    path: string,
    options: CordOptions<State, Schema>,
  ): Chute<State>;
  /** Hooks run in the order in which they were added. */
  onStartup(hook: Hook<HookScope<State>>): Chute<State>;
  /** Hooks run in reverse order. */
  onShutdown(hook: Hook<HookScope<State>>): Chute<State>;
  /** Call it before the server listens. Rejects with the first hook's error. */
  start(): Promise<void>;
  /** Call it when the server has drained. */
  stop(): Promise<void>;
  /** Answers a request. Never rejects: what goes wrong is an answer too. */
  readonly handle: (request: ExchangeRequest) => Promise<ExchangeResponse>;
}

/** What a chute does unless told otherwise. */
export const chuteDefaults = {
  bodyLimitBytes: 10 * 1024 * 1024,
  heartbeatMs: 10_000,
  deadlineMs: Number.POSITIVE_INFINITY,
} as const;

/**
 * A service of cords (HTTP endpoints) with validation, typed errors in one envelope, correlation ids, deadlines,
 * streams and lifecycle hooks in it. It knows no server: hand `handle` to an adapter.
 *
 * ```ts
 * const chute = createChute({ name: 'greeter' }).cord('/hello', { method: 'GET', handler: () => ({ text: 'hi' }) });
 * await chute.start();
 * await serve(chute.handle, { port: 8000 });
 * ```
 */
export function createChute<State extends object = Record<string, unknown>>(
  options: ChuteOptions<State>,
  runtime: Runtime = systemRuntime,
): Chute<State> {
  const { name, logger = consoleLogger, profile = 'http', guard, onRequest } = options;
  const bodyLimit = limit('bodyLimitBytes', options.bodyLimitBytes ?? chuteDefaults.bodyLimitBytes);
  const state = options.state ?? ({} as State);
  const router = createRouter<Cord>();
  const openAiFolders = new Set<string | undefined>();
  const lifecycle = createLifecycle<HookScope<State>>({ state, log: logger });
  const handle = createRequestHandler(
    {
      name,
      state,
      logger,
      router,
      errors: options.errorHandler ?? createErrorHandler({ logger, profile }, runtime),
      heartbeatMs: limit('heartbeatMs', options.heartbeatMs ?? chuteDefaults.heartbeatMs),
      deadlineMs: limit('deadlineMs', options.deadlineMs ?? chuteDefaults.deadlineMs),
      guard,
      assertReady: () => lifecycle.assertReady(),
      dialectNear: (path): Dialect => (openAiFolders.has(folder(path)) ? 'openai' : 'native'),
      ...(onRequest === undefined ? {} : { onRequest }),
    },
    runtime,
  );

  const chute: Chute<State> = {
    name,
    state,
    handle,
    cord(path, cord) {
      const { method = 'POST', dialect = 'native' } = cord;
      router.add(method, path, {
        route: path,
        method,
        schema: cord.input,
        dialect,
        framing: cord.stream ?? 'sse',
        bodyLimitBytes: limit('bodyLimitBytes', cord.bodyLimitBytes ?? bodyLimit),
        guard: cord.guard,
        handler: cord.handler,
      });
      if (dialect === 'openai') openAiFolders.add(folder(path));
      return chute;
    },
    onStartup(hook) {
      lifecycle.onStartup(hook);
      return chute;
    },
    onShutdown(hook) {
      lifecycle.onShutdown(hook);
      return chute;
    },
    start: () => lifecycle.start(),
    stop: () => lifecycle.stop(),
  };
  return chute;
}

/** The first segment: a path that no cord has is answered in the dialect of the cords beside it. */
function folder(path: string): string | undefined {
  return path.split('/', 2)[1];
}

function limit(option: string, value: number): number {
  assertPositive(option, value);
  return value;
}
