/** The face of a chute. */
import type { StandardSchema } from '../input/issues.js';
import type { HealthCheck, HealthCheckOptions, HealthReport } from '../observation/health-check.js';
import type { HealthReportOptions } from '../observation/health-checker.js';
import type { NodeServer } from './adapters/node-server.js';
import type { CallerInput, CallerOutput, HandlerInput, HandlerResult, TypedService } from './chute-types.js';
import type { CordHandler, CordMethod, CordOptions } from './cord.js';
import type { ErrorHandler } from './error-handler.js';
import type { ExchangeRequest, ExchangeResponse } from './exchange.js';
import type { JsonSchema } from './json-schema.js';
import type { Hook, HookOptions } from './lifecycle.js';
import type { ListenOptions } from './listen.js';
import type { Logger } from './logger.js';
import type { Middleware } from './middleware.js';
import type { TestRequestInit } from './test-request.js';

/** What hooks and health checks are given. */
export interface HookScope<State> {
  readonly state: State;
  readonly log: Logger;
}

/** What a startup hook returned, as a part of the state. */
type Joined<State, Result> = Awaited<Result> extends object ? State & Awaited<Result> : State;

/**
 * A service of cords. Every builder method returns the chute itself, with the type of what it has learnt: its state, and
 * its cords for `createClient<typeof app>`.
 */
export interface Chute<State extends object = object, Cords = unknown> extends TypedService<Cords> {
  readonly name: string;
  readonly version: string;
  readonly state: State;
  /** Turns errors into log lines and answers (R80, R206). */
  readonly errorHandler: ErrorHandler;
  /**
   * Adds an endpoint. The handler gets `{ input, state, signal, context, log }`; it returns a value (answered as JSON),
   * an async iterable (a stream, one event per item), or what `respond()` made.
   *
   * @throws RangeError for a malformed path, a path or name that is taken, or a bad limit.
   */
  cord<
    const Name extends string,
    Result extends HandlerResult<Output>,
    const Path extends string = `/${Name}`,
    const Method extends CordMethod = 'POST',
    Input extends StandardSchema | undefined = undefined,
    Output extends StandardSchema | undefined = undefined,
  >(
    name: Name,
    options: CordOptions<Path, Method, Input, Output>,
    handler: CordHandler<State, HandlerInput<Input>, Result>,
  ): Chute<
    State,
    Cords & {
      readonly [N in Name]: {
        readonly method: Method;
        readonly path: Path;
        readonly input: CallerInput<Input>;
        readonly output: CallerOutput<Output, Result>;
      };
    }
  >;
  /** Runs before requests come in. What it returns joins the state. Each hook is awaited, in order (R202). */
  onStartup<Result>(hook: Hook<HookScope<State>, Result>): Chute<Joined<State, Result>, Cords>;
  onStartup<Result>(options: HookOptions, hook: Hook<HookScope<State>, Result>): Chute<Joined<State, Result>, Cords>;
  /** Runs when the last request has ended, in reverse order. */
  onShutdown(hook: Hook<HookScope<State>>): Chute<State, Cords>;
  onShutdown(options: HookOptions, hook: Hook<HookScope<State>>): Chute<State, Cords>;
  /** A part of `/health`, and if it is critical of the probes of its tags. The same name replaces. @throws RangeError for a bad option. */
  healthCheck(name: string, check: HealthCheck<HookScope<State>>): Chute<State, Cords>;
  healthCheck(name: string, options: HealthCheckOptions, check: HealthCheck<HookScope<State>>): Chute<State, Cords>;
  /** Stands around every request from now on, unknown paths included; the first one is outermost. */
  use(middleware: Middleware<State>): Chute<State, Cords>;
  /** Runs the startup hooks, once. Rejects with the first hook's error. */
  start(): Promise<void>;
  /** Runs the shutdown hooks, once. Call it when the server has drained. */
  stop(): Promise<void>;
  /** Answers a request. Never rejects: what goes wrong is an answer too. Until `start()` is done, that is a 503. */
  readonly handle: (request: ExchangeRequest) => Promise<ExchangeResponse>;
  /** The same for Web servers: Bun, Deno, workers. Starts the chute by itself, and lets the first requests wait for it. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** `fetch` for tests: by path, with a body to be written as JSON. */
  request(target: string | URL | Request, init?: TestRequestInit): Promise<Response>;
  /**
   * Serves on `node:http` until a signal or `close()`, which drain it and stop the chute. Rejects when the port is
   * taken or a startup hook fails.
   */
  listen(options?: ListenOptions): Promise<NodeServer>;
  /** All health checks, as `/health` tells them; `view: 'full'` has the texts of errors too. */
  health(options?: HealthReportOptions): Promise<HealthReport>;
  /** The OpenAPI 3.1 document of the cords. */
  openApi(): JsonSchema;
}
