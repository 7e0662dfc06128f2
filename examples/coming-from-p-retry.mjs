// The same call under p-retry and under Ripstop. docs/policies/coming-from.md is cut from here.
import { createServer } from 'node:http';
import pRetry, { AbortError } from 'p-retry';
import { retry, systemRuntime } from 'ripstop';
import { classify } from 'ripstop/models';

let requests = 0;
const server = createServer((_, response) => {
  requests += 1;
  return requests % 2 === 1 ? response.writeHead(503).end() : response.end('Paris.');
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}/`;
const caller = new AbortController();

// snippet: p-retry-before
async function askWithTheirs() {
  const response = await fetch(url, { signal: caller.signal });
  if (response.status === 404) throw new AbortError('no such model');
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.text();
}
const theirs = await pRetry(askWithTheirs, {
  retries: 3,
  minTimeout: 20,
  randomize: true,
  signal: caller.signal,
  onFailedAttempt: ({ attemptNumber }) => console.log('failed', attemptNumber),
});
console.log(theirs);
// end of snippet

// snippet: p-retry-after
async function askWithOurs({ signal }) {
  const response = await fetch(url, { signal });
  const { status, headers } = response;
  const body = await response.text();
  if (!response.ok) throw classify({ status, headers, body }); // knows which are worth another attempt, and when
  return body;
}
const asking = retry({ attempts: 4, baseDelayMs: 20 });
const off = systemRuntime.events.on(
  ({ type, attempt }) => type === 'retry.scheduled' && console.log('failed', attempt),
);
console.log(await asking.execute(askWithOurs, { signal: caller.signal }));
off();
// end of snippet

server.close();
server.closeAllConnections();
