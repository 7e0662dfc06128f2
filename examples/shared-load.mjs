// What keeps our own attempts from burying a service. The pages in docs/policies/ are cut from here.
import { hedge, ModelOverloadedError, retry, retryBudget, throttle, UpstreamUnavailableError } from 'ripstop';

// snippet: retry-budget
const budget = retryBudget({ capacity: 2, minPerSecond: 0 });
const careful = retry({ attempts: 4, baseDelayMs: 1, budget });
const down = () => Promise.reject(new UpstreamUnavailableError());
for (let call = 1; call <= 2; call += 1) {
  await careful.execute(down).catch((error) => console.log(error.stopReason, 'after', error.attempts.length));
}
// end of snippet

// snippet: hedge
const quickly = hedge({ safety: 'idempotent', delayMs: 20 });
const answer = await quickly.execute(({ attempt, signal }) => {
  if (attempt === 2) return 'Paris.';
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(console.log('first attempt:', signal.reason.details)));
  });
});
console.log(answer);
// end of snippet

// snippet: throttle
const gently = throttle({ minCalls: 5 });
const busy = () => Promise.reject(new ModelOverloadedError());
for (let call = 1; call <= 5; call += 1) {
  await gently.execute(busy).catch((error) => console.log(error.message));
}
console.log(`rejects ${Math.round(gently.rejectRatio * 100)} %`);
// end of snippet
