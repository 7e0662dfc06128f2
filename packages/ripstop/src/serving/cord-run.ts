/** One request to one cord, from the guard to the handler's result. */
import type { CallContext } from '../call/call.js';
import { startErrorContext } from '../call/error-context.js';
import { isStream } from '../call/stream.js';
import { InternalError } from '../errors/upstream-errors.js';
import type { StandardSchema } from '../input/issues.js';
import type { Cord, CordCall, Guard, Reply } from './cord.js';
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
    const call: CordCall<never, never> = {
      input,
      state: settings.state as never,
      context,
      request,
      params,
      reply,
      get signal() {
        return context.signal;
      },
      get log() {
        return log();
      },
    };
    return startErrorContext({ correlationId, route: cord.route }, () => cord.handler(call));
  };
  const result = await (cord.layers === undefined ? attempt(context) : cord.layers.execute(attempt, { context }));
  return cord.output === undefined || isResponse(result) ? result : checked(cord.output, result);
}

function checked(schema: StandardSchema, result: unknown): unknown {
  return isStream(result) ? new CheckedStream(schema, result[Symbol.asyncIterator]()) : checkedValue(schema, result);
}

/** @throws InternalError for an answer of ours that does not fit (D62). Which fields those are is for the log. */
async function checkedValue(schema: StandardSchema, value: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const where = result.issues.slice(0, 10).map(({ path = [] }) => path.map(keyOf).join('.') || '(root)');
  throw new InternalError(undefined, { cause: new Error(`The answer does not fit its schema at ${where.join(', ')}`) });
}

function keyOf(part: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof part === 'object' ? part.key : part);
}

/** An iterator by hand, because a generator that was never started would not pass on that it is thrown away. */
class CheckedStream implements AsyncIterableIterator<unknown> {
  private readonly schema: StandardSchema;
  private readonly source: AsyncIterator<unknown>;

  constructor(schema: StandardSchema, source: AsyncIterator<unknown>) {
    this.schema = schema;
    this.source = source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    const step = await this.source.next();
    // Bytes are events made by hand.
    if (step.done === true || step.value instanceof Uint8Array) return step;
    return { done: false, value: await checkedValue(this.schema, step.value) };
  }

  async return(): Promise<IteratorResult<unknown>> {
    await this.source.return?.();
    return { done: true, value: undefined };
  }
}
