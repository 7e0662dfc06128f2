/** Functions around every request of a chute (R81, R82, R204). */
import type { CallContext } from '../call/call.js';
import type { Reply } from './cord.js';
import type { ExchangeRequest, ExchangeResponse } from './exchange.js';
import type { Logger } from './logger.js';

/** One request, as a middleware sees it: routed, and not let in yet. */
export interface MiddlewareCall<State> {
  readonly request: ExchangeRequest;
  /** The cord's path as it was declared; `undefined` where no cord has that path. */
  readonly route: string | undefined;
  readonly correlationId: string;
  readonly state: State;
  readonly context: CallContext;
  readonly log: Logger;
  /** Headers set before `next()` stand on errors too. */
  readonly reply: Reply;
}

/**
 * Stands around routing, guards and handlers. `next()` gives the answer, or rejects with what was thrown, which the
 * middleware may catch, translate or leave: what it throws itself is answered in the same envelope.
 */
export type Middleware<State> = (
  call: MiddlewareCall<State>,
  next: () => Promise<ExchangeResponse>,
) => ExchangeResponse | Promise<ExchangeResponse>;

/** A class, since a getter of its own would cost every request a hidden class (V8 11). */
export class PassingCall implements MiddlewareCall<never> {
  readonly request: ExchangeRequest;
  readonly route: string | undefined;
  readonly correlationId: string;
  readonly state: never;
  readonly context: CallContext;
  readonly reply: Reply;
  private readonly logger: () => Logger;

  constructor(facts: Omit<MiddlewareCall<never>, 'log'>, logger: () => Logger) {
    this.request = facts.request;
    this.route = facts.route;
    this.correlationId = facts.correlationId;
    this.state = facts.state;
    this.context = facts.context;
    this.reply = facts.reply;
    this.logger = logger;
  }

  get log(): Logger {
    return this.logger();
  }
}

/** The request through all middlewares, the first outermost, to `innermost`. */
export function throughMiddlewares<State>(
  middlewares: readonly Middleware<State>[],
  call: MiddlewareCall<State>,
  innermost: () => Promise<ExchangeResponse>,
): Promise<ExchangeResponse> {
  const step = async (index: number): Promise<ExchangeResponse> => {
    const middleware = middlewares[index];
    if (middleware === undefined) return innermost();
    let passed = false;
    return middleware(call, () => {
      // A body is read once and a stream is sent once, so neither can be had again.
      if (passed) return Promise.reject(new Error('A middleware called next() twice'));
      passed = true;
      return step(index + 1);
    });
  };
  return step(0);
}
