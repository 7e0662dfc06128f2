import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  chatAnswer,
  chatChunk,
  chatFrames,
  type ScriptedUpstream,
  scriptedUpstream,
  type UpstreamAnswer,
  type UpstreamRequest,
} from 'ripstop/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readText, root } from '../repository.js';
import { type RunningGateway, startGateway } from './harness.js';
import { missing, programs } from './programs.js';
import { type Monitoring, startMonitoring } from './prometheus-servers.js';

const folder = 'packages/gateway/prometheus';
const rules = readText(`${folder}/ripstop-alerts.yml`);
const { skip: skipped, why } = missing('prometheus', 'promtool', 'alertmanager');

function promtool(
  args: readonly string[],
  input?: string,
): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(programs.promtool, args, {
    cwd: path.join(root, folder),
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
  });
  return { status, output: `${stdout}${stderr}` };
}

const words = ['One ', 'two ', 'three.'];
/** What the client asks for, and how often. Its first word says what the upstreams do. */
const wanted = { fine: 150, stream: 60, other: 40, bad: 30, cut: 10, stranger: 40, nowhere: 30, keyless: 10 };
type Kind = keyof typeof wanted;

function kindOf({ body }: UpstreamRequest): string {
  const { messages = [] } = body as { messages?: { content: string }[] };
  return messages.find(({ content }) => content !== '')?.content ?? '';
}

/** What looks after an upstream may ask it for a list of its models. */
function asked({ requests }: ScriptedUpstream): number {
  return requests.filter(({ method }) => method === 'POST').length;
}

const answered: UpstreamAnswer = { kind: 'json', body: chatAnswer(words.join('')) };
const streamed: UpstreamAnswer = { kind: 'sse', frames: chatFrames(words) };
const error = (status: number, code: string): UpstreamAnswer => ({
  kind: 'json',
  status,
  body: { error: { message: 'No.', code } },
});
const mainAnswers: Readonly<Record<string, UpstreamAnswer>> = {
  fine: answered,
  stream: streamed,
  other: error(404, 'model_not_found'),
  bad: error(400, 'invalid_value'),
  cut: { kind: 'sse', frames: [chatChunk({ content: 'One ' })], end: 'cut' },
};

/** Counts what it gets, as a caller does. */
class Caller {
  readonly statuses = new Map<string, number>();
  readonly ids = new Set<string>();
  readonly tokens = { input: 0, output: 0 };
  private readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async send(kind: Kind | 'locked' | 'dead', n = 0): Promise<void> {
    const route = kind === 'nowhere' ? `/nowhere-${n}/${crypto.randomUUID()}` : '/v1/chat/completions';
    const model = { stranger: `stranger-${n}`, locked: 'locked', dead: 'dead' }[kind as string];
    const stream = kind === 'stream' || kind === 'cut';
    const response = await fetch(`${this.url}${route}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(kind === 'keyless' ? {} : { authorization: 'Bearer callers-key' }),
      },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: kind }],
        ...(stream && { stream, stream_options: { include_usage: true } }),
      }),
    });
    const text = await response.text();
    if (stream) expect(text.match(/"content":"[^"]+"/g)?.join('')).toContain('three');
    this.tokens.input += Number(/"prompt_tokens":(\d+)/.exec(text)?.[1] ?? 0);
    this.tokens.output += Number(/"completion_tokens":(\d+)/.exec(text)?.[1] ?? 0);
    const status = String(response.status);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    this.ids.add(response.headers.get('x-correlation-id') ?? '');
  }
}

/** Each kind in turn, while there are any left, by ten callers at a time. */
async function sendAll(caller: Caller): Promise<void> {
  const rounds = Math.max(...Object.values(wanted));
  const all = Array.from({ length: rounds }, (_, n) => {
    return (Object.keys(wanted) as Kind[]).filter((kind) => n < wanted[kind]).map((kind) => [kind, n] as const);
  }).flat();
  const next = all.values();
  const lane = async (): Promise<void> => {
    for (const [kind, n] of next) await caller.send(kind, n);
  };
  await Promise.all(Array.from({ length: 10 }, lane));
}

describe('alert rules', () => {
  test.skipIf(skipped)(`promtool accepts the rules, and each fires when it should${why}`, () => {
    expect(promtool(['check', 'rules', 'ripstop-alerts.yml']).output).toContain('SUCCESS');
    const { status, output } = promtool(['test', 'rules', 'ripstop-alerts.test.yml']);
    expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  test('every rule is tried while it must be silent and while it must fire, and ships with the package', () => {
    const cases = readText(`${folder}/ripstop-alerts.test.yml`);
    const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) {
      expect(cases, name).toContain(`alertname: ${name}, exp_alerts: []`);
      expect(cases, name).toMatch(new RegExp(`alertname: ${name}\\n +exp_alerts:\\n +- exp_labels`));
    }
    expect(readText('packages/gateway/package.json')).toContain('"prometheus/ripstop-alerts.yml"');
  });

  test('every metric that a rule reads is one of ours', () => {
    const page = readText('docs/metrics.md');
    const read = new Set([...rules.matchAll(/\bripstop_\w+/g)].map(([name]) => name.replace(/_bucket$/, '')));
    for (const name of read) expect(page, name).toContain(`| \`${name}\` |`);
  });
});

describe.skipIf(skipped)(`a real Prometheus in front of the gateway${why}`, () => {
  let main: ScriptedUpstream;
  let spare: ScriptedUpstream;
  let locked: ScriptedUpstream;
  let gateway: RunningGateway;
  let monitoring: Monitoring;
  let caller: Caller;

  beforeAll(async () => {
    main = await scriptedUpstream([(request) => mainAnswers[kindOf(request)] ?? answered]);
    spare = await scriptedUpstream([(request) => (kindOf(request) === 'cut' ? streamed : answered)]);
    locked = await scriptedUpstream([error(401, 'invalid_api_key')]);
    gateway = await startGateway({
      yaml: `server: { keys: [callers-key], adminKeys: [operators-key] }
upstreams:
  main: { url: "${main.url}", model: m }
  spare: { url: "${spare.url}", model: s }
  locked: { url: "${locked.url}", model: l }
  dead: { url: "http://127.0.0.1:1/v1", model: d }
models:
  default: [main, spare]
  locked: [locked]
  dead: { chain: [dead], retry: { attempts: 1 }, breaker: { cooldown: 10s } }
alerts: [{ webhook: "http://127.0.0.1:1/" }]
`,
    });
    caller = new Caller(gateway.url);
    // Minutes become seconds.
    const quick = rules.replaceAll(/\[\d+m\]/g, '[6s]').replaceAll(/for: \d+m/g, 'for: 0s');
    monitoring = await startMonitoring({ target: new URL(gateway.url).host, key: 'operators-key', rules: quick });
  }, 60_000);
  afterAll(async () => {
    await monitoring?.close();
    await gateway?.stop();
    await Promise.all([main, spare, locked].map((upstream) => upstream?.close()));
  });

  const page = (accept?: string, key = 'operators-key'): Promise<Response> =>
    fetch(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${key}`, ...(accept && { accept }) } });

  test('GW21 I3 R188: what Prometheus counts is what the client has counted, to the request', async () => {
    await sendAll(caller);
    const total = Object.values(wanted).reduce((sum, count) => sum + count);
    const posts = 'ripstop_requests_total{method="POST"}';
    await expect
      .poll(async () => (await monitoring.query(`sum(${posts})`))[0]?.value, { timeout: 15_000, interval: 200 })
      .toBe(total);

    await monitoring.agrees(posts, 'status', Object.fromEntries(caller.statuses));
    await monitoring.agrees(posts, 'error_type', {
      none: wanted.fine + wanted.stream + wanted.other + wanted.cut,
      invalid_input: wanted.bad + wanted.nowhere,
      model_not_found: wanted.stranger,
      authentication_failed: wanted.keyless,
    });
    await monitoring.agrees(posts, 'route', {
      '/v1/chat/completions': total - wanted.nowhere,
      other: wanted.nowhere,
    });
    await monitoring.agrees('ripstop_request_duration_seconds_count{route=~"/v1/.*|other"}', 'job', {
      ripstop: total,
    });

    await monitoring.agrees('ripstop_attempts_total', 'model', {
      main: asked(main),
      spare: asked(spare),
    });
    await monitoring.agrees('ripstop_attempts_total{model="main"}', 'error_type', {
      none: wanted.fine + wanted.stream + wanted.cut,
      model_not_found: wanted.other,
      invalid_input: wanted.bad,
    });
    const bySpare = wanted.other + wanted.cut;
    await monitoring.agrees('ripstop_answers_total', 'model', {
      main: wanted.fine + wanted.stream,
      spare: bySpare,
    });
    await monitoring.agrees('ripstop_fallbacks_total', 'model', { spare: bySpare });
    await monitoring.agrees('ripstop_resumes_total', 'model', { spare: wanted.cut });
    await monitoring.agrees('ripstop_time_to_first_content_seconds_count', 'model', { main: wanted.stream });
    await monitoring.agrees('ripstop_tokens_total', 'direction', caller.tokens);
    await monitoring.agrees('1 + ripstop_in_flight', 'name', { gateway: 1 });
  }, 60_000);

  test('GW21: the classic text passes promtool, OpenMetrics carries correlation ids, and neither a name that a caller sent', async () => {
    const classic = await page();
    expect(classic.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const text = await classic.text();
    expect(text).toMatch(/ripstop_alerts_total\{sink="webhook",outcome="failed"\} \d/);
    for (const [, name = ''] of readText('docs/metrics.md').matchAll(/`((?:process|nodejs)_\w+)`/g)) {
      expect(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]), name).toBeGreaterThan(0);
    }
    expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, output: '' });

    const open = await page('application/openmetrics-text; version=1.0.0');
    expect(open.headers.get('content-type')).toContain('application/openmetrics-text; version=1.0.0');
    const exemplars = [...(await open.text()).matchAll(/correlation_id="([^"]+)"/g)].map(([, id = '']) => id);
    expect(exemplars.some((id) => caller.ids.has(id))).toBe(true);
    const scraped = await monitoring.exemplars('ripstop_requests_total{error_type="model_not_found"}');
    expect(scraped.length).toBeGreaterThan(0);
    expect(scraped.filter((labels) => !caller.ids.has(labels['correlation_id'] ?? ''))).toEqual([]);

    for (const sent of ['stranger', 'nowhere', 'callers-key', 'operators-key', '127.0.0.1'])
      expect(text).not.toContain(sent);
    expect(text.split('\n').length).toBeLessThan(1_500);
  });

  test('the page is for operators only', async () => {
    expect((await fetch(`${gateway.url}/metrics`)).status).toBe(401);
    expect((await page(undefined, 'callers-key')).status).toBe(403);
  });

  test('the rules fire through a real Alertmanager into a webhook, and resolve', async () => {
    const mustFire = ['RipstopErrors', 'RipstopChainDown', 'RipstopBreakerOpen', 'RipstopCredentialRefused'];
    const told = (status: string): string[] => [
      ...new Set(
        monitoring.notices.filter((notice) => notice.status === status).map((n) => n.labels['alertname'] ?? ''),
      ),
    ];
    const deadline = Date.now() + 30_000;
    while (mustFire.some((name) => !told('firing').includes(name)) && Date.now() < deadline) {
      await Promise.all([caller.send('locked'), caller.send('dead'), pause(100)]);
    }
    expect(told('firing')).toEqual(expect.arrayContaining(mustFire));
    const refused = monitoring.notices.find(({ labels }) => labels['alertname'] === 'RipstopCredentialRefused');
    expect(refused).toMatchObject({
      labels: { model: 'locked', severity: 'critical' },
      annotations: { summary: 'locked refuses our key' },
    });
    await expect.poll(() => told('resolved'), { timeout: 30_000, interval: 200 }).toContain('RipstopCredentialRefused');
    for (const silent of ['RipstopQuotaGone', 'RipstopShedding', 'RipstopSlowFirstContent', 'RipstopEngineRestarts']) {
      expect(told('firing')).not.toContain(silent);
    }
    const { 502: refusals = 0, 503: rejections = 0 } = Object.fromEntries(caller.statuses) as Record<number, number>;
    expect(refusals + rejections).toBeGreaterThan(5);
    await monitoring.agrees('ripstop_requests_total{method="POST"}', 'status', Object.fromEntries(caller.statuses));
  }, 90_000);
});
