import { assertOneOf, assertPositive, withDefaults } from '../call/options.js';
import { startErrorContext } from '../call/error-context.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import {
  type HealthCheck,
  healthCheckDefaults,
  type HealthCheckOptions,
  type HealthReport,
} from '../observation/health-check.js';
import { type HealthChecker, healthChecker, type HealthReportOptions } from '../observation/health-checker.js';
import { fetchHandler } from './adapters/fetch.js';
import type { NodeServer } from './adapters/node-server.js';
import { type BodyLimits, bodyLimits } from './body-limits.js';
import { healthCords, openApiCord } from './built-in-cords.js';
import { type Wiring, wiring } from './checklist/wiring.js';
import type { Chute, HookScope } from './chute-interface.js';
import { type ChuteOptions, chuteDefaults } from './chute-options.js';
import type { CordHandler, CordOptions } from './cord.js';
import { type Cords, createCords } from './cords.js';
import { createCors } from './cors.js';
import { createErrorHandler, type ErrorHandler } from './error-handler.js';
import type { ExchangeHandler } from './exchange.js';
import type { JsonSchema } from './json-schema.js';
import { createLifecycle, type Hook, type HookOptions, type Lifecycle } from './lifecycle.js';
import type { Listen, ListenOptions } from './listen.js';
import { consoleLogger, type Logger, redactingLogger } from './logger.js';
import type { Middleware } from './middleware.js';
import { openApiDocument } from './openapi.js';
import { createRequestHandler, type RequestSettings } from './request.js';
import { type TestRequestInit, testRequest } from './test-request.js';

/**
 * A service of cords (HTTP endpoints) with validation, typed errors in one envelope, correlation ids, deadlines,
 * streams, health and lifecycle hooks in it.
 *
 * ```ts
 * const app = createChute({ name: 'greeter' }).cord('hello', { method: 'GET' }, () => ({ text: 'hi' }));
 * await app.listen({ port: 8000 });
 * ```
 *
 * @throws RangeError for a bad option.
 */
export function createChute<State extends object = object>(
  options: ChuteOptions<State>,
  runtime: Runtime = systemRuntime,
): Chute<State> {
  const settings = withDefaults<ChuteOptions<State>, Settings<State>>(
    { ...chuteDefaults, name: options.name },
    options,
  );
  assertPositive('heartbeatMs', settings.heartbeatMs);
  assertOneOf('streamErrors', settings.streamErrors, ['frame', 'frame_and_break']);
  assertPositive('deadlineMs', settings.deadlineMs);
  assertOneOf('profile', settings.profile, ['http', 'chutes']);
  assertOneOf('errorContext', settings.errorContext, ['requests', 'none']);
  // The builder's types follow what it is told; the object stays the same.
  return new Service<State>(settings, runtime) as unknown as Chute<State>;
}

type Settings<State extends object> = Omit<ChuteOptions<State>, keyof typeof chuteDefaults> &
  Required<Pick<ChuteOptions<State>, keyof typeof chuteDefaults>>;

/** A function behind optional options. */
type Last<Options, Fn> = [Fn] | [Options, Fn];

class Service<State extends object> {
  readonly name: string;
  readonly version: string;
  readonly state: State;
  readonly errorHandler: ErrorHandler;
  readonly handle: ExchangeHandler;
  readonly fetch: (request: Request) => Promise<Response>;
  private readonly settings: Settings<State>;
  private readonly logger: Logger;
  private readonly runtime: Runtime;
  private readonly lifecycle: Lifecycle<HookScope<State>>;
  private readonly scope: HookScope<State>;
  private readonly checks: HealthChecker;
  private readonly cords: Cords;
  private readonly middlewares: Middleware<State>[] = [];
  private readonly limits: BodyLimits;
  /** Of the health checks, by name: are they critical? */
  private readonly critical = new Map<string, boolean>();
  private listening = false;

  constructor(settings: Settings<State>, runtime: Runtime) {
    const { name, version, profile, state = {} as State } = settings;
    const logger = redactingLogger(settings.logger ?? consoleLogger);
    this.logger = logger;
    this.settings = settings;
    this.runtime = runtime;
    this.name = name;
    this.version = version;
    this.state = state;
    this.errorHandler = settings.errorHandler ?? createErrorHandler({ logger, profile }, runtime);
    this.scope = { state, log: logger };
    this.lifecycle = createLifecycle(this.scope);
    this.checks = healthChecker({}, runtime);
    const limits = bodyLimits(settings);
    this.limits = limits;
    this.cords = createCords(limits, runtime);
    if (settings.health === 'served') this.cords.addBuiltIn(healthCords(limits, this.lifecycle, this.checks));
    if (settings.openApi !== 'none') this.cords.addBuiltIn([openApiCord(limits, () => this.openApi())]);
    this.handle = createRequestHandler(this.requestSettings(), runtime);
    const answer = fetchHandler(this.handle, { errorHandler: this.errorHandler }, runtime);
    this.fetch = (request) => {
      this.lifecycle.startOnDemand((error) => this.failed(error, 'starting'));
      return answer(request);
    };
  }

  cord(name: string, options: CordOptions, handler: CordHandler<never, never>): this {
    this.cords.add(name, options, handler);
    return this;
  }

  onStartup(...args: Last<HookOptions, Hook<HookScope<State>>>): this {
    const [options, hook] = withOptions(args);
    const joining: Hook<HookScope<State>, Promise<void>> = async (scope) => {
      const more = await hook(scope);
      if (typeof more === 'object' && more !== null) Object.assign(this.state, more);
    };
    this.lifecycle.onStartup(joining, options);
    return this;
  }

  onShutdown(...args: Last<HookOptions, Hook<HookScope<State>>>): this {
    const [options, hook] = withOptions(args);
    this.lifecycle.onShutdown(hook, options);
    return this;
  }

  healthCheck(name: string, ...args: Last<HealthCheckOptions, HealthCheck<HookScope<State>>>): this {
    const [options, check] = withOptions(args);
    const { scope } = this;
    const scoped: HealthCheck = ({ signal }) => check({ ...scope, signal });
    this.checks.registerCheck(name, Object.assign(scoped, { close: () => check.close?.() }), options);
    this.critical.set(name, options.critical ?? healthCheckDefaults.critical);
    return this;
  }

  use(middleware: Middleware<State>): this {
    this.middlewares.push(middleware);
    return this;
  }

  async start(): Promise<void> {
    await this.lifecycle.start();
    this.checks.start();
  }

  stop(): Promise<void> {
    this.checks.close();
    return this.lifecycle.stop();
  }

  request(target: string | URL | Request, init?: TestRequestInit): Promise<Response> {
    return this.fetch(testRequest(target, init));
  }

  async listen(options: ListenOptions = {}): Promise<NodeServer> {
    // Where there is no node:http, bundles get a stand-in by the package's own `imports`.
    const { listen } = (await import('#listen')) as unknown as { readonly listen: Listen };
    const { errorHandler } = this;
    const listener = {
      handle: this.handle,
      start: () => this.start(),
      stop: () => this.stop(),
      failed: (error: unknown) => this.failed(error, 'stopping'),
    };
    const server = await listen(listener, { errorHandler, ...options }, this.runtime);
    this.listening = true;
    return server;
  }

  health(options?: HealthReportOptions): Promise<HealthReport> {
    return this.checks.runAllChecks(options);
  }

  openApi(): JsonSchema {
    const { name, version, settings } = this;
    const about = settings.openApi === 'none' ? {} : settings.openApi;
    return openApiDocument({ ...about, name, version, profile: settings.profile, cords: this.cords.all() });
  }

  [wiring](): Wiring {
    const { cords, limits, settings: options, critical: checks, listening, lifecycle, runtime } = this;
    const { started } = lifecycle;
    return { cords: cords.all(), limits, options, checks, started, listening, listeners: runtime.events.listeners };
  }

  private failed(error: unknown, operation: string): void {
    this.errorHandler.handle(error, { operation });
  }

  private requestSettings(): RequestSettings {
    const { name, state, logger, errorHandler, cords, lifecycle, settings, middlewares } = this;
    const { guard, heartbeatMs, streamErrors, deadlineMs, onRequest, cors } = settings;
    return {
      name,
      state,
      logger,
      guard,
      inContext: settings.errorContext === 'none' ? (_, work) => work() : startErrorContext,
      errors: errorHandler,
      router: cords,
      middlewares,
      cors: cors === undefined ? undefined : createCors(cors),
      heartbeatMs,
      streamErrors,
      deadlineMs,
      ready: () => lifecycle.ready(),
      dialectNear: (path) => cords.dialectNear(path),
      onRequest,
    };
  }
}

function withOptions<Options extends object, Fn>(args: Last<Options, Fn>): [Partial<Options>, Fn] {
  return args.length === 1 ? [{}, args[0]] : args;
}
