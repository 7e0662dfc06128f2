/** One request to one cord, from the guard to the handler's result. */
import type { CallContext } from '../call/call.js';
import { startErrorContext } from '../call/error-context.js';
import { isStream } from '../call/stream.js';
import type { Cord, CordCall, Guard, Reply } from './cord.js';
import { checkedOutput } from './cord-output.js';
import { CordStream } from './cord-stream.js';
import { type ExchangeRequest, isResponse } from './exchange.js';
import type { Logger } from './logger.js';
import { readInput } from './read-input.js';

/** What the chute brings to every run. */
export interface CordRunSettings {
  readonly state: object;
  readonly guard?: Guard | undefined;
  /** Nothing when requests may come in, a promise while they must wait; throws while none may. */
  readonly ready: () => Promise<void> | undefined;
}

/** What is known of the request. */
export interface CordRequest {
  readonly request: ExchangeRequest;
  readonly params: CordCall<never, never>['params'];
  readonly reply: Reply;
  readonly correlationId: string;
  readonly log: () => Logger;
}

/**
 * Guard, input, then the handler under the cord's layers. Gives what the handler returned, held to the output schema.
 */
export async function runCord(
  cord: Cord,
  { request, params, reply, correlationId, log }: CordRequest,
  context: CallContext,
  settings: CordRunSettings,
): Promise<unknown> {
  if (cord.answers === 'when ready') await settings.ready();
  const guard = cord.guard ?? settings.guard;
  await guard?.({ request, route: cord.route, correlationId, notes: reply.notes });
  const input = (await readInput(request, cord, context.runtime.clock)) as never;
  const attempt = (context: CallContext): unknown => {
    const call = new HandlerCall({ input, state: settings.state as never, context, request, params, reply }, log);
    return startErrorContext({ correlationId, route: cord.route }, () => cord.handler(call));
  };
  if (cord.layers === undefined) return checked(cord, await attempt(context));
  // Policies see a stream when its first item is there, so that until then it can be retried or stood in for.
  const opened = async (context: CallContext): Promise<unknown> => {
    const result = await checked(cord, await attempt(context));
    return isStream(result) && request.method !== 'HEAD' ? new CordStream(result, undefined).open() : result;
  };
  return cord.layers.execute(opened, { context });
}

/**
 * A class, since its getters are made once. In an object literal they would be made for every request, and with them a
 * hidden class each, which the engine keeps, with all that the getters see, until a full collection.
 */
class HandlerCall implements CordCall<never, never> {
  readonly input: never;
  readonly state: never;
  readonly context: CallContext;
  readonly request: ExchangeRequest;
  readonly params: CordCall<never, never>['params'];
  readonly reply: Reply;
  private readonly logger: () => Logger;

  constructor(known: Omit<CordCall<never, never>, 'signal' | 'log'>, logger: () => Logger) {
    this.input = known.input;
    this.state = known.state;
    this.context = known.context;
    this.request = known.request;
    this.params = known.params;
    this.reply = known.reply;
    this.logger = logger;
  }

  get signal(): AbortSignal {
    return this.context.signal;
  }

  get log(): Logger {
    return this.logger();
  }
}

function checked({ output }: Cord, result: unknown): unknown {
  if (output === undefined || isResponse(result)) return result;
  return isStream(result) ? new CordStream(result, output) : checkedOutput(output, result);
}
