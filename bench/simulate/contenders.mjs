/** What stands between callers and upstream. Each is given four attempts where it retries, and 30 s per attempt. */
import * as cockatiel from 'cockatiel';
import { retry } from 'ripstop';
import { defaultPipeline } from '../../examples/default-pipeline.mjs';
import { withGlobalTime } from './global-time.mjs';

/**
 * By name: `make(runtime)` gives `(fn, signal) => promise`, where `fn` is handed the signal of its attempt. `around`
 * is what the whole run happens in.
 */
export const contenders = {
  'no policy': {
    make: () => (fn, signal) => fn(signal),
  },
  /** The library's retry by itself, with its defaults: what many programs have and no more. */
  'retry only': {
    make(runtime) {
      const policy = retry({}, runtime);
      return (fn, signal) => policy.execute((context) => fn(context.signal), { signal });
    },
  },
  /** As in the readme of cockatiel 3.2.1: 3 retries with its exponential backoff, 5 failures in a row, 10 s. */
  'cockatiel wrap': {
    make() {
      const policy = cockatiel.wrap(
        cockatiel.retry(cockatiel.handleAll, { maxAttempts: 3, backoff: new cockatiel.ExponentialBackoff() }),
        cockatiel.circuitBreaker(cockatiel.handleAll, {
          halfOpenAfter: 10_000,
          breaker: new cockatiel.ConsecutiveBreaker(5),
        }),
        cockatiel.timeout(30_000, cockatiel.TimeoutStrategy.Aggressive),
      );
      return (fn, signal) => policy.execute((context) => fn(context.signal), signal);
    },
    around: withGlobalTime,
  },
  'Ripstop default': {
    make(runtime) {
      const policy = defaultPipeline('upstream', runtime);
      return (fn, signal) => policy.execute((context) => fn(context.signal), { signal });
    },
  },
};
