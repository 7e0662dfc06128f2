/** `ripstop/fastify`: chutes in a Fastify 5 app, and our error handling for the app's own routes. */
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { ValidationError } from '../../errors/input-errors.js';
import type { FieldError } from '../../errors/model-error.js';
import type { ExchangeHandler, ExchangeResponse, RequestHeaders } from '../exchange.js';
import { segmentsOf } from './app-around.js';
import {
  AppErrors,
  type AppRequest,
  type ErrorHandlingOptions,
  knownCorrelationId,
  nothingHere,
  unlessGone,
} from './error-handling.js';
import { createAnswerer, type NodeOptions } from './node-listener.js';
import { LiveExchanges } from './node-live.js';

export type { ErrorHandlingOptions } from './error-handling.js';

/**
 * A chute, or any other exchange handler, as a plugin: `app.register(mount(chute.handle), { prefix: '/ai' })`. What
 * stands below the prefix is the chute's, unknown paths too. Headers that hooks have set by then go out with its
 * answers; `onSend` hooks do not see them, `onResponse` hooks do.
 *
 * @throws RangeError for a limit that is not above 0.
 */
export function mount(
  handler: ExchangeHandler,
  options: NodeOptions = {},
  runtime: Runtime = systemRuntime,
): FastifyPluginCallback {
  const answer = createAnswerer(handler, new LiveExchanges(), options, runtime);
  return (app, _options, done) => {
    const segments = segmentsOf(app.prefix);
    const errors = new AppErrors({ errorHandler: options.errorHandler }, runtime);
    // The chute reads the body itself, under its own limits.
    app.removeAllContentTypeParsers();
    // Of the usual type by name: Fastify remembers which parser a type has, but not that it has only the one for all.
    for (const type of ['application/json', '*']) {
      app.addContentTypeParser(type, (_request, _payload, parsed) => parsed(null));
    }
    app.setErrorHandler((error, request, reply) => fail(errors, error, request, reply));
    for (const path of ['/', '/*']) {
      app.all(path, (request, reply) => {
        reply.hijack();
        for (const [name, value] of Object.entries(reply.getHeaders())) {
          if (value !== undefined) reply.raw.setHeader(name, value);
        }
        const around = { segments, correlationId: knownCorrelationId(request) };
        answer(request.raw, reply.raw, { continueOnRead: 'no', around });
      });
    }
    done();
  };
}

/**
 * Gives every request its correlation id and its error context, and answers every error of the app and every path that it has nothing at:
 * `app.register(errorHandling())`, before the routes. It holds for the whole scope that it is registered in.
 */
export function errorHandling(
  options: ErrorHandlingOptions = {},
  runtime: Runtime = systemRuntime,
): FastifyPluginCallback {
  const errors = new AppErrors(options, runtime);
  const plugin: FastifyPluginCallback = (app, _options, done) => {
    app.addHook('onRequest', (request, reply, next) => {
      const headers = request.headers as RequestHeaders;
      reply.header('x-correlation-id', errors.begin(request, headers));
      errors.run(request, headers, next);
    });
    app.setErrorHandler((error, request, reply) => fail(errors, error, request, reply));
    app.setNotFoundHandler((request, reply) => fail(errors, nothingHere(), request, reply));
    done();
  };
  // Fastify's own mark (that of fastify-plugin) for what belongs to the scope around it.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}

/** The correlation id of a request that the error handling has seen. */
export function correlationIdOf(request: FastifyRequest): string | undefined {
  return knownCorrelationId(request);
}

function fail(errors: AppErrors, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const asked = describe(request);
  const meant = validationError(error) ?? error;
  if (!reply.raw.destroyed) return write(reply, errors.answer(meant, asked));
  errors.note(unlessGone(meant, 'gone'), asked);
  reply.hijack();
}

function describe(request: FastifyRequest): AppRequest {
  const { method, headers, routeOptions, ip } = request;
  return { key: request, method, headers: headers as RequestHeaders, route: routeOptions.url, remoteAddress: ip };
}

function write(reply: FastifyReply, { status, headers, body }: ExchangeResponse): void {
  reply
    .code(status)
    .headers(headers as Record<string, string>)
    .send(body as string);
}

/** What Fastify's validation of a route's schema found (R87). Its messages are about the schema, never of the value. */
function validationError(error: unknown): ValidationError | undefined {
  const { code, validation, validationContext } = error as Partial<FastifyValidation>;
  if (code !== 'FST_ERR_VALIDATION' || !Array.isArray(validation)) return undefined;
  const fields = validation.map(({ instancePath = '', params, message = 'This field is not valid' }): FieldError => {
    const path = instancePath.split('/').slice(1).map(pointerPart);
    const missing = params?.['missingProperty'];
    return { path: typeof missing === 'string' ? [...path, missing] : path, message };
  });
  const details = validationContext === undefined ? {} : { part: validationContext };
  return new ValidationError(fields, { cause: error, details });
}

interface FastifyValidation {
  readonly code: string;
  readonly validation: readonly {
    readonly instancePath?: string;
    readonly params?: Readonly<Record<string, unknown>>;
    readonly message?: string;
  }[];
  readonly validationContext: string;
}

/** A part of a JSON pointer (RFC 6901 §4). */
function pointerPart(part: string): string | number {
  if (/^(?:0|[1-9]\d*)$/.test(part)) return Number(part);
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
