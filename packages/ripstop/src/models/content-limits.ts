import type { CallScope } from '../call/call.js';
import { assertPositive } from '../call/options.js';
import { CancelledError } from '../errors/rejections.js';
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

/** Over how long a rate is taken. */
const rateWindowMs = 5_000;
/** A stream that has finished may still send its usage, for so long. */
const afterFinishMs = 1_000;

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

/**
 * The same deltas, each in time. The first wait begins when the stream is first read, so it holds the request as well,
 * where `deltas` sends one; time that the reader takes for itself is not counted. After the finish reason, what still
 * comes within a second is delivered, and nothing that goes wrong there matters any more.
 *
 * @throws InferenceTimeoutError with `details.phase` `first_content`, `gap` or `rate`; `attempt` is aborted with it.
 */
export async function* limitContent(
  deltas: AsyncIterable<Delta>,
  limits: ContentLimits,
  attempt: CallScope,
): AsyncGenerator<Delta, void, undefined> {
  const { clock } = attempt.runtime;
  const source = deltas[Symbol.asyncIterator]();
  let limit: Limit = { phase: 'first_content', ms: limits.firstContentMs };
  let leftMs = limit.ms;
  const rate = new Rate(limits.minRate);
  try {
    for (;;) {
      const before = clock.now();
      const step = await within({ ...limit, leftMs }, source.next(), attempt);
      if (step.done) return;
      const waitedMs = clock.now() - before;
      leftMs -= waitedMs;
      if (limit.phase === 'gap') rate.check(waitedMs, attempt);
      if (isContent(step.value)) {
        rate.count += 1;
        limit = { phase: 'gap', ms: limits.gapMs };
        leftMs = limit.ms;
      }
      yield step.value;
      if (step.value.finishReason !== undefined) return yield* tail(source, attempt);
    }
  } finally {
    stop(source);
  }
}

/** How much has come in the current window. What a reader takes for himself is not counted. */
class Rate {
  count = 0;
  private readonly min: number | undefined;
  private waitedMs = 0;

  constructor(min: number | undefined) {
    this.min = min;
  }

  /** @throws InferenceTimeoutError, with which `attempt` is aborted. */
  check(waitedMs: number, attempt: CallScope): void {
    this.waitedMs += waitedMs;
    if (this.min === undefined || this.waitedMs < rateWindowMs) return;
    if (this.count / (this.waitedMs / 1_000) < this.min) {
      const error = new InferenceTimeoutError(this.waitedMs, { details: { phase: 'rate', min_rate: this.min } });
      attempt.abort(error);
      throw error;
    }
    this.count = 0;
    this.waitedMs = 0;
  }
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

async function* tail(source: AsyncIterator<Delta>, attempt: CallScope): AsyncGenerator<Delta, void, undefined> {
  let expire = (): void => undefined;
  const expired = new Promise<undefined>((resolve) => {
    expire = () => resolve(undefined);
  });
  const timer = attempt.runtime.clock.after(afterFinishMs, expire);
  try {
    for (;;) {
      const step = await Promise.race([source.next(), expired]);
      if (step === undefined) attempt.abort(new CancelledError('The answer was complete'));
      if (step === undefined || step.done) return;
      yield step.value;
    }
  } catch {
    // The answer is complete: only its usage is lost.
  } finally {
    timer.cancel();
  }
}

/** Never waited for: a source that hangs ends by its signal. */
function stop(source: AsyncIterator<Delta>): void {
  void source.return?.().catch(() => undefined);
}
