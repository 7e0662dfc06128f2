/** A cord: one HTTP endpoint of a chute, its options, and what its handler is given. */
import type { CallContext } from '../call/call.js';
import type { OutputOf, StandardSchema } from '../input/issues.js';
import type { ExchangeRequest } from './exchange.js';
import type { Logger } from './logger.js';
import type { Dialect, Framing } from './problem.js';

/** What the handler may add to the answer, also to an error and to a stream, until its first item is there. */
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
  /** Aborts when the client leaves, the caller's deadline passes, or the server ends its drain. */
  readonly signal: AbortSignal;
  /** To hand on to policies: `retry().execute(call, { context })`. */
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

type InputOf<Schema> = Schema extends StandardSchema ? OutputOf<Schema> : unknown;

/** One endpoint: what it takes, and what it does. */
export interface CordOptions<State, Schema extends StandardSchema | undefined = undefined> {
  /** The method of the public endpoint (D120). Default: POST. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | undefined;
  /** A zod, valibot or arktype schema, or any other Standard Schema. */
  readonly input?: Schema;
  /** The form of errors and of a stream's end. Default: `native`. */
  readonly dialect?: Dialect | undefined;
  /** How a stream is framed, if the handler returns one. Default: `sse`. */
  readonly stream?: Framing | undefined;
  /** Default: the chute's. */
  readonly bodyLimitBytes?: number | undefined;
  /** Default: the chute's. */
  readonly guard?: Guard | undefined;
  /**
   * Returns a value (answered as JSON), an async iterable (a stream of JSON values, one event each; a `Uint8Array` is
   * taken for complete events and sent as it is), or what `respond()` made. The first item of a stream is awaited
   * before anything is sent, so until then an error has its real status.
   */
  readonly handler: (call: CordCall<State, InputOf<Schema>>) => unknown;
}

/** A cord with its defaults filled in and its types forgotten. */
export interface Cord {
  readonly route: string;
  readonly method: string;
  readonly schema: StandardSchema | undefined;
  readonly dialect: Dialect;
  readonly framing: Framing;
  readonly bodyLimitBytes: number;
  readonly guard: Guard | undefined;
  readonly handler: (call: CordCall<never, never>) => unknown;
}
