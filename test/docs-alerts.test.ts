import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  type AlertNotice,
  type AlertSink,
  alertDefaults,
  alertmanagerSink,
  consoleSink,
  emailSink,
  pagerDutySink,
  slackSink,
  webhookSink,
} from 'ripstop/observation';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../packages/gateway/src/config/load.js';
import { alertRules } from '../packages/ripstop/src/observation/alerts-rules.js';
import { readText, root } from './repository.js';

/** The alert that the pages show. */
const firing: AlertNotice = {
  key: 'ripstop/models_down:default',
  id: '019ca0a4-5f3c-7c11-9a60-1f3d0a6be001',
  status: 'firing',
  severity: 'critical',
  source: 'ripstop',
  at: new Date('2026-03-01T10:00:05Z'),
  more: 0,
  alerts: [
    {
      class: 'models_down',
      subject: 'default',
      severity: 'critical',
      status: 'firing',
      summary: alertRules.models_down.summary('default'),
      startedAt: new Date('2026-03-01T10:00:00Z'),
      count: 1,
      lastErrorType: 'upstream_unavailable',
      lastCorrelationId: '019ca0a4-4a10-7d52-8c3e-6a1f0b2c3d4e',
    },
  ],
};
const resolved: AlertNotice = {
  ...firing,
  id: '019ca0a6-33f4-7a02-b1c9-77aa01c4e002',
  status: 'resolved',
  at: new Date('2026-03-01T10:02:30Z'),
  alerts: firing.alerts.map((alert) => ({ ...alert, status: 'resolved', endedAt: new Date('2026-03-01T10:01:30Z') })),
};

/** What a sink sends for a notice, as its receiver gets it. */
async function sent(make: (url: string) => AlertSink, notice: AlertNotice): Promise<unknown> {
  let body = '';
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await make(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).send(notice, {
    signal: new AbortController().signal,
  });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return JSON.parse(body);
}

async function mailed(notice: AlertNotice): Promise<string> {
  let mail = '';
  const transport = {
    sendMail: async ({ from, to, subject, text }: Record<'from' | 'to' | 'subject' | 'text', string>) => {
      mail = `From: ${from}\nTo: ${to}\nSubject: ${subject}\n\n${text}`;
    },
  };
  await emailSink({ transport, to: 'ops@shop.example', from: 'ripstop@shop.example' }).send(notice, {
    signal: new AbortController().signal,
  });
  return mail;
}

async function written(notice: AlertNotice): Promise<string> {
  let text = '';
  const sink = consoleSink({ write: (line) => (text += `${line}\n`) });
  await sink.send(notice, { signal: new AbortController().signal });
  return text;
}

function samples(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`<!-- sample -->\\n\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text = '']) => text,
  );
}

const httpSinks: Readonly<Record<string, (url: string) => AlertSink>> = {
  slack: (url) => slackSink({ url }),
  pagerduty: (url) => pagerDutySink({ key: 'YOUR_KEY', url }),
  webhook: (url) => webhookSink({ url }),
  alertmanager: (url) => alertmanagerSink({ url }),
};

describe('R196: a sample is what the code sends', () => {
  test.each(Object.entries(httpSinks))('R196: docs/alerts/%s.md', async (name, make) => {
    const shown = samples(readText(`docs/alerts/${name}.md`), 'json').map((text) => JSON.parse(text) as unknown);
    expect(shown).toEqual([await sent(make, firing), await sent(make, resolved)]);
  });

  test('R196: docs/alerts/email.md', async () => {
    expect(samples(readText('docs/alerts/email.md'), 'text')).toEqual([await mailed(firing), await mailed(resolved)]);
  });

  test('R196: docs/alerts/console.md', async () => {
    const shown = samples(readText('docs/alerts/console.md'), 'text');
    expect(shown).toEqual([await written(firing), await written(resolved)]);
  });
});

const sinkPages = ['slack', 'pagerduty', 'email', 'webhook', 'alertmanager', 'console'];

describe.each(['README', ...sinkPages])('docs/alerts/%s.md', (name) => {
  const page = readText(`docs/alerts/${name}.md`);

  test('is linked, and links only to what is there', () => {
    expect(readText('docs/alerts/README.md')).toContain(name === 'README' ? '# Alerts' : `(${name}.md)`);
    for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)/g))
      expect(existsSync(join(root, 'docs/alerts', link)), link).toBe(true);
  });

  test('shows no JavaScript but snippets that are cut from its example', () => {
    const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```js\n([\s\S]*?)```/g)];
    expect(snippets.length).toBeGreaterThan(0);
    expect(page.split('```js\n')).toHaveLength(snippets.length + 1);
    for (const [, snippet, file = '', text] of snippets)
      expect(readText(file)).toContain(`// snippet: ${snippet}\n${text}// end of snippet`);
  });

  test('R196: shows configuration that the gateway takes', () => {
    const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
    expect(blocks.length).toBeGreaterThan(0);
    const environment = new Proxy({}, { get: (_, key) => (String(key).includes('KEY') ? 'x' : 'https://x.example/') });
    for (const text of blocks) {
      const { alerts } = parseConfig(text, environment);
      expect(alerts).toHaveLength([...text.matchAll(/^ {2}- /gm)].length);
    }
  });
});

function declared(file: string, name: string): string[] {
  const source = readText(`packages/ripstop/src/observation/${file}`);
  const body = new RegExp(`interface ${name}\\b[^{]*{\\n([\\s\\S]*?)\\n}`).exec(source)?.[1] ?? '';
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, option = '']) => option);
}

function listed(page: string): [string, string][] {
  const rows = /\| option \| default \| what it does \|\n[^\n]*\n((?:\|.*\n)*)/.exec(page)?.[1] ?? '';
  return [...rows.matchAll(/^\| `(\w+)` \|([^|]*)\|/gm)].map(([, option = '', value = '']) => [option, value.trim()]);
}

const quoted = (value: unknown): string =>
  `\`${typeof value === 'number' ? String(value).replace(/\B(?=(\d{3})+$)/g, ' ') : `'${String(value)}'`}\``;

test('R79 I1: docs/alerts/README.md has every option with its default', () => {
  const names = declared('alerts.ts', 'AlertOptions');
  const defaults = alertDefaults as Readonly<Record<string, unknown>>;
  expect(listed(readText('docs/alerts/README.md'))).toEqual(names.map((name) => [name, quoted(defaults[name])]));
});

test.each([
  ['slack', 'slack', 'SlackSinkOptions'],
  ['pagerduty', 'pager-duty', 'PagerDutySinkOptions'],
  ['email', 'email', 'EmailSinkOptions'],
  ['webhook', 'webhook', 'WebhookSinkOptions'],
  ['alertmanager', 'alertmanager', 'AlertmanagerSinkOptions'],
  ['console', 'console', 'ConsoleSinkOptions'],
])('docs/alerts/%s.md has every option of its sink', (page, file, options) => {
  const names = listed(readText(`docs/alerts/${page}.md`)).map(([name]) => name);
  expect(names).toEqual(declared(`alert-sinks/${file}.ts`, options));
});

test('R78 GW20: docs/alerts/README.md has every class of alert with its severity and its sentence', () => {
  const page = readText('docs/alerts/README.md');
  const rows = [...page.matchAll(/^\| `(\w+)` \| (critical|error|warning) \| ([^|]*) \|/gm)];
  expect(rows.map(([, kind, severity, sentence]) => [kind, severity, sentence])).toEqual(
    Object.entries(alertRules).map(([kind, { severity, summary }]) => [kind, severity, summary('…')]),
  );
});

test('R79 D56 I1: the example tells of a breaker that opens, and of its end, to everybody', () => {
  const lines = execFileSync(process.execPath, [join(root, 'examples/alerts.mjs')], { cwd: root, encoding: 'utf8' });
  for (const line of [
    'FIRING: The breaker of main is open\n- error: The breaker of main is open\n  since 2026-01-01T00:00:00.000Z, seen once\n',
    "[ 'The breaker of main is open' ]\n",
    'RESOLVED: The breaker of main is open\n',
    'since 2026-01-01T00:00:00.000Z until 2026-01-01T00:01:05.000Z, seen once\n',
    'email: [shop] FIRING: The breaker of main is open\n',
    'email: [shop] RESOLVED: The breaker of main is open\n',
    'webhook: firing, genuine\n',
    'webhook: resolved, genuine\n',
    "webhook delivered [ 'HTTP 200', 'HTTP 200' ]\n",
  ])
    expect(lines).toContain(line);
  expect(lines).not.toContain('forged');
});
