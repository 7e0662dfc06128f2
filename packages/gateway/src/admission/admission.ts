import type { CallContext, Runtime } from 'ripstop';
import type { ExchangeRequest, ExchangeResponse, Middleware, ResponseBody } from 'ripstop/serving';
import type { Gate, Slot } from './gate.js';
import { HeldStream } from './held-stream.js';
import type { KeyLimit } from './key-limit.js';
import { requestPriority } from './priority.js';
import { startTiming } from './server-timing.js';

export interface AdmissionOptions {
  readonly gate: Gate;
  /** Whose request it is. */
  readonly callerOf: (headers: ExchangeRequest['headers']) => string;
  /** How often each caller may ask. Default: as often as he likes. */
  readonly keyLimit?: KeyLimit | undefined;
  /** Where requests that would be shed at `minimal` are let in, since a smaller model may answer them. Default: nowhere. */
  readonly goesSmaller?: ReadonlySet<string> | undefined;
}

/**
 * Lets requests to models in, one by one, before their bodies are read; a slot is held until the answer is ready, or
 * its stream has ended. Models are asked by POST, and nothing else is: health, pages and lists pass freely.
 */
export function admission(options: AdmissionOptions, { clock }: Runtime): Middleware<object> {
  const { gate, callerOf, keyLimit, goesSmaller } = options;
  return async ({ request, route, context, reply }, next) => {
    if (request.method !== 'POST' || route === undefined) return next();
    const timing = startTiming(reply, clock);
    let slot: Slot | undefined;
    try {
      const priority = requestPriority(request.headers);
      const key = callerOf(request.headers);
      await keyLimit?.(key, context, reply.headers);
      const entering = gate.enter({ key, priority, context, ...(goesSmaller?.has(route) && { whenMinimal: 'enter' }) });
      slot = entering instanceof Promise ? await entering : entering;
      timing.waited();
      // Between a slot's being handed over and this step the caller may have left, or the deadline passed.
      if (context.aborted) throw context.reason;
      const answer = await next();
      return {
        ...answer,
        headers: { 'server-timing': timing.header, ...answer.headers },
        body: held(answer, slot, context),
      };
    } catch (error) {
      if (slot === undefined) timing.waited();
      else slot.free();
      // What stands in the reply stands on errors too.
      reply.headers['server-timing'] = timing.header;
      throw error;
    }
  };
}

/** An aborted stream is over, whether or not anybody goes on reading it. */
function held({ body }: ExchangeResponse, slot: Slot, context: CallContext): ResponseBody {
  if (typeof body === 'object' && Symbol.asyncIterator in body) {
    const stopListening = context.onAbort(() => slot.free());
    return new HeldStream(body, () => {
      stopListening();
      slot.free();
    });
  }
  slot.free();
  return body;
}
