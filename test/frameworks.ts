/** One app in every framework, on a socket: what holds for one of them is tested for all. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve as serveFetch } from '@hono/node-server';
import express, { type NextFunction, type Request as ExpressRequest, type Response as ExpressResponse } from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import * as ripstopExpress from '../packages/ripstop/src/serving/adapters/express.js';
import * as ripstopFastify from '../packages/ripstop/src/serving/adapters/fastify.js';
import * as ripstopHono from '../packages/ripstop/src/serving/adapters/hono.js';
import * as ripstopNext from '../packages/ripstop/src/serving/adapters/next.js';
import { nodeListener } from '../packages/ripstop/src/serving/adapters/node.js';
import type { ErrorHandlingOptions } from '../packages/ripstop/src/serving/adapters/error-handling.js';
import type { ExchangeHandler } from '../packages/ripstop/src/serving/exchange.js';

export interface AppPlan {
  /** Paths of the app's own, any method, and what they return as JSON or throw. */
  readonly routes?: Readonly<Record<string, () => unknown>>;
  /** Mounted under `/ai`. */
  readonly chute?: ExchangeHandler;
  /** Whose error handling the app has. */
  readonly errors: 'ours' | 'default';
  readonly options?: ErrorHandlingOptions;
}

export interface RunningApp {
  readonly url: string;
  close(): Promise<void>;
}

type Start = (plan: AppPlan) => Promise<RunningApp>;

/** Our error handling as an app of each framework uses it, and the framework's own where the plan says `default`. */
export const frameworks: Readonly<Record<'hono' | 'fastify' | 'express' | 'next', Start>> = {
  hono({ routes = {}, chute, errors, options }) {
    const app = new Hono();
    if (errors === 'ours') {
      app.use(ripstopHono.requestContext(options));
      app.onError(ripstopHono.errorHandler(options));
      app.notFound(ripstopHono.notFound(options));
    }
    for (const [path, handler] of Object.entries(routes))
      app.all(path, async (c) => c.json((await handler()) as object));
    if (chute !== undefined) app.all('/ai/*', ripstopHono.mount(chute, options));
    return listenFetch((request, env) => app.fetch(request, env));
  },
  async fastify({ routes = {}, chute, errors, options }) {
    const app = fastify();
    if (errors === 'ours') app.register(ripstopFastify.errorHandling(options));
    app.register((scope, _options, done) => {
      for (const [path, handler] of Object.entries(routes)) scope.all(path, async () => handler());
      done();
    });
    if (chute !== undefined) app.register(ripstopFastify.mount(chute, options), { prefix: '/ai' });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    return {
      url,
      close() {
        app.server.closeAllConnections();
        return app.close();
      },
    };
  },
  express({ routes = {}, chute, errors, options }) {
    const app = express();
    // What an app prints of errors that nobody handles is not under test.
    app.set('env', 'test');
    if (errors === 'ours') app.use(ripstopExpress.requestContext(options));
    app.use(express.json());
    for (const [path, handler] of Object.entries(routes)) {
      app.all(path, async (_request: ExpressRequest, response: ExpressResponse, _next: NextFunction) => {
        response.json(await handler());
      });
    }
    if (chute !== undefined) app.use('/ai', ripstopExpress.mount(chute, options));
    if (errors === 'ours') app.use(ripstopExpress.notFound(), ripstopExpress.errorMiddleware(options));
    return listenNode(app);
  },
  /** What Next.js does with route handlers, as far as it matters here: it calls one with a Web request. */
  next({ routes = {}, chute, errors, options }) {
    const mounted = chute === undefined ? undefined : ripstopNext.mount(chute, { ...options, basePath: '/ai' });
    return listenFetch(async (request) => {
      const { pathname } = new URL(request.url);
      const method = request.method as keyof ripstopNext.RouteHandlers;
      if (mounted !== undefined && /^\/ai(\/|$)/.test(pathname)) return mounted[method](request);
      const handler = routes[pathname];
      if (handler === undefined) return new Response('no such page', { status: 404 });
      const own = async (): Promise<Response> => Response.json(await handler());
      return errors === 'ours' ? ripstopNext.withErrors(own, options)(request) : own();
    });
  },
};

export type Framework = keyof typeof frameworks;

/** A chute alone on `node:http`, under `/ai` like the others. */
export function bareNode(chute: ExchangeHandler, options: ErrorHandlingOptions = {}): Promise<RunningApp> {
  const listener = nodeListener(chute, options);
  return listenNode((request, response) => {
    request.url = request.url?.replace(/^\/ai/, '');
    listener(request, response);
  });
}

async function listenNode(listener: Parameters<typeof createServer>[1]): Promise<RunningApp> {
  const server = createServer(listener as () => void);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return running(server);
}

async function listenFetch(
  handle: (request: Request, env: object) => Response | Promise<Response>,
): Promise<RunningApp> {
  const server = await new Promise<ReturnType<typeof serveFetch>>((resolve) => {
    const made = serveFetch({ fetch: handle, port: 0, hostname: '127.0.0.1' }, () => resolve(made));
  });
  return running(server as ReturnType<typeof createServer>);
}

function running(server: ReturnType<typeof createServer>): RunningApp {
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
