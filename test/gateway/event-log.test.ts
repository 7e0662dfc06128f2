/** What the log tells of tries, breakers and models behind the requests. */
import { scriptedUpstream, type ScriptedUpstream } from 'ripstop/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, type RunningGateway, startGateway } from './harness.js';

const refused = (status: number, error: object) => ({ kind: 'json' as const, status, body: { error } });
const busy = refused(503, { message: 'busy' });
const choices = [{ index: 0, message: { role: 'assistant', content: 'Paris.' }, finish_reason: 'stop' }];
const good = { kind: 'json' as const, body: { object: 'chat.completion', choices } };
const tooLong = refused(400, {
  message: "This model's maximum context length is 9 tokens",
  code: 'context_length_exceeded',
});
const spent = refused(429, { message: 'You exceeded your current quota', code: 'insufficient_quota' });

const upstreams: Record<string, ScriptedUpstream> = {};
let gateway: RunningGateway;

beforeAll(async () => {
  const scripts = { main: [busy, busy, good], spare: [good], short: [tooLong], poor: [spent] };
  for (const [name, script] of Object.entries(scripts)) upstreams[name] = await scriptedUpstream(script);
  const listed = Object.entries(upstreams).map(([name, { url }]) => `  ${name}: { url: "${url}", model: ${name} }`);
  gateway = await startGateway({
    yaml: [
      'upstreams:',
      ...listed,
      'models:',
      '  default: { chain: [main, spare], retry: { attempts: 2 }, breaker: { consecutive: 2, cooldown: 100ms } }',
      '  short: [short, spare]',
      '  poor: [poor, spare]',
    ].join('\n'),
  });
});

afterAll(async () => {
  await gateway.stop();
  for (const upstream of Object.values(upstreams)) await upstream.close();
});

/** Asks, and gives the model that answered and what was logged meanwhile. */
async function asked(model: string, id: string): Promise<{ by: string | null; lines: string[] }> {
  const body = { model, messages: [{ role: 'user', content: 'Where?' }] };
  const { headers } = await post(`${gateway.url}/v1/chat/completions`, body, { 'x-correlation-id': id });
  const own = () => gateway.log().filter((line) => line['correlation_id'] === id || line['id'] === id);
  await expect.poll(() => own().some(({ msg }) => msg === 'request')).toBe(true);
  return {
    by: headers.get('x-ripstop-model'),
    lines: own().map(({ level, msg }) => `${String(level)} ${String(msg)}`),
  };
}

test('R46 R52 R54 R56 R117: tries, the upstream that failed, and the life of its breaker', async () => {
  const overloaded = 'The model is overloaded; try again later';
  const first = await asked('default', 'first');
  expect(first.by).toBe('spare');
  expect(first.lines).toEqual([
    expect.stringMatching(`^warn Attempt 1 failed for main: ${overloaded}. Retrying in 0\\.\\d\\d seconds...$`),
    'error Circuit breaker for main is now OPEN',
    `warn Gave up on main after attempt 2 (attempts): ${overloaded}`,
    `warn Model main failed: ${overloaded}`,
    'info request',
  ]);

  let rest: string[] = [];
  for (let trials = 0, call = 0; trials < 2; call += 1) {
    const { by, lines } = await asked('default', `again-${call}`);
    // While the breaker is open, each request has its own line and no other.
    if (by === 'spare') expect(lines).toEqual(['info request']);
    else trials += 1;
    rest = [...rest, ...lines.filter((line) => line !== 'info request')];
  }
  expect(rest).toEqual([
    'info Circuit breaker for main is now HALF_OPEN',
    'info Circuit breaker for main is now CLOSED',
  ]);
});

test('R47 D58: an error of ours that no other try would cure is one in the log; a caller’s fault is in his own line only', async () => {
  expect((await asked('short', 'long')).lines).toEqual(['info request']);
  expect((await asked('poor', 'quota')).lines).toEqual([
    'warn breaker.paused',
    'error Non-retryable error in poor: The quota is used up',
    'warn Model poor failed: The quota is used up',
    'info request',
  ]);
});
