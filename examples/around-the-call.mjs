// The policies that stand around a call and its attempts. The pages in docs/policies/ are cut from here.
import {
  bulkhead,
  coalesce,
  deadline,
  fallback,
  pipeline,
  retry,
  systemRuntime,
  UpstreamUnavailableError,
} from 'ripstop';

// snippet: deadline
const inTime = pipeline(deadline({ limitMs: 50 }), retry({ attempts: 5, baseDelayMs: 30, jitter: 'none' }));
await inTime
  .execute((context) => {
    console.log('attempt', context.attempt);
    throw new UpstreamUnavailableError();
  })
  .catch((error) => console.log(error.errorType, error.stopReason));
// end of snippet

// snippet: bulkhead
const slots = bulkhead({ name: 'gpt-x', limit: 2, maxQueue: 1, maxWaitMs: 500 });
const briefly = () => new Promise((resolve) => setTimeout(resolve, 20));
const calls = [1, 2, 3, 4].map(() => slots.execute(briefly));
console.log(slots.running, 'run,', slots.waiting, 'waits');
const outcomes = await Promise.allSettled(calls);
console.log(outcomes.map(({ status, reason }) => reason?.details.reason ?? status).join(' '));
// end of snippet

// snippet: coalesce
const together = coalesce();
let asked = 0;
const ask = async () => `Paris, asked ${(asked += 1)} time`;
const same = { key: 'what is the capital of France?' };
console.log(await Promise.all([together.execute(ask, same), together.execute(ask, same)]));
// end of snippet

// snippet: fallback
const off = systemRuntime.events.on(({ type, outcome }) => type === 'fallback.used' && console.log(type, outcome));
const forgiving = pipeline(fallback('Please try again later.'), retry({ attempts: 2, baseDelayMs: 20 }));
const broken = async () => {
  throw new UpstreamUnavailableError();
};
console.log(await forgiving.execute(broken));
off();
// end of snippet
