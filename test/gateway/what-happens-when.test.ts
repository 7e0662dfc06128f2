/** Plays every row of docs/what-happens-when.md through the gateway. */
import { errorTypes } from 'ripstop/errors';
import { beforeAll, describe, expect, test } from 'vitest';
import { chaosServer } from '../../packages/gateway/src/chaos/chaos-server.js';
import { scriptOf } from '../../packages/gateway/src/chaos/script.js';
import { readText } from '../repository.js';
import { request } from '../scenarios/client.mjs';
import { openStage } from '../scenarios/stage.mjs';
import { sixtyWords } from '../scenarios/scenario.mjs';
import { startGateway } from './harness.js';

const page = readText('docs/what-happens-when.md');

/** The cells of the rows of a section's table, below its head. */
function rowsOf(heading: string): string[][] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const [, , ...rows] = section.match(/^\|.*\|$/gm) ?? [];
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function words(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
}

const timeouts = { headers: '3s', firstContent: '3s', gap: '3s', total: '30s' };
type Stage = Awaited<ReturnType<typeof openStage>>;
type Seen = Awaited<ReturnType<typeof request>>;

async function stageFor(faults: readonly string[]): Promise<Stage> {
  const scenarios = faults.flatMap((fault) => {
    const named = (how: string, spare: Readonly<Record<string, object>>, model: object) => ({
      id: `${how} ${fault}`,
      title: fault,
      upstreams: { main: { scene: fault, contextLength: 8_192 }, ...spare },
      model: { timeouts, ...model },
      run: async () => undefined,
    });
    return [
      named('alone', {}, {}),
      named('next', { spare: { scene: 'ok', contextLength: 8_192 } }, {}),
      named('larger', { spare: { scene: 'ok', contextLength: 100_000 } }, {}),
      named('not resumed', { spare: { scene: 'ok' } }, { resume: false }),
    ];
  });
  // Names of upstreams have no spaces and no signs.
  return openStage(scenarios.map((scenario) => ({ ...scenario, id: plain(scenario.id) })));
}

/** These wait for seconds, and cost nothing meanwhile. */
const waits = /^(hang|silence|slow-body|silent|rate-limit|loading|never-ends)/;

/** A few at a time, the longest first: limits in time are to be met by the faults, and not by a busy machine. */
async function each(cases: readonly string[][], play: (one: string[]) => Promise<void>): Promise<void> {
  const left = cases.toSorted(([a = ''], [b = '']) => Number(waits.test(b)) - Number(waits.test(a)));
  const player = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await play(one);
  };
  await Promise.all(Array.from({ length: 8 }, player));
}

function plain(name: string): string {
  return name.replaceAll(/[ =]/g, '-');
}

function ask(stage: Stage, how: string, fault: string, more: object = {}): Promise<Seen> {
  const messages = [{ role: 'user', content: 'What is a circuit breaker?' }];
  const body = { model: plain(`${how} ${fault}`), messages, max_tokens: 100, ...more };
  return request(`${stage.url}/v1/chat/completions`, { body });
}

describe('an upstream fails before its answer has begun', () => {
  const cases = rowsOf('An upstream fails before its answer has begun').flatMap(([, played = '', ...cells]) =>
    words(played).map((fault) => [fault, ...cells]),
  );
  const played = new Map<string, { alone: Seen; next: Seen; larger: Seen; tries: number }>();
  beforeAll(async () => {
    const stage = await stageFor(cases.map(([fault = '']) => fault));
    const play = async ([fault = '']: string[]): Promise<void> => {
      const [alone, next, larger] = await Promise.all([
        ask(stage, 'alone', fault),
        ask(stage, 'next', fault),
        ask(stage, 'larger', fault),
      ]);
      const asked = await stage.asked(plain(`alone ${fault}`), 'main');
      played.set(fault, { alone, next, larger, tries: asked.length });
    };
    await each(cases, play);
    await stage.close();
  }, 90_000);

  test('every type of error that an upstream may cause before its answer has a row', () => {
    const ours = ['validation_error', 'stream_interrupted', 'cancelled', 'internal_error'];
    const types = new Set(cases.map(([, type = '']) => words(type)[0]));
    expect([...types, ...ours].toSorted()).toEqual(Object.keys(errorTypes).toSorted());
  });

  test.for(cases)('%s: %s, %s tries, next: %s, alone: %s', ([fault = '', type = '', tries, next, alone]) => {
    const seen = played.get(fault);
    const [errorType] = words(type);
    const { error } = seen?.alone.json ?? {};
    expect(error).toMatchObject({ type: errorType, error_type: errorType, code: errorType });
    expect(`${seen?.alone.status}, ${error?.is_retryable === true ? 'yes' : 'no'}`).toBe(alone);
    expect(String(seen?.tries)).toBe(tries);
    if (next === 'yes') {
      expect(seen?.next.json.choices[0].message.content).toBe(sixtyWords);
      expect(seen?.next.headers['x-ripstop-fallback']).toBe('true');
    } else {
      expect(seen?.next.json.error.type).toBe(errorType);
    }
    expect(seen?.larger.status === 200).toBe(next !== 'no');
  });
});

describe('a stream breaks after its first content', () => {
  const cases = rowsOf('A stream breaks after its first content').flatMap(([, played = '', ...cells]) =>
    words(played).map((fault) => [fault, ...cells]),
  );
  const tools = [{ type: 'function', function: { name: 'look_up' } }];
  const played = new Map<string, readonly string[]>();
  beforeAll(async () => {
    const stage = await stageFor(cases.map(([fault = '']) => fault));
    const play = async ([fault = '']: string[]): Promise<void> => {
      const outcome = async (how: string, more: object = {}): Promise<string> =>
        told(await ask(stage, how, fault, { stream: true, ...more }));
      const outcomes = await Promise.all([
        outcome('next'),
        outcome('not resumed'),
        outcome('next', { tools }),
        outcome('next', { response_format: { type: 'json_object' } }),
      ]);
      played.set(fault, outcomes);
    };
    await each(cases, play);
    await stage.close();
  }, 90_000);

  test.for(cases)('%s: next: %s, alone: %s', ([fault = '', next, alone]) => {
    expect(played.get(fault)).toEqual([next, alone, alone, alone]);
  });

  function told({ status, body, end }: Seen): string {
    const data = [...body.matchAll(/^data: (.*)$/gm)].map(([, text = '']) => text);
    const frames = data.filter((text) => text !== '[DONE]').map((text) => JSON.parse(text));
    const said = frames.map(({ choices }) => choices?.[0]?.delta?.content ?? '').join('');
    const error = frames.find((frame) => frame.error !== undefined)?.error;
    const ended = data.at(-1) === '[DONE]';
    if (status === 200 && end === 'complete' && ended && said === sixtyWords) return 'the whole answer';
    return error !== undefined && !ended ? `the error frame \`${error.type}\`` : `${status} ${said.length} ${end}`;
  }
});

describe('the gateway says no by itself', () => {
  const rows = rowsOf('The gateway says no by itself');
  const prompt = { prompt: 'Hi' };
  type Refusal = (url: string) => Promise<Seen>;
  const generate = (url: string, body: unknown, headers: Record<string, string> = {}) =>
    request(`${url}/generate`, { body, headers: { 'x-api-key': 'alpha', ...headers }, fresh: true });
  /** One request, while so many other callers wait in vain; they leave when it has its answer. */
  async function beside(count: number, url: string, body: object = prompt): Promise<Seen> {
    let leave = (): void => undefined;
    const refused = new Promise<void>((resolve) => (leave = resolve));
    const others = Array.from({ length: count }, () =>
      request(`${url}/generate`, { body, headers: { 'x-api-key': 'alpha' }, leave: () => refused, fresh: true }),
    );
    await new Promise((resolve) => setTimeout(resolve, 400));
    const seen = await generate(url, body);
    leave();
    await Promise.all(others);
    return seen;
  }

  const refusals: Readonly<Record<string, Refusal>> = {
    'the body is no JSON': (url) => generate(url, '{'),
    'a field is missing or wrong': (url) => generate(url, {}),
    'the body is larger than `server.bodyLimit`': (url) => generate(url, { prompt: 'x'.repeat(2_000) }),
    'there is no such path': (url) => request(`${url}/nowhere`, { body: {}, headers: { 'x-api-key': 'alpha' } }),
    'there is no such model': (url) => generate(url, { ...prompt, model: 'nobody' }),
    'the caller has no key, or a wrong one': (url) => generate(url, prompt, { 'x-api-key': 'beta' }),
    async 'a key asks more often than `load.perKey`'(url) {
      for (let count = 0; count < 30; count += 1) await generate(url, {}, { 'x-api-key': 'greedy' });
      return generate(url, prompt, { 'x-api-key': 'greedy' });
    },
    'no slot is free, and no place in the line': (url) => beside(3, url),
    'no slot becomes free within `load.queueWait`': (url) => beside(2, url),
    async 'every upstream is left alone, and somebody else tries just now whether one is back, or did within a second'(
      url,
    ) {
      const broken = { ...prompt, model: 'broken' };
      await generate(url, broken);
      return beside(1, url, broken);
    },
    'the time of `X-Request-Timeout-Ms` is over': (url) => generate(url, prompt, { 'x-request-timeout-ms': '100' }),
  };

  test('every row is played', () => {
    expect(rows.map(([when]) => when)).toEqual(Object.keys(refusals));
  });

  test('each answers as its row says', async () => {
    const chaos = await chaosServer({ script: scriptOf('ok') });
    const gateway = await startGateway({
      yaml: `
server: { keys: [alpha, greedy], bodyLimit: 1kb }
upstreams:
  silent: { url: "${chaos.url}", model: hang }
  broken: { url: "${chaos.url}", model: "500 x1, hang" }
models:
  default: { chain: [silent], timeouts: { headers: 5s } }
  broken: { chain: [broken], retry: { attempts: 1 }, breaker: { consecutive: 1, cooldown: 1m } }
load: { maxInFlight: 2, queue: 1, queueWait: 1s, perKey: { requests: 30, per: 1h } }
`,
    });
    try {
      for (const [when = '', type = '', status = '', details = ''] of rows) {
        const seen = await refusals[when]?.(gateway.url);
        expect([when, seen?.status, seen?.json.error_type]).toEqual([when, Number(status), words(type)[0]]);
        const [key, value] = (words(details)[0] ?? '').split(': ');
        if (key !== '' && key !== undefined) expect(seen?.json.details).toMatchObject({ [key]: value });
      }
    } finally {
      await gateway.stop('SIGKILL');
      await chaos.close();
    }
  }, 60_000);
});
