/** A cord: one HTTP endpoint of a chute, its options, and what its handler is given. */
import type { CallContext } from '../call/call.js';
import type { StandardSchema } from '../input/issues.js';
import type { BulkheadOptions } from '../policies/bulkhead.js';
import type { Policy, PolicyOf } from '../policies/policy.js';
import type { BodyLimitOptions, BodyLimits } from './body-limits.js';
import type { ExchangeRequest } from './exchange.js';
import type { JsonSchema } from './json-schema.js';
import type { Logger } from './logger.js';
import type { Dialect, Framing } from './problem.js';

/** What a handler or a middleware may add to the answer, also to an error and to a stream, until its head is sent. */
export interface Reply {
  /** Of a plain value or a stream. Default: 200. */
  status: number;
  /** Lower-case names. */
  readonly headers: Record<string, string>;
  /** Joins the summary of the request, for its log line: `{ model: 'small' }`. */
  readonly notes: Record<string, unknown>;
}

/** One request to a cord, as its handler sees it. */
export interface CordCall<State, Input> {
  /** Validated; without a schema the parsed JSON, or the query of a GET. */
  readonly input: Input;
  /** Shared by all requests of the chute. */
  readonly state: State;
  /** Aborts when the client leaves, a limit runs out, or the server ends its drain. */
  readonly signal: AbortSignal;
  /** To hand on to policies: `retry().execute(call, { context })`. Under the cord's own policy it is its attempt's. */
  readonly context: CallContext;
  /** The chute's logger, with the correlation id on every line. */
  readonly log: Logger;
  readonly request: ExchangeRequest;
  /** The path's named segments, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly reply: Reply;
}

/** A request that is about to be let in: after routing, before its body is read. */
export interface GuardCall {
  readonly request: ExchangeRequest;
  /** The cord's path as it was declared; `undefined` where no cord has that path. */
  readonly route: string | undefined;
  readonly correlationId: string;
  readonly notes: Record<string, unknown>;
}

/** Refuses a request by throwing a `ModelError`, `AuthenticationError` for example. */
export type Guard = (call: GuardCall) => void | Promise<void>;

/** The public method of a cord. */
export type CordMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One endpoint: where it is, what it takes, and what stands around its handler. */
export interface CordOptions<
  Path extends string = string,
  Method extends CordMethod = CordMethod,
  Input extends StandardSchema | undefined = StandardSchema | undefined,
  Output extends StandardSchema | undefined = StandardSchema | undefined,
> extends BodyLimitOptions {
  /** Segments are literal, `:name` or `{name}`. Default: `/` and the cord's name. */
  readonly path?: Path | undefined;
  /** The method of the public endpoint (D120). Default: POST. */
  readonly method?: Method | undefined;
  /** A zod, valibot or arktype schema, or any other Standard Schema. */
  readonly input?: Input;
  /**
   * What the handler answers, or each item of its stream; what the schema makes of it is sent. An answer that does not
   * fit is an `internal_error`, never the caller's fault (D62).
   */
  readonly output?: Output;
  /** Stands around the handler, which then runs once per attempt. A stream is over for it when it ends. */
  readonly policy?: PolicyOf<unknown> | undefined;
  /**
   * Requests of this cord at a time; what is over is refused with a `ModelOverloadedError`. Queues by `maxQueue` and
   * `maxWaitMs`. Counts from when the input has been read. Default: no limit.
   */
  readonly concurrency?: number | BulkheadOptions | undefined;
  /** The time for one attempt of the handler, its stream included, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** The form of errors and of a stream's end. Default: `native`. */
  readonly dialect?: Dialect | undefined;
  /** How a stream is framed, if the handler returns one. Default: `sse`. */
  readonly stream?: Framing | undefined;
  /** Default: the chute's. */
  readonly guard?: Guard | undefined;
  /** One sentence for the OpenAPI document. */
  readonly summary?: string | undefined;
  /** For the OpenAPI document, where a schema cannot describe itself. */
  readonly jsonSchema?: { readonly input?: JsonSchema | undefined; readonly output?: JsonSchema | undefined };
}

/**
 * Returns a value (answered as JSON), an async iterable (a stream of JSON values, one event each; a `Uint8Array` is
 * taken for complete events and sent as it is), or what `respond()` made. The first item of a stream is awaited before
 * anything is sent, so until then an error has its real status.
 */
export type CordHandler<State, Input, Result = unknown> = (call: CordCall<State, Input>) => Result;

/** A cord with its defaults filled in and its types forgotten. */
export interface Cord {
  readonly name: string;
  readonly route: string;
  readonly method: CordMethod;
  readonly input: StandardSchema | undefined;
  readonly output: StandardSchema | undefined;
  readonly jsonSchema: NonNullable<CordOptions['jsonSchema']>;
  readonly summary: string | undefined;
  /** Concurrency, the cord's own policy and its timeout, if it has any. */
  readonly layers: Policy | undefined;
  readonly dialect: Dialect;
  /** `undefined` where the author did not say; SSE then. */
  readonly stream: Framing | undefined;
  readonly limits: BodyLimits;
  readonly guard: Guard | undefined;
  /** Does it answer while the chute starts and stops? */
  readonly answers: 'when ready' | 'always';
  readonly handler: CordHandler<never, never>;
}
