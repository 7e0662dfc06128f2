import type { CallScope } from '../call/call.js';
import { assertPositive } from '../call/options.js';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import type { Delta } from './text-model.js';

/** How long a stream may say nothing. Only content ends a silence: text, reasoning or a tool call. */
export interface ContentLimits {
  /** From the request to the first content, in milliseconds. `Infinity`: no limit. */
  readonly firstContentMs: number;
  /** From one content to the next, in milliseconds. `Infinity`: no limit. */
  readonly gapMs: number;
  /** Contents a second (tokens, as a rule), over 5 seconds of waiting, from the first content on. Default: no limit. */
  readonly minRate?: number | undefined;
}

/** Does this delta say something? A role, a comment, the usage or an empty text do not. */
export function isContent({ text, reasoning, toolCalls }: Delta): boolean {
  return (
    (text !== undefined && text !== '') || (reasoning !== undefined && reasoning !== '') || toolCalls !== undefined
  );
}

/** What may come before the first content (a role, as a rule) is kept back with it; more than this is dropped. */
const maxKeptBack = 16;

/** Reads up to the first content or the finish, whichever comes first: the point from which a stream has been given. */
export async function readToContent(source: AsyncIterator<Delta>): Promise<Delta[]> {
  const head: Delta[] = [];
  for (;;) {
    const step = await source.next();
    if (step.done) return head;
    const delta = step.value;
    const given = isContent(delta) || delta.finishReason !== undefined;
    if (given || head.length < maxKeptBack) head.push(delta);
    if (given) return head;
  }
}

/** @throws RangeError for a limit that is not above 0. */
export function assertContentLimits({ firstContentMs, gapMs, minRate }: ContentLimits): void {
  if (minRate !== undefined) assertPositive('minRate', minRate);
  assertPositive('firstContentMs', firstContentMs);
  assertPositive('gapMs', gapMs);
}

/** A limit on one wait; `leftMs` is what earlier waits have left of it. */
interface Limit {
  readonly phase: 'headers' | 'first_content' | 'gap';
  readonly ms: number;
  readonly leftMs?: number;
}

/** Waits for `outcome` under a limit. When it passes, `attempt` is aborted, and that is the outcome. */
export function within<T>({ phase, ms, leftMs = ms }: Limit, outcome: Promise<T>, attempt: CallScope): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = attempt.runtime.clock.after(Math.max(leftMs, 0), () => {
      attempt.abort(new InferenceTimeoutError(ms, { details: { phase } }));
    });
    const stopListening = attempt.onAbort((reason) => {
      timer.cancel();
      reject(reason);
    });
    const done = (): void => {
      timer.cancel();
      stopListening();
    };
    outcome.then(
      (value) => {
        done();
        resolve(value);
      },
      (error: unknown) => {
        done();
        reject(attempt.aborted ? attempt.reason : error);
      },
    );
  });
}
