/** What stands between callers and upstream. Who retries has six attempts, who limits an attempt gives it 30 s. */
import * as cockatiel from 'cockatiel';
import { retry } from 'ripstop';
import { defaultPipeline } from '../../examples/default-pipeline.mjs';
import { withGlobalTime } from './global-time.mjs';

const attempts = 6;
const limitMs = 30_000;

/**
 * By name: `make(runtime)` gives `(fn, signal) => promise`, where `fn` is handed the signal of its attempt. The whole
 * run happens inside `around`, where there is one.
 */
export const contenders = {
  'no policy': {
    make: () => (fn, signal) => fn(signal),
  },
  /** Ripstop's own retry by itself: waits of 1 s and more with full jitter, no budget. */
  'retry only': {
    make(runtime) {
      const policy = retry({ attempts }, runtime);
      return (fn, signal) => policy.execute((context) => fn(context.signal), { signal });
    },
  },
  /** As in the readme of cockatiel 3.2.1: every error, its exponential backoff, 5 failures in a row, 10 s. */
  'cockatiel wrap': {
    make() {
      const policy = cockatiel.wrap(
        cockatiel.retry(cockatiel.handleAll, {
          maxAttempts: attempts - 1,
          backoff: new cockatiel.ExponentialBackoff(),
        }),
        cockatiel.circuitBreaker(cockatiel.handleAll, {
          halfOpenAfter: 10_000,
          breaker: new cockatiel.ConsecutiveBreaker(5),
        }),
        cockatiel.timeout(limitMs, cockatiel.TimeoutStrategy.Aggressive),
      );
      return (fn, signal) => policy.execute((context) => fn(context.signal), signal);
    },
    around: withGlobalTime,
  },
  'Ripstop default': {
    make(runtime) {
      const policy = defaultPipeline({ name: 'upstream' }, runtime);
      return (fn, signal) => policy.execute((context) => fn(context.signal), { signal });
    },
  },
};
