import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ModelError } from '../../errors/model-error.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import type { AlertNotice, AlertSink } from '../alerts-notice.js';
import { failureReason } from '../alerts-delivery.js';
import { alertmanagerSink } from './alertmanager.js';
import { consoleSink } from './console.js';
import { type AlertMail, emailSink } from './email.js';
import { pagerDutySink } from './pager-duty.js';
import { slackSink } from './slack.js';
import { webhookSink } from './webhook.js';

interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: unknown;
}

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A receiver on this machine that keeps what it gets. */
async function receiver(answer: (response: ServerResponse) => void = (response) => response.writeHead(202).end('ok')) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const { method, url: path, headers } = request;
      received.push({ method, path, headers, text, body: JSON.parse(text) });
      answer(response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

const startedAt = new Date('2026-03-01T10:00:00Z');
const firing: AlertNotice = {
  key: 'gateway/breaker_open:main',
  id: '019ca0a4-0000-7000-8000-000000000001',
  status: 'firing',
  severity: 'critical',
  source: 'gateway',
  at: new Date('2026-03-01T10:00:05Z'),
  more: 0,
  alerts: [
    {
      class: 'models_down',
      subject: 'default',
      severity: 'critical',
      status: 'firing',
      summary: 'All models behind default are out',
      startedAt,
      count: 1,
    },
    {
      class: 'breaker_open',
      subject: 'main',
      severity: 'error',
      status: 'firing',
      summary: 'The breaker of main is open',
      startedAt,
      count: 3,
      lastErrorType: 'upstream_unavailable',
      lastCorrelationId: 'call-7',
    },
  ],
};
const endedAt = new Date('2026-03-01T10:01:00Z');
const resolved: AlertNotice = {
  ...firing,
  status: 'resolved',
  id: '019ca0a4-0000-7000-8000-000000000002',
  at: new Date('2026-03-01T10:02:00Z'),
  alerts: firing.alerts.map((alert) => ({ ...alert, status: 'resolved', endedAt })),
};

const context = (): { signal: AbortSignal } => ({ signal: new AbortController().signal });

describe('R196 I1: slackSink', () => {
  test('R196: posts a message to the incoming webhook, and another one when it is over', async () => {
    const { url, received } = await receiver();
    const sink = slackSink({ url: `${url}/services/T0/B0/secret` });
    expect(sink.name).toBe('slack');
    expect(await sink.send(firing, context())).toBe('HTTP 202');
    await sink.send(resolved, context());
    expect(received[0]).toMatchObject({
      method: 'POST',
      path: '/services/T0/B0/secret',
      headers: { 'content-type': 'application/json' },
    });
    const text = [
      '- critical: All models behind default are out',
      '  since 2026-03-01T10:00:00.000Z, seen once',
      '- error: The breaker of main is open',
      '  since 2026-03-01T10:00:00.000Z, seen 3 times',
      '  last error: upstream_unavailable',
      '  last correlation id: call-7',
    ];
    const footer = { type: 'context', elements: [{ type: 'mrkdwn', text: 'gateway · gateway/breaker_open:main' }] };
    const head = 'FIRING: All models behind default are out, and 1 more';
    expect(received[0]?.body).toEqual({
      text: head,
      blocks: [
        { type: 'section', text: { type: 'mrkdwn', text: [`:red_circle: *${head}*`, ...text].join('\n') } },
        footer,
      ],
    });
    const over = text.map((line) => line.replace(/^( {2}since [^,]+)/, '$1 until 2026-03-01T10:01:00.000Z'));
    const end = 'RESOLVED: All models behind default are out, and 1 more';
    expect(received[1]?.body).toEqual({
      text: end,
      blocks: [
        { type: 'section', text: { type: 'mrkdwn', text: [`:large_green_circle: *${end}*`, ...over].join('\n') } },
        footer,
      ],
    });
  });

  test('R196: a name calls nobody, and a long message is cut to what Slack takes', async () => {
    const { url, received } = await receiver();
    const [alert] = firing.alerts;
    if (alert === undefined) throw new Error('no alert');
    const loud = { ...alert, summary: `<!channel> & ${'x'.repeat(200)}` };
    await slackSink({ url }).send({ ...firing, alerts: Array.from({ length: 20 }, () => loud), more: 9 }, context());
    const text = received[0]?.text ?? '';
    expect(text).toContain('&lt;!channel&gt; &amp; ');
    expect(text).not.toContain('<!channel>');
    const body = received[0]?.body as { blocks: { text?: { text: string } }[] } | undefined;
    expect(body?.blocks[0]?.text?.text.length).toBeLessThanOrEqual(3_000);
  });
});

describe('R196 I1: pagerDutySink', () => {
  test('R196: triggers an incident, and resolves it by the same dedup_key', async () => {
    const { url, received } = await receiver();
    const sink = pagerDutySink({ key: 'routing', url });
    expect(await sink.send(firing, context())).toBe('HTTP 202');
    await sink.send(resolved, context());
    expect(received.map(({ body }) => body)).toEqual([
      {
        routing_key: 'routing',
        event_action: 'trigger',
        dedup_key: 'gateway/breaker_open:main',
        payload: {
          summary: 'FIRING: All models behind default are out, and 1 more',
          source: 'gateway',
          severity: 'critical',
          timestamp: '2026-03-01T10:00:00.000Z',
          component: 'default',
          class: 'models_down',
          custom_details: {
            alerts: [
              {
                class: 'models_down',
                subject: 'default',
                severity: 'critical',
                status: 'firing',
                summary: 'All models behind default are out',
                started_at: '2026-03-01T10:00:00.000Z',
                count: 1,
              },
              {
                class: 'breaker_open',
                subject: 'main',
                severity: 'error',
                status: 'firing',
                summary: 'The breaker of main is open',
                started_at: '2026-03-01T10:00:00.000Z',
                count: 3,
                last_error_type: 'upstream_unavailable',
                last_correlation_id: 'call-7',
              },
            ],
            more: 0,
          },
        },
      },
      { routing_key: 'routing', event_action: 'resolve', dedup_key: 'gateway/breaker_open:main' },
    ]);
  });
});

describe('R196 I1: webhookSink', () => {
  test('R196: posts JSON, signed as Standard Webhooks has it, with the time of the delivery', async () => {
    const { url, received } = await receiver();
    const runtime = virtualRuntime({ date: new Date('2026-03-01T10:00:07.900Z') });
    const secret = `whsec_${Buffer.from('a secret of many bytes').toString('base64')}`;
    expect(await webhookSink({ url: `${url}/hook`, secret }, runtime).send(resolved, context())).toBe('HTTP 202');
    await webhookSink({ url, secret: 'plain' }, runtime).send(resolved, context());
    const [first, second] = received;
    expect(first?.body).toEqual({
      id: '019ca0a4-0000-7000-8000-000000000002',
      key: 'gateway/breaker_open:main',
      status: 'resolved',
      severity: 'critical',
      source: 'gateway',
      timestamp: '2026-03-01T10:02:00.000Z',
      summary: 'RESOLVED: All models behind default are out, and 1 more',
      alerts: [
        {
          class: 'models_down',
          subject: 'default',
          severity: 'critical',
          status: 'resolved',
          summary: 'All models behind default are out',
          started_at: '2026-03-01T10:00:00.000Z',
          ended_at: '2026-03-01T10:01:00.000Z',
          count: 1,
        },
        {
          class: 'breaker_open',
          subject: 'main',
          severity: 'error',
          status: 'resolved',
          summary: 'The breaker of main is open',
          started_at: '2026-03-01T10:00:00.000Z',
          ended_at: '2026-03-01T10:01:00.000Z',
          count: 3,
          last_error_type: 'upstream_unavailable',
          last_correlation_id: 'call-7',
        },
      ],
      more: 0,
    });
    for (const [got, key] of [
      [first, 'a secret of many bytes'],
      [second, 'plain'],
    ] as const) {
      const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = got?.headers ?? {};
      expect([id, at]).toEqual(['019ca0a4-0000-7000-8000-000000000002', '1772359207']);
      const expected = createHmac('sha256', key).update([id, at, got?.text].join('.')).digest('base64');
      expect(signature).toBe(`v1,${expected}`);
    }
  });

  test('R196: without a secret nothing is signed', async () => {
    const { url, received } = await receiver();
    await webhookSink({ url }).send(firing, context());
    expect(received[0]?.headers['webhook-signature']).toBeUndefined();
    expect(received[0]?.body).toMatchObject({ status: 'firing', key: firing.key });
  });
});

describe('R196 I1: alertmanagerSink', () => {
  test('R196: posts each alert to API v2 with labels, annotations, startsAt and endsAt', async () => {
    const { url, received } = await receiver();
    const sink = alertmanagerSink({ url: `${url}/am/`, repeatMs: 10_000 });
    expect(sink.repeatMs).toBe(10_000);
    await sink.send(firing, context());
    await sink.send(resolved, context());
    expect(received.map(({ path }) => path)).toEqual(['/am/api/v2/alerts', '/am/api/v2/alerts']);
    const down = {
      labels: { alertname: 'RipstopModelsDown', subject: 'default', severity: 'critical', source: 'gateway' },
      annotations: { summary: 'All models behind default are out', count: '1', group: 'gateway/breaker_open:main' },
      startsAt: '2026-03-01T10:00:00.000Z',
      endsAt: '2026-03-01T10:00:45.000Z',
    };
    const breaker = {
      labels: { alertname: 'RipstopBreakerOpen', subject: 'main', severity: 'error', source: 'gateway' },
      annotations: {
        summary: 'The breaker of main is open',
        count: '3',
        last_error_type: 'upstream_unavailable',
        last_correlation_id: 'call-7',
        group: 'gateway/breaker_open:main',
      },
      startsAt: '2026-03-01T10:00:00.000Z',
      endsAt: '2026-03-01T10:00:45.000Z',
    };
    const over = { endsAt: '2026-03-01T10:01:00.000Z' };
    expect(received.map(({ body }) => body)).toEqual([
      [down, breaker],
      [
        { ...down, ...over },
        { ...breaker, ...over },
      ],
    ]);
  });
});

describe('R196 I1: emailSink', () => {
  test('R196: hands a plain text to the transport', async () => {
    const mails: AlertMail[] = [];
    const transport = { sendMail: async (mail: AlertMail) => void mails.push(mail) };
    const sink = emailSink({ transport, to: 'ops@shop.test', from: 'ripstop@shop.test' });
    expect(await sink.send(resolved, context())).toBe('accepted');
    expect(mails).toEqual([
      {
        from: 'ripstop@shop.test',
        to: 'ops@shop.test',
        subject: '[gateway] RESOLVED: All models behind default are out, and 1 more',
        text: [
          'RESOLVED: All models behind default are out, and 1 more',
          '- critical: All models behind default are out',
          '  since 2026-03-01T10:00:00.000Z until 2026-03-01T10:01:00.000Z, seen once',
          '- error: The breaker of main is open',
          '  since 2026-03-01T10:00:00.000Z until 2026-03-01T10:01:00.000Z, seen 3 times',
          '  last error: upstream_unavailable',
          '  last correlation id: call-7',
          '',
        ].join('\n'),
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Ripstop-Alert': 'gateway/breaker_open:main' },
      },
    ]);
  });

  test.each([
    [{ responseCode: 550, code: 'EENVELOPE' }, false, 'SMTP 550'],
    [{ responseCode: 421 }, true, 'SMTP 421'],
    [{ code: 'ECONNREFUSED' }, true, 'ECONNREFUSED'],
    [{ code: 'a private word' }, true, 'failed'],
  ])('I1: after %j another try may help: %s', async (facts, isRetryable, reason) => {
    const transport = { sendMail: () => Promise.reject(Object.assign(new Error('smtp.private.example'), facts)) };
    const thrown = await emailSink({ transport, to: 'ops@shop.test' })
      .send(firing, context())
      .catch((caught: unknown) => caught);
    expect(JSON.stringify(thrown)).not.toContain('private');
    expect(thrown).toMatchObject({ isRetryable });
    expect(failureReason(thrown)).toBe(reason);
  });

  test('a sender must be one address', () => {
    const transport = { sendMail: async () => undefined };
    expect(emailSink({ transport, to: 'a@shop.test' }).name).toBe('email');
    expect(() => emailSink({ transport, to: 'a@shop.test, b@shop.test' })).toThrow('from must be one address');
    expect(() => emailSink({ transport, to: '' })).toThrow('to must not be empty');
  });
});

test('R196: consoleSink writes the message', async () => {
  const written: string[] = [];
  const sink = consoleSink({ write: (text) => written.push(text) });
  expect(await sink.send({ ...firing, more: 2 }, context())).toBe('written');
  expect(written[0]?.split('\n')).toEqual([
    'FIRING: All models behind default are out, and 3 more',
    '- critical: All models behind default are out',
    '  since 2026-03-01T10:00:00.000Z, seen once',
    '- error: The breaker of main is open',
    '  since 2026-03-01T10:00:00.000Z, seen 3 times',
    '  last error: upstream_unavailable',
    '  last correlation id: call-7',
    '... and 2 more',
  ]);
});

describe('what an HTTP receiver answers', () => {
  async function outcome(sink: AlertSink, signal = context().signal): Promise<unknown> {
    return sink.send(firing, { signal }).catch((error: unknown) => error);
  }

  test.each([
    [503, {}, true, undefined],
    [429, { 'retry-after': '7' }, true, 7_000],
    [404, {}, false, undefined],
    [403, {}, false, undefined],
    [400, {}, false, undefined],
  ] as const)('I1: %i %j: another try may help: %s', async (status, headers, isRetryable, retryAfterMs) => {
    const { url } = await receiver((response) => response.writeHead(status, headers).end('a private word'));
    const error = await outcome(webhookSink({ url }));
    expect(error).toMatchObject({ isRetryable });
    expect((error as ModelError).retryAfterMs).toBe(retryAfterMs);
    expect(failureReason(error)).toBe(`HTTP ${status}`);
    expect(JSON.stringify(error)).not.toContain('private');
  });

  test('a redirect is not followed: what is sent goes where the configuration says', async () => {
    const elsewhere = await receiver();
    const { url } = await receiver((response) => response.writeHead(307, { location: elsewhere.url }).end());
    const error = await outcome(slackSink({ url }));
    expect(ModelError.isInstance(error)).toBe(true);
    expect(failureReason(error)).toBe('HTTP 307');
    expect(elsewhere.received).toEqual([]);
  });

  test('I1: nobody there is worth another try, and no address is in the error', async () => {
    const { url } = await receiver();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    const error = await outcome(pagerDutySink({ key: 'k', url }));
    expect(error).toMatchObject({ isRetryable: true });
    expect(failureReason(error)).toBe('ECONNREFUSED');
    expect(JSON.stringify(error)).not.toContain('127.0.0.1');
  });

  test('D56: one that never answers is left when the signal aborts', async () => {
    const { url, received } = await receiver(() => undefined);
    const controller = new AbortController();
    const waiting = outcome(alertmanagerSink({ url }), controller.signal);
    await expect.poll(() => received).toHaveLength(1);
    const reason = new Error('too long');
    controller.abort(reason);
    expect(await waiting).toBe(reason);
  });
});

test.each<[string, () => AlertSink, string]>([
  ['slack', () => slackSink({ url: 'secret' }), 'url must be an address that begins with http:// or https://'],
  [
    'webhook',
    () => webhookSink({ url: 'ftp://secret' }),
    'url must be an address that begins with http:// or https://',
  ],
  ['webhook', () => webhookSink({ url: 'http://x', secret: '' }), 'secret must not be empty'],
  ['webhook', () => webhookSink({ url: 'http://x', secret: 'whsec_%' }), 'secret must be base64 behind whsec_'],
  ['pagerduty', () => pagerDutySink({ key: '' }), 'key must not be empty'],
  ['alertmanager', () => alertmanagerSink({ url: 'http://x', repeatMs: 0 }), 'repeatMs must be above 0, got 0'],
])('a bad option of %s is refused, and not repeated', (_name, make, message) => {
  expect(make).toThrow(new RangeError(message));
});
