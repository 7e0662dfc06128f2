// The same call under cockatiel, under Ripstop, and half-way. docs/policies/coming-from.md is cut from here.
import { createServer } from 'node:http';
import * as cockatiel from 'cockatiel';
import { circuitBreaker, fromCockatiel, pipeline, retry, systemRuntime, timeout } from 'ripstop';

let requests = 0;
const server = createServer((_, response) => {
  requests += 1;
  return requests % 2 === 1 ? response.writeHead(503).end() : response.end('Paris.');
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}/`;

async function ask(signal) {
  const response = await fetch(url, { signal });
  if (!response.ok) throw Object.assign(new Error('no answer'), { status: response.status });
  return response.text();
}

// snippet: cockatiel-before
const theirBreaker = cockatiel.circuitBreaker(cockatiel.handleAll, {
  halfOpenAfter: 10_000,
  breaker: new cockatiel.ConsecutiveBreaker(5),
});
const theirRetry = cockatiel.retry(cockatiel.handleAll, {
  maxAttempts: 3,
  backoff: new cockatiel.ExponentialBackoff({ initialDelay: 20 }),
});
const theirs = cockatiel.wrap(theirRetry, theirBreaker, cockatiel.timeout(1_000, cockatiel.TimeoutStrategy.Aggressive));
theirRetry.onRetry(({ attempt }) => console.log('retry', attempt));

console.log(await theirs.execute(({ signal }) => ask(signal)));
// end of snippet

// snippet: cockatiel-after
const ours = pipeline(
  retry({ attempts: 4, baseDelayMs: 20, maxDelayMs: 30_000 }),
  circuitBreaker({ name: 'gpt-x', consecutive: 5, cooldownMs: 10_000 }),
  timeout({ limitMs: 1_000 }),
);
const off = systemRuntime.events.on(({ type, attempt }) => type === 'retry.scheduled' && console.log('retry', attempt));

console.log(await ours.execute(({ signal }) => ask(signal)));
// end of snippet

// snippet: cockatiel-one-piece
const halfWay = pipeline(
  retry({ attempts: 4, baseDelayMs: 20, when: (error) => !cockatiel.isBrokenCircuitError(error) }),
  fromCockatiel(theirBreaker),
  timeout({ limitMs: 1_000 }),
);

console.log(await halfWay.execute(({ signal }) => ask(signal)));
// end of snippet

off();
server.close();
server.closeAllConnections();
