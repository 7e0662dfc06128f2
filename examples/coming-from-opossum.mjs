// The same breaker in opossum and in Ripstop, for a service that is down. docs/policies/coming-from.md is cut from here.
import CircuitBreaker from 'opossum';
import { circuitBreaker, fallback, pipeline, systemRuntime, timeout } from 'ripstop';

let asked = 0;
async function ask(question) {
  asked += 1;
  throw new Error(`no answer to ${question}`);
}

// snippet: opossum-before
const theirs = new CircuitBreaker(ask, {
  name: 'gpt-x',
  timeout: 1_000,
  errorThresholdPercentage: 50,
  volumeThreshold: 10,
  resetTimeout: 10_000,
});
theirs.fallback(() => 'Please try again later.');
theirs.on('open', () => console.log('open after', asked));

for (let call = 1; call <= 12; call += 1) await theirs.fire('What is the capital of France?');
console.log(await theirs.fire('And of Spain?'), asked);
theirs.shutdown();
// end of snippet

asked = 0;

// snippet: opossum-after
const ours = pipeline(
  fallback('Please try again later.'),
  circuitBreaker({
    name: 'gpt-x',
    consecutive: Infinity, // only the share opens it, as there
    failureRatio: 0.5,
    minCalls: 10,
    window: { ms: 10_000 },
    cooldownMs: 10_000,
  }),
  timeout({ limitMs: 1_000 }),
);
const fire = ours.wrap(ask);
const off = systemRuntime.events.on(({ type }) => type === 'breaker.opened' && console.log('open after', asked));

for (let call = 1; call <= 12; call += 1) await fire('What is the capital of France?');
console.log(await fire('And of Spain?'), asked);
off();
// end of snippet
