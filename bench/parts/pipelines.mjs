/** The same work under the policies of each library: what bench/policies.mjs times and weighs. */
import * as cockatiel from 'cockatiel';
import CircuitBreaker from 'opossum';
import pRetry from 'p-retry';
import { bulkhead, circuitBreaker, fallback, pipeline, retry, timeout } from 'ripstop';

const answer = async () => 42;

function cockatielRetry(maxAttempts = 3) {
  return cockatiel.retry(cockatiel.handleAll, { maxAttempts, backoff: new cockatiel.ConstantBackoff(0) });
}

function cockatielBreaker() {
  return cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 60_000,
    breaker: new cockatiel.ConsecutiveBreaker(5),
  });
}

/** retry, breaker and timeout around a call that succeeds. */
export function threePolicies() {
  const ours = pipeline(retry(), circuitBreaker(), timeout());
  const theirs = cockatiel.wrap(
    cockatielRetry(),
    cockatielBreaker(),
    cockatiel.timeout(30_000, cockatiel.TimeoutStrategy.Cooperative),
  );
  const opossum = new CircuitBreaker(answer, { timeout: 30_000 });
  return {
    'bare async function': () => answer(),
    'ripstop pipeline(retry, circuitBreaker, timeout)': () => ours.execute(answer),
    'cockatiel wrap(retry, breaker, timeout)': () => theirs.execute(answer),
    'opossum with timeout (no retry)': () => opossum.fire(),
  };
}

/** Each policy by itself around a call that succeeds, beside whoever else has it. */
export function onePolicy() {
  const ours = { breaker: circuitBreaker(), bulkhead: bulkhead({ limit: 10 }), retry: retry(), timeout: timeout() };
  const stand = fallback('instead');
  const theirRetry = cockatielRetry();
  const theirBreaker = cockatielBreaker();
  const theirBulkhead = cockatiel.bulkhead(10);
  const theirStand = cockatiel.fallback(cockatiel.handleAll, 'instead');
  const theirTimeout = cockatiel.timeout(30_000, cockatiel.TimeoutStrategy.Cooperative);
  const opossumBreaker = new CircuitBreaker(answer, { timeout: false });
  const opossumTimeout = new CircuitBreaker(answer, { timeout: 30_000 });
  return {
    'circuit breaker': {
      ripstop: () => ours.breaker.execute(answer),
      cockatiel: () => theirBreaker.execute(answer),
      opossum: () => opossumBreaker.fire(),
    },
    bulkhead: {
      ripstop: () => ours.bulkhead.execute(answer),
      cockatiel: () => theirBulkhead.execute(answer),
    },
    fallback: {
      ripstop: () => stand.execute(answer),
      cockatiel: () => theirStand.execute(answer),
    },
    retry: {
      ripstop: () => ours.retry.execute(answer),
      cockatiel: () => theirRetry.execute(answer),
      'p-retry': () => pRetry(answer, { retries: 3 }),
    },
    timeout: {
      ripstop: () => ours.timeout.execute(answer),
      cockatiel: () => theirTimeout.execute(answer),
      'opossum (its breaker too)': () => opossumTimeout.fire(),
    },
  };
}

/** A call that fails once and is retried after 0 ms. */
export function oneRetry() {
  const flaky = () => {
    let failed = false;
    return async () => {
      if (failed) return 42;
      failed = true;
      throw new Error('down');
    };
  };
  const ours = retry({ baseDelayMs: 0 });
  const theirs = cockatielRetry();
  return {
    'ripstop retry': () => ours.execute(flaky()),
    'cockatiel retry': () => theirs.execute(flaky()),
    'p-retry': () => pRetry(flaky(), { retries: 3, minTimeout: 0, maxTimeout: 0 }),
  };
}

/** A call that an open breaker refuses. */
export async function rejection() {
  const down = async () => {
    throw new Error('down');
  };
  const refused = () => undefined;
  const ours = circuitBreaker({ consecutive: 1 });
  const theirs = cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 60_000,
    breaker: new cockatiel.ConsecutiveBreaker(1),
  });
  const opossum = new CircuitBreaker(down, { timeout: false, volumeThreshold: 0 });
  await Promise.allSettled([ours.execute(down), theirs.execute(down), opossum.fire()]);
  return {
    'ripstop circuitBreaker': () => ours.execute(down).catch(refused),
    'cockatiel breaker': () => theirs.execute(down).catch(refused),
    opossum: () => opossum.fire().catch(refused),
  };
}

/** Three policies around a success, for a caller who may abort. */
export function withSignal() {
  const ours = pipeline(retry(), circuitBreaker(), timeout());
  const theirs = cockatiel.wrap(
    cockatielRetry(),
    cockatielBreaker(),
    cockatiel.timeout(30_000, cockatiel.TimeoutStrategy.Cooperative),
  );
  return {
    'ripstop pipeline': () => ours.execute(answer, { signal: new AbortController().signal }),
    'cockatiel wrap': () => theirs.execute(answer, new AbortController().signal),
  };
}
