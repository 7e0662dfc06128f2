import { expect, test } from 'vitest';
import { ConfigError, parseConfig } from './load.js';

function problemsOf(text: string): readonly string[] {
  try {
    parseConfig(text, {});
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('without `alerts` nobody is told, and the times have their defaults', () => {
  const { alerts, observation } = parseConfig('{}', {});
  expect(alerts).toEqual([]);
  expect(observation.alerts).toEqual({ source: 'ripstop', group: 5_000, clear: 60_000, cooldown: 300_000 });
});

test('R196: every kind of sink is read, in its short form and its long one', () => {
  const { alerts } = parseConfig(
    `alerts:
  - slack: "\${SLACK_URL}"
  - pagerduty: routing
  - pagerduty: { key: routing, url: "http://127.0.0.1:1/" }
  - email: { smtp: "smtp://127.0.0.1:1025", to: a@b.example }
  - email: { smtp: "smtps://u:p@mail.example", to: [a@b.example, c@d.example], from: e@f.example }
  - webhook: http://127.0.0.1:2/
  - webhook: { url: "http://127.0.0.1:2/", secret: s }
  - alertmanager: http://127.0.0.1:9093
  - console: true
`,
    { SLACK_URL: 'https://hooks.slack.example/services/x' },
  );
  expect(alerts).toEqual([
    { slack: 'https://hooks.slack.example/services/x' },
    { pagerduty: 'routing' },
    { pagerduty: { key: 'routing', url: 'http://127.0.0.1:1/' } },
    { email: { smtp: 'smtp://127.0.0.1:1025', to: 'a@b.example' } },
    { email: { smtp: 'smtps://u:p@mail.example', to: ['a@b.example', 'c@d.example'], from: 'e@f.example' } },
    { webhook: 'http://127.0.0.1:2/' },
    { webhook: { url: 'http://127.0.0.1:2/', secret: 's' } },
    { alertmanager: 'http://127.0.0.1:9093' },
    { console: true },
  ]);
});

const kinds = 'slack, pagerduty, email, webhook, alertmanager, console';

test.each([
  ['[ { slak: x } ]', ['alerts.0.slak: unknown key; did you mean slack?']],
  ['[ { slack: "http://a", email: y } ]', [`alerts.0: must be a mapping of one key: ${kinds}`]],
  ['[ slack ]', [`alerts.0: must be a mapping of one key: ${kinds}`]],
  ['{ slack: x }', ['alerts: must be a list']],
  [
    '[ { slack: x } ]',
    ['alerts.0.slack: must be an address that begins with http:// or https://, such as http://127.0.0.1:9100/v1'],
  ],
  [
    '[ { email: { smpt: "smtp://h", to: [] } } ]',
    [
      'alerts.0.email.smtp: is required (string)',
      'alerts.0.email.to: must name at least one receiver',
      'alerts.0.email.smpt: unknown key; did you mean smtp?',
    ],
  ],
  [
    '[ { email: { smtp: "http://h", to: a } } ]',
    ['alerts.0.email.smtp: must be an address such as smtp://127.0.0.1:25 or smtps://user:password@mail.example'],
  ],
  ['[ { email: { smtp: "smtp://h", to: 3 } } ]', ['alerts.0.email.to: must be an address, or a list of them']],
  ['[ { pagerduty: 3 } ]', ['alerts.0.pagerduty: must be the key of an Events API v2 integration, or { key, url }']],
  [
    '[ { webhook: 3 } ]',
    ['alerts.0.webhook: must be an address that begins with http:// or https://, or { url, secret }'],
  ],
  ['[ { webhook: { url: "http://a", secrt: x } } ]', ['alerts.0.webhook.secrt: unknown key; did you mean secret?']],
  ['[ { console: false } ]', ['alerts.0.console: must be true; leave it out for none']],
])('alerts: %s is refused with what is wrong', (alerts, problems) => {
  expect(problemsOf(`alerts: ${alerts}\n`)).toEqual(problems);
});

test('an unknown time is refused with the right one', () => {
  expect(problemsOf('observation: { alerts: { cooldwn: 3s } }\n')).toEqual([
    'observation.alerts.cooldwn: unknown key; did you mean cooldown?',
  ]);
});
