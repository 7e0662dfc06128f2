/** One request to one cord, from the guard to the handler's result. */
import { completed, failed } from '../call/abort.js';
import type { Attempt } from '../call/attempt.js';
import type { CallContext } from '../call/call.js';
import type { startErrorContext } from '../call/error-context.js';
import { isStream } from '../call/stream.js';
import { isThenable } from '../call/thenable.js';
import type { Cord, CordCall, Guard, GuardCall, Reply } from './cord.js';
import { checkedOutput } from './cord-output.js';
import { CordStream } from './cord-stream.js';
import { type BodyReader, type ExchangeRequest, type ExchangeResponse, isResponse } from './exchange.js';
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
  readonly context: CallContext;
  readonly log: () => Logger;
  /** Set where the handler has answered in full (`respond`); what is given then is the stream in it, if there is one. */
  inFull: ExchangeResponse | undefined;
}

/**
 * Guard, input, then the handler under the cord's layers; `attempt` is settled by what the handler returned, held to the
 * output schema. A step is waited for only where it brings a promise: a wait costs two, and a turn (an async function
 * would cost a request five promises more, each of which pays for the hooks of error contexts).
 */
export class CordRun implements BodyReader {
  readonly cord: Cord;
  readonly about: CordRequest;
  readonly context: CallContext;
  readonly settings: CordRunSettings;
  private readonly attempt: Attempt;
  private step = 0;

  constructor(cord: Cord, about: CordRequest, settings: CordRunSettings, attempt: Attempt) {
    this.cord = cord;
    this.about = about;
    this.context = about.context;
    this.settings = settings;
    this.attempt = attempt;
  }

  /** The steps that are left. Each is given what the one before it brought. */
  go(brought: unknown): void {
    let value = brought;
    try {
      for (let step = steps[this.step]; step !== undefined; step = steps[this.step]) {
        this.step += 1;
        value = step(this, value as never);
        if (value === goesOn) return;
        if (isThenable(value)) return this.wait(value);
      }
    } catch (error) {
      return failed(this.attempt, error);
    }
    completed(this.attempt, value);
  }

  arrived(body: Uint8Array): void {
    this.go(body);
  }

  broke(error: unknown): void {
    failed(this.attempt, error);
  }

  private wait(coming: PromiseLike<unknown>): void {
    Promise.resolve(coming).then(
      (value) => this.go(value),
      (error: unknown) => failed(this.attempt, error),
    );
  }
}

/** What a step gives that has the steps after it run when it is over. */
const goesOn = Symbol('goesOn');

const steps: readonly ((run: CordRun, brought: never) => unknown)[] = [
  ({ cord, settings }) => (cord.answers === 'when ready' ? settings.ready() : undefined),
  askGuard,
  readWhole,
  ({ cord, about }, body: Uint8Array | undefined) => readInput(about.request, cord, body),
  handle,
  ({ about }, answer) => unpacked(about, answer),
];

function askGuard({ cord, about, settings }: CordRun): ReturnType<Guard> {
  const guard = cord.guard ?? settings.guard;
  if (guard === undefined) return undefined;
  const { request, reply, correlationId } = about;
  return guarded(guard, { request, route: cord.route, correlationId, notes: reply.notes }, settings);
}

function readWhole(run: CordRun): typeof goesOn | undefined {
  const { cord, about, context } = run;
  return readBody(about.request, cord, context.runtime.clock, run) === 'coming' ? goesOn : undefined;
}

function handle({ cord, about, context, settings }: CordRun, input: never): unknown {
  const { correlationId } = about;
  const attempt = (context: CallContext): unknown => {
    const call = new HandlerCall(input, settings.state as never, context, about);
    return settings.inContext({ correlationId, route: cord.route }, () => cord.handler(call));
  };
  if (cord.layers !== undefined) return underLayers(cord.layers, cord, attempt, about);
  const answer = attempt(context);
  if (cord.output === undefined) return answer;
  return isThenable(answer) ? answer.then((value) => checked(cord, value)) : checked(cord, answer);
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
  { request, context }: CordRequest,
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
