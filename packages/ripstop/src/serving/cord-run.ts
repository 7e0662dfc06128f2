/** One request to one cord, from the guard to the handler's result. */
import { isThenable } from '../call/thenable.js';
import type { CallContext } from '../call/call.js';
import type { startErrorContext } from '../call/error-context.js';
import { isStream } from '../call/stream.js';
import type { Cord, CordCall, Guard, GuardCall, Reply } from './cord.js';
import { checkedOutput } from './cord-output.js';
import { CordStream } from './cord-stream.js';
import { type ExchangeRequest, type ExchangeResponse, isResponse } from './exchange.js';
import type { Logger } from './logger.js';
import { readBody, readInput } from './read-input.js';

/** What the chute brings to every run. */
export interface CordRunSettings {
  readonly state: object;
  readonly guard?: Guard | undefined;
  /** Runs a part of a request in an error context of its own. */
  readonly inContext: typeof startErrorContext;
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
  /** Set where the handler has answered in full (`respond`); what is given then is the stream in it, if there is one. */
  inFull: ExchangeResponse | undefined;
}

/**
 * Guard, input, then the handler under the cord's layers. Gives what the handler returned, held to the output schema.
 */
export async function runCord(
  cord: Cord,
  about: CordRequest,
  context: CallContext,
  settings: CordRunSettings,
): Promise<unknown> {
  const { request, reply, correlationId } = about;
  // Nothing is awaited that is there already: a wait costs a promise and a turn.
  const starting = cord.answers === 'when ready' ? settings.ready() : undefined;
  if (starting !== undefined) await starting;
  const guard = cord.guard ?? settings.guard;
  if (guard !== undefined) {
    const asked = { request, route: cord.route, correlationId, notes: reply.notes };
    const guarding = guarded(guard, asked, settings);
    if (guarding !== undefined) await guarding;
  }
  const body = readBody(request, cord, context.runtime.clock);
  const reading = readInput(request, cord, body === undefined ? undefined : await body);
  const input = (isThenable(reading) ? await reading : reading) as never;
  const attempt = (context: CallContext): unknown => {
    const call = new HandlerCall(input, settings.state as never, context, about);
    return settings.inContext({ correlationId, route: cord.route }, () => cord.handler(call));
  };
  if (cord.layers !== undefined) return unpacked(about, await underLayers(cord.layers, cord, attempt, about, context));
  const answering = attempt(context);
  const answer = isThenable(answering) ? await answering : answering;
  if (cord.output === undefined) return unpacked(about, answer);
  return unpacked(about, await checked(cord, answer));
}

/** Asks the guard, in the request's error context. */
export function guarded(
  guard: Guard,
  call: GuardCall,
  { inContext }: Pick<CordRunSettings, 'inContext'>,
): ReturnType<Guard> {
  const { correlationId, route } = call;
  return inContext({ correlationId, route }, () => guard(call));
}

/** Policies see a stream when its first item is there, so that until then it can be retried or stood in for. */
function underLayers(
  layers: NonNullable<Cord['layers']>,
  cord: Cord,
  attempt: (context: CallContext) => unknown,
  { request }: CordRequest,
  context: CallContext,
): Promise<unknown> {
  const opened = async (context: CallContext): Promise<unknown> => {
    const result = await checked(cord, await attempt(context));
    return isStream(result) && request.method !== 'HEAD' ? new CordStream(result, undefined).open() : result;
  };
  return layers.execute(opened, { context });
}

function unpacked(about: CordRequest, result: unknown): unknown {
  if (!isResponse(result)) return result;
  about.inFull = result;
  return isStream(result.body) ? result.body : undefined;
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

  constructor(input: never, state: never, context: CallContext, { request, params, reply, log }: CordRequest) {
    this.input = input;
    this.state = state;
    this.context = context;
    this.request = request;
    this.params = params;
    this.reply = reply;
    this.logger = log;
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
