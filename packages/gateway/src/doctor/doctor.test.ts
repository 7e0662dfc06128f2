import { virtualRuntime } from 'ripstop/testing';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../config/load.js';
import { type Diagnosis, examine } from './doctor.js';
import type { DoctorFinding } from './finding.js';

async function offline(yaml: string): Promise<Diagnosis> {
  return examine(parseConfig(yaml, {}), { network: 'offline' }, virtualRuntime());
}

function of({ configuration, checklist }: Diagnosis, check: string): readonly DoctorFinding[] {
  return [...configuration, ...checklist].filter((finding) => finding.check === check);
}

const two = `
upstreams:
  main: { url: "http://127.0.0.1:9100/v1", model: a, contextLength: 8192, prefill: true }
  spare: { url: "http://127.0.0.2:9101/v1", model: b, contextLength: 32768 }
models: { default: [main, spare] }
alerts: [{ console: true }]
`;

const secretKey = 'sk-0123456789abcdef';

describe('a good configuration', () => {
  test('D126 GW24: has nothing missing; what was not asked is not known, and what has no place is told to have none', async () => {
    const diagnosis = await offline(two);
    const all = [...diagnosis.configuration, ...diagnosis.checklist];
    const open = all.filter(({ status }) => status !== 'met');
    expect(open.map(({ check, about, status }) => [check, about, status])).toEqual([
      ['reachable', 'upstreams.main', 'unknown'],
      ['reachable', 'upstreams.spare', 'unknown'],
      ['sanitized_text', undefined, 'not_applicable'],
      ['checked_uploads', undefined, 'not_applicable'],
    ]);
    expect([diagnosis.critical, diagnosis.checklist.length]).toEqual([0, 25]);
  });

  test('with no configuration at all the doctor has advice, and nothing critical', async () => {
    const diagnosis = await offline('{}');
    expect(diagnosis.critical).toBe(0);
    expect(of(diagnosis, 'fallbacks')).toMatchObject([
      { status: 'missing', severity: 'advice', about: 'models.default' },
    ]);
    expect(of(diagnosis, 'spike_alerts')).toMatchObject([{ status: 'missing', severity: 'advice' }]);
    expect(of(diagnosis, 'error_metrics')).toMatchObject([{ status: 'met' }]);
  });
});

describe('GW24', () => {
  test('GW24: timers that are not below the total are critical, in a chain and in the checklist', async () => {
    const timeouts = 'timeouts: { firstContent: 30s, headers: 20s, gap: 5s, total: 20s }';
    const diagnosis = await offline(`models: { default: { chain: [local], ${timeouts} } }`);
    expect(diagnosis.critical).toBe(1);
    const [timers] = of(diagnosis, 'timers');
    expect(timers).toMatchObject({ severity: 'critical', about: 'models.default' });
    expect(timers?.found).toContain('firstContent (30 s), headers (20 s) are not below total (20 s)');
    expect(of(diagnosis, 'inference_timeouts')).toMatchObject([{ status: 'missing', severity: 'critical' }]);
  });

  test('GW24: headers that may take all of the time are worth a word, and nothing critical', async () => {
    const diagnosis = await offline('models: { default: { chain: [local], timeouts: { total: 60s } } }');
    expect(of(diagnosis, 'timers')).toMatchObject([
      { severity: 'advice', found: expect.stringContaining('headers (60 s)') },
    ]);
    expect(diagnosis.critical).toBe(0);
  });

  test('GW24: a hedge that comes after the limit of the first content never comes', async () => {
    const hedged = (after: string): string => {
      return two.replace('default: [main, spare]', `default: { chain: [main, spare], hedge: { after: ${after} } }`);
    };
    expect(of(await offline(hedged('10s')), 'timers')).toMatchObject([{ severity: 'advice', about: 'models.default' }]);
    expect(of(await offline(hedged('9s')), 'timers')).toMatchObject([{ status: 'met' }]);
  });

  test('GW24: the headers of a picture may come at its end', async () => {
    const diagnosis = await offline(`${two}images: { default: [main] }`);
    expect(of(diagnosis, 'timers')).toMatchObject([{ status: 'met' }]);
  });

  test.each([
    ['127.0.0.1', 'http://localhost:8787/v1'],
    ['127.0.0.1', 'http://127.0.0.1:8787/v1'],
    ['0.0.0.0', 'http://[::1]:8787/v1'],
    ['10.0.0.5', 'http://10.0.0.5:8787/v1'],
  ])('GW24: behind %s an upstream at %s is the gateway itself', async (host, url) => {
    const server = `server: { host: "${host}", keys: ["${secretKey}"] }`;
    const diagnosis = await offline(
      `${server}\nupstreams: { me: { url: "${url}", model: x } }\nmodels: { default: [me] }`,
    );
    expect(of(diagnosis, 'loops')).toMatchObject([{ severity: 'critical', about: 'upstreams.me' }]);
    const other = await offline(
      `${server}\nupstreams: { me: { url: "${url.replace('8787', '8788')}", model: x } }\nmodels: { default: [me] }`,
    );
    expect(of(other, 'loops')).toMatchObject([{ status: 'met' }]);
  });

  test('GW24: windows that are not declared are named, and so is a name without a fallback', async () => {
    const diagnosis = await offline(
      'upstreams: { main: { url: "http://127.0.0.1:9100/v1", model: a } }\nmodels: { default: [main] }',
    );
    expect(of(diagnosis, 'windows')).toMatchObject([{ about: 'upstreams.main.contextLength', severity: 'advice' }]);
    expect(of(diagnosis, 'context_length')).toMatchObject([{ status: 'missing', severity: 'advice' }]);
    expect(of(diagnosis, 'fallback_models')).toMatchObject([{ status: 'missing', about: 'models.default' }]);
  });

  test('GW24: two upstreams of one service are no fallback for each other', async () => {
    const diagnosis = await offline(two.replace('127.0.0.2:9101', '127.0.0.1:9100'));
    expect(of(diagnosis, 'independence')).toMatchObject([
      { about: 'models.default', found: 'main and spare are one service: what takes one down takes both' },
    ]);
  });

  test('GW24: where nobody can go on from a text, that is not known to be a mistake', async () => {
    expect(of(await offline(two), 'prefill')).toMatchObject([{ status: 'met' }]);
    const without = of(await offline(two.replace(', prefill: true', '')), 'prefill');
    expect(without).toMatchObject([{ status: 'unknown', about: 'models.default' }]);
  });

  test('GW24: keys that can be guessed, that open two doors, or that travel in the open are told without being shown', async () => {
    const yaml = `
server: { host: 0.0.0.0, keys: [short, both-${secretKey}], adminKeys: [both-${secretKey}] }
upstreams: { far: { url: "http://models.example.com/v1", model: x, key: ${secretKey} } }
models: { default: [far] }`;
    const diagnosis = await offline(yaml);
    expect(of(diagnosis, 'keys')).toMatchObject([{ status: 'missing', severity: 'advice' }]);
    expect(of(diagnosis, 'admin_keys')).toMatchObject([{ severity: 'critical' }]);
    expect(of(diagnosis, 'encryption')).toMatchObject([{ severity: 'critical', about: 'upstreams.far' }]);
    expect(JSON.stringify(diagnosis)).not.toContain(secretKey);
    const near = yaml.replace('models.example.com', 'vllm').replace(', adminKeys', ', profile: http }\n#');
    expect(of(await offline(near), 'encryption')).toMatchObject([{ status: 'met' }]);
    expect(of(await offline(near), 'admin_keys')).toMatchObject([{ status: 'missing', severity: 'advice' }]);
  });

  test('an upstream that no chain names, and models that are tried only once, are told', async () => {
    const diagnosis = await offline(
      two.replace('default: [main, spare]', 'default: { chain: [main], retry: { attempts: 1 } }'),
    );
    expect(of(diagnosis, 'unused')).toMatchObject([{ about: 'upstreams.spare', severity: 'advice' }]);
    expect(of(diagnosis, 'retries')).toMatchObject([{ found: 'Tried only once: default' }]);
  });

  test('a GGUF file that cannot be read is critical, offline too', async () => {
    const diagnosis = await offline(
      'upstreams: { own: { engine: gguf, file: ./no-such.gguf } }\nmodels: { default: [own] }',
    );
    expect(of(diagnosis, 'reachable')).toMatchObject([{ about: 'upstreams.own', severity: 'critical' }]);
  });
});
