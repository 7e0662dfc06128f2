// Each policy by itself, and all of them together. The pages in docs/policies/ are cut from here.
import {
  callReport,
  circuitBreaker,
  ModelError,
  pipeline,
  RateLimitError,
  retry,
  systemRuntime,
  timeout,
} from 'ripstop';

const waitMs = 20;

// snippet: retry
let asked = 0;
const patiently = retry({ attempts: 3, baseDelayMs: waitMs });
const answer = await patiently.execute(({ attempt }) => {
  asked = attempt;
  if (attempt === 1) throw new RateLimitError(undefined, { retryAfterMs: waitMs });
  return 'Paris.';
});
console.log(answer, `attempt ${asked}`);
// end of snippet

// snippet: circuit-breaker
const breaker = circuitBreaker({ name: 'gpt-x', consecutive: 2, cooldownMs: 10_000 });
const ask = breaker.wrap(async () => {
  throw new Error('no answer');
});

for (let call = 1; call <= 3; call += 1) {
  await ask().catch((error) => console.log(breaker.state, '-', error.message));
}
breaker.reset();
// end of snippet

// snippet: permit
const permit = breaker.acquire(); // throws when the breaker is open
permit.settle('success'); // or 'failure', with the error; or 'ignored', 'cancelled', 'rejected'
// end of snippet

// snippet: timeout
const limited = timeout({ limitMs: waitMs });
const slowly = ({ signal }) => {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(console.log('told to stop'))));
};
await limited.execute(slowly).catch((error) => console.log(error.errorType, error.details));
// end of snippet

// snippet: pipeline
const off = systemRuntime.events.on(({ type, attempt }) => console.log(type, attempt));
const safely = pipeline(
  retry({ attempts: 2, baseDelayMs: waitMs }),
  circuitBreaker({ name: 'gpt-x' }),
  timeout({ limitMs: waitMs }),
);
try {
  await safely.execute(slowly, { deadlineMs: 5_000 });
} catch (error) {
  if (!ModelError.isInstance(error)) throw error;
  const { attempts, stopReason } = callReport(error);
  console.log(error.errorType, stopReason, attempts.length);
}
off();
// end of snippet
