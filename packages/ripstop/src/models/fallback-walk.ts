/** Walking a chain of models: who is asked next, and what is done where nobody is well. */
import { sleep } from '../call/abort.js';
import { abortable } from '../call/attempt.js';
import type { CallContext } from '../call/call.js';
import type { Clock } from '../call/runtime.js';
import { policy } from '../policies/policy.js';
import type { Answer, Member, WalkOptions, Work } from './fallback-member.js';
import { Story } from './fallback-story.js';
import { walkHedged } from './hedged-walk.js';

const directly = policy('directly', (next, context) => next(context));
/** What is being tried although it is unhealthy, by its breaker where that is known: one call at a time. */
const trials = new WeakMap<object, Promise<'good' | 'bad'>>();
/**
 * How long nobody is tried like that after a trial that went wrong, in milliseconds: an outage costs its model one call a
 * second, however many callers come one after the other.
 */
const trialRestMs = 1_000;
/** Until when that is, on the runtime's clock. */
const rests = new WeakMap<object, number>();

/**
 * Asks one member after the other, each once, until one answers.
 *
 * @throws ModelError: a verdict on the request itself, which ends the walk; else ModelOverloadedError with
 * `details.tried_models` and `details.skipped_models`, and all causes, the first one first, in an AggregateError.
 * The reason of an abort as it is.
 */
export async function walk<T>(
  members: readonly Member[],
  work: Work<T>,
  context: CallContext,
  options: WalkOptions,
): Promise<Answer<T>> {
  const story = new Story(context, options);
  const answer = await inTurn(members, work, story);
  if (answer !== undefined) return answer;
  const leastBad = options.whenAllUnhealthy === 'fail' ? undefined : story.leastBad();
  if (leastBad !== undefined) {
    const place = leastBad.breaker ?? leastBad;
    const trial = trials.get(place);
    const { clock } = context.runtime;
    if (trial !== undefined) {
      const late = await afterTrial(trial, story, () => story.call(leastBad, work));
      if (late !== undefined) return late;
    } else if (clock.now() >= (rests.get(place) ?? 0)) {
      const { forced = directly } = leastBad;
      const late = await forcedTrial(leastBad, clock, () => story.call(leastBad, work, { under: forced }));
      if (late !== undefined) return late;
    }
  }
  throw story.failure();
}

/** Each member once, whoever of two lines takes it. */
async function inTurn<T>(members: readonly Member[], work: Work<T>, story: Story): Promise<Answer<T> | undefined> {
  const left = [...members];
  const take = async (line: CallContext): Promise<Answer<T> | undefined> => {
    for (let member = left.shift(); member !== undefined; member = left.shift()) {
      if (story.leavesOut(member)) continue;
      const answer = await story.call(member, work, { line });
      if (answer !== undefined) return answer;
    }
    return undefined;
  };
  const { hedge } = work;
  const delayMs = members.length < 2 ? undefined : hedge?.delayMs();
  if (hedge === undefined || delayMs === undefined) return await take(story.context);
  const { allows } = hedge;
  const lost = (line: CallContext): void => story.lose(line);
  return await walkHedged({ walk: take, next: () => left[0]?.name, lost, hedge: { delayMs, allows } }, story.context);
}

/** A call of a member whose breaker is open; where it goes well, the breaker closes. */
async function forcedTrial<A>(
  member: Member,
  clock: Clock,
  call: () => Promise<A | undefined>,
): Promise<A | undefined> {
  const place = member.breaker ?? member;
  let tell = (_outcome: 'good' | 'bad'): void => undefined;
  trials.set(place, new Promise((resolve) => (tell = resolve)));
  let answer: A | undefined;
  try {
    answer = await call();
    if (answer !== undefined) member.breaker?.reset();
    return answer;
  } finally {
    trials.delete(place);
    if (answer === undefined) rests.set(place, clock.now() + trialRestMs);
    tell(answer === undefined ? 'bad' : 'good');
  }
}

/** The others wait for it for a while, and are asked where it went well. */
async function afterTrial<A>(
  trial: Promise<'good' | 'bad'>,
  { context, options }: Pick<Story, 'context' | 'options'>,
  call: () => Promise<A | undefined>,
): Promise<A | undefined> {
  if (options.trialWaitMs === 0) return undefined;
  const wait = abortable(context);
  const tooLong = sleep(context.runtime.clock, options.trialWaitMs, wait).then(() => 'bad' as const);
  try {
    return (await Promise.race([trial, tooLong])) === 'good' ? await call() : undefined;
  } finally {
    wait.abort(undefined);
  }
}
