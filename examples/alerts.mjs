// Alerts: told once when something is wrong, and once when it is over. docs/alerts/ is cut from here.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { circuitBreaker, UpstreamUnavailableError } from 'ripstop';
import {
  alertmanagerSink,
  alerts,
  consoleSink,
  emailSink,
  pagerDutySink,
  slackSink,
  webhookSink,
} from 'ripstop/observation';
import { virtualRuntime } from 'ripstop/testing';

const runtime = virtualRuntime(); // in earnest nothing is handed in, and the time is real

// snippet: verify
/** Is this message ours, and new? Standard Webhooks, so a library of theirs can be used as well. */
function isGenuine(headers, body, secret, now = Date.now()) {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature = '' } = headers;
  if (!(Math.abs(now / 1_000 - Number(at)) < 300)) return false;
  const expected = Buffer.from(`v1,${createHmac('sha256', secret).update(`${id}.${at}.${body}`).digest('base64')}`);
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
// end of snippet

/** Stands in for Slack, PagerDuty and the rest. */
const received = [];
async function receive(request, response) {
  const body = Buffer.concat(await request.toArray()).toString();
  if (request.url === '/hook') {
    const genuine = isGenuine(request.headers, body, 'shared secret', runtime.clock.date().getTime());
    received.push(`webhook: ${JSON.parse(body).status}, ${genuine ? 'genuine' : 'forged'}`);
  }
  response.end('ok');
}
const server = createServer((request, response) => void receive(request, response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}`;
const env = { SLACK_URL: `${url}/slack`, PD_KEY: 'key', ALERTMANAGER_URL: url };
const hookUrl = `${url}/hook`;

// snippet: slack
const slack = slackSink({ url: env.SLACK_URL });
// end of snippet

// snippet: pagerduty
const pagerDuty = pagerDutySink({ key: env.PD_KEY });
/** Only what is critical wakes somebody up. */
const pager = {
  ...pagerDuty,
  async send(notice, context) {
    return notice.severity === 'critical' ? pagerDuty.send(notice, context) : 'left out';
  },
};
// end of snippet

// snippet: webhook
const webhook = webhookSink({ url: hookUrl, secret: 'shared secret' }, runtime);
// end of snippet

// snippet: alertmanager
const alertmanager = alertmanagerSink({ url: env.ALERTMANAGER_URL });
// end of snippet

const nodemailer = {
  createTransport: () => ({ sendMail: async ({ subject }) => void received.push(`email: ${subject}`) }),
};

// snippet: email
const transport = nodemailer.createTransport({
  url: 'smtp://127.0.0.1:1025',
  connectionTimeout: 9_000,
  greetingTimeout: 9_000,
  socketTimeout: 9_000,
});
const email = emailSink({ transport, to: 'ops@shop.example', from: 'ripstop@shop.example' });
// end of snippet

// snippet: console
const terminal = consoleSink({ write: (text) => console.log(text) });
// end of snippet

// snippet: alerts
const watching = alerts([slack, pager, webhook, alertmanager, email, terminal], { source: 'shop' }, runtime);
// end of snippet

const delivered = { expected: 0 };
runtime.events.on(({ type }) => {
  if (type.startsWith('alert.')) delivered.expected -= 1;
});
/** Lets time pass, and waits for so many messages: the time is not real, and the network is. */
async function pass(ms, messages) {
  delivered.expected = messages;
  await runtime.clock.advance(ms);
  while (delivered.expected > 0) await new Promise((resolve) => setImmediate(resolve));
}

const breaker = circuitBreaker({ name: 'main' }, runtime);
const failing = breaker.wrap(() => Promise.reject(new UpstreamUnavailableError()));
for (let call = 0; call < 5; call += 1) await failing().catch(() => undefined);
await pass(5_000, 6); // an alert waits for others, so that one outage is one message
console.log(watching.open.map(({ summary }) => summary));

await pass(60_000, 1); // Alertmanager hears every minute of what still fires
await breaker.execute(() => 'well again');
await pass(60_000, 6); // and its end until it has lasted

// snippet: test
for (const { sink, outcome, answers } of await watching.test('webhook')) console.log(sink, outcome, answers);
// end of snippet
console.log(received.join('\n'));

// snippet: close
await watching.close(); // delivers what waits, for five seconds at most
// end of snippet
server.closeAllConnections();
server.close();
