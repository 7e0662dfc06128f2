/** A walk in two lines: the second one begins when the first has had no answer for a while, and the first answer counts. */
import { abortable } from '../call/attempt.js';
import type { CallContext, CallScope } from '../call/call.js';
import { discard } from '../call/stream.js';
import { CancelledError } from '../errors/rejections.js';

/** When another model of a chain is asked beside one that is slow. Both are billed. */
export interface ChainHedge {
  /**
   * Asked once for each stream: how long it may be without content before the next model is asked beside the one that is
   * slow, in milliseconds. Undefined: this stream is not hedged.
   */
  readonly delayMs: () => number | undefined;
  /** Asked when that time has come: may it be done? Whoever says yes has paid for it. */
  readonly allows: (second: SecondLine) => boolean;
}

/** What is about to begin. */
export interface SecondLine {
  /** Who would be asked: the next model of the chain. */
  readonly model: string;
  /** The context in which it and those behind it would be asked. */
  readonly context: CallContext;
  /** That of the models asked so far. */
  readonly beside: CallContext;
}

/** What the lines share. */
export interface Lines<A> {
  /** Takes one member after the other, until one answers or none is left. */
  readonly walk: (line: CallContext) => Promise<A | undefined>;
  /** Who would be asked next; undefined where nobody is left. */
  readonly next: () => string | undefined;
  /** Told of a line whose answer is no longer waited for, before it is aborted. */
  readonly lost: (line: CallContext) => void;
  readonly hedge: Pick<ChainHedge, 'allows'> & { readonly delayMs: number };
}

/** The answer of the line that has one first; undefined where none has. Rejects with the first verdict on the request. */
export function walkHedged<A extends { readonly value: unknown }>(
  { walk, next, lost, hedge }: Lines<A>,
  context: CallContext,
): Promise<A | undefined> {
  const { clock } = context.runtime;
  const startedAt = clock.now();
  const running = new Set<CallScope>();
  return new Promise((resolve, reject) => {
    let over = false;
    const first = begin(abortable(context));
    const timer = clock.after(hedge.delayMs, () => {
      const model = next();
      const second = abortable(context);
      if (over || model === undefined || context.aborted) return;
      if (!hedge.allows({ model, context: second, beside: first })) return;
      context.emit({ type: 'hedge.started', reason: 'slow', ms: clock.now() - startedAt });
      begin(second);
    });

    function begin(line: CallScope): CallScope {
      running.add(line);
      walk(line).then(
        (answer) => {
          if (over) return discard(answer?.value);
          running.delete(line);
          if (answer === undefined && running.size > 0) return;
          if (answer !== undefined && line !== first) context.emit({ type: 'hedge.won', ms: clock.now() - startedAt });
          end();
          resolve(answer);
        },
        (error: unknown) => {
          if (over) return;
          running.delete(line);
          end();
          reject(error as Error);
        },
      );
      return line;
    }

    /** Who still runs has lost. */
    function end(): void {
      over = true;
      timer.cancel();
      for (const line of running) {
        lost(line);
        context.emit({ type: 'hedge.lost', ms: clock.now() - startedAt });
        line.abort(hedgeLost());
      }
    }
  });
}

function hedgeLost(): CancelledError {
  const details = { reason: 'hedge_lost' };
  return new CancelledError('Another model was sooner', { origin: 'service', details });
}

/** Was this call ended because another line had an answer first? */
export function hasLost({ aborted, reason }: CallContext): boolean {
  return aborted && CancelledError.isInstance(reason) && reason.details['reason'] === 'hedge_lost';
}
