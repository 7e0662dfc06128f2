// What retry does with waits of one's own, results, inputs that can be sent once, and inside another retry.
import { createServer } from 'node:http';
import { callReport, retry, systemRuntime } from 'ripstop';
import { retryAfterMs } from 'ripstop/models';

let requests = 0;
const server = createServer((request, response) => {
  requests += 1;
  request.resume().once('end', () => {
    if (requests > 1) response.end('Paris.');
    else response.writeHead(503, { 'retry-after': '0' }).end('busy');
  });
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}/`;

// snippet: result
const busy = (response) => response.status === 503 && (retryAfterMs(response.headers) ?? true);
const asking = retry({ baseDelayMs: 20, whenResult: busy });

const response = await asking.execute(({ signal }) => fetch(url, { signal }));
console.log(response.status, await response.text());
// end of snippet

requests = 0;
const file = new ReadableStream({
  start(controller) {
    controller.enqueue(new TextEncoder().encode('part'));
    controller.close();
  },
});

// snippet: input
const upload = asking.wrap(async (target, options) => {
  const answered = await fetch(target, options);
  if (!answered.ok) throw Object.assign(new Error('not stored'), { status: answered.status });
});

try {
  await upload(url, { method: 'PUT', body: file, duplex: 'half' });
} catch (error) {
  console.log(error.message, callReport(error).stopReason);
}
// end of snippet

// snippet: nested
let calls = 0;
const model = retry({ attempts: 4, baseDelayMs: 20 });
const work = () => {
  calls += 1;
  throw new Error('down');
};

const chain = (context) => model.execute(work, { context }); // a part of the call around it
await asking.execute(chain).catch((error) => console.log(error.message, `after ${calls} calls`));
// end of snippet

// snippet: waits
const waits = [10, 20, 50];
const stepwise = retry({ attempts: 5, backoff: (retry) => waits[retry - 1] ?? 100, jitter: 'none' });
// end of snippet
const off = systemRuntime.events.on((event) => event.type === 'retry.scheduled' && console.log('wait', event.delayMs));
await stepwise.execute(work).catch((error) => console.log(error.message));
off();

server.close();
