/**
 * What `npm run scenarios` plays in real time, with timers scaled to a tenth where a scenario waits long, and with slack
 * for a machine that has other work: here the order of things is tested, there their times as well.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failover } from '../scenarios/failover.mjs';
import { faultList } from '../scenarios/faults.mjs';
import { operations } from '../scenarios/operations.mjs';
import { playScenario, type Scenario, type Stage } from '../scenarios/scenario.mjs';
import { openStage } from '../scenarios/stage.mjs';

const slack = 4;
const scenarios: readonly Scenario[] = [
  ...failover('scaled'),
  ...faultList(),
  ...operations().filter(({ stage }) => stage === undefined),
];

let stage: Stage;
beforeAll(async () => {
  stage = await openStage(scenarios);
});
afterAll(async () => {
  await stage.close();
});

async function plays(id: string): Promise<void> {
  const scenario = scenarios.find((one) => one.id === id);
  if (scenario === undefined) throw new Error(`no scenario is named ${id}`);
  const { problems, seen } = await playScenario(scenario, stage, slack);
  expect(problems, JSON.stringify(seen)).toEqual([]);
}

/** Scenarios that stop the gateway, look at its memory or measure short times have one of their own. */
async function playsApart(...ids: readonly string[]): Promise<void> {
  const own = operations().filter(({ id }) => ids.includes(id));
  const apart = await openStage(own, own[0]?.stage);
  try {
    for (const scenario of own) {
      const { problems, seen } = await playScenario(scenario, apart, slack);
      expect(problems, `${scenario.id} ${JSON.stringify(seen)}`).toEqual([]);
    }
  } finally {
    await apart.close();
  }
  expect(own).toHaveLength(ids.length);
}

describe.concurrent('failing upstreams', () => {
  test('S01: one 429 with a wait of 2 s is two tries, apart by the wait', () => plays('S01'));
  test('S02: 429 for ever is few tries, then the fallback answers', () => plays('S02'));
  test('S03: after one 500 the same target answers', () => plays('S03'));
  test('S04: with 503 for ever the fallback answers, and is named', () => plays('S04'));
  test('S05: a connection that is reset before the headers is answered', () => plays('S05'));
  test('S06: silence is one try, then the fallback', () => plays('S06'));
  test('S07: a first token that comes late is the fallback’s to give', () => plays('S07'));
  test('S08: a stream that is cut after 40 of 60 words has all 60, none twice', () => plays('S08'));
  test('S09: silence after 20 words ends the same, and the next call is fine', () => plays('S09'));
  test('S10: a bad frame in the middle leaves the full answer', () => plays('S10'));
  test('S11: without [DONE] a stream ends soon, with its usage', () => plays('S11'));
  test('S12: what is too long for one model is one try there, and goes to the larger one', () => plays('S12'));
  test('S13: filtered content is one try and a clean error that keeps the reason', () => plays('S13'));
  test('S14: a fallback that refuses prefill gives the full answer, and no word of its refusal', () => plays('S14'));
  test('S15: through an outage every call is served, few are tried there, and it is used again soon after', () =>
    plays('S15'));
  test('S16: with 503 for ever on a stream the fallback answers, with usage', () => plays('S16'));
});

describe.concurrent('the list of faults', () => {
  test.each(faultList().map(({ id, title }) => [title, id] as const))('%s', (_, id) => plays(id));
});

describe.concurrent('clients and operators', () => {
  test('GW10: a client that leaves ends the upstream’s work in every phase', () =>
    playsApart(
      'leaves-before-headers',
      'leaves-stream-silent',
      'leaves-before-first',
      'leaves-mid-stream',
      'leaves-mid-silence',
      'leaves-mid-body',
      'leaves-in-wait',
    ));
  test('GW10: a client that leaves the queue frees its place', () => playsApart('leaves-in-queue'));
  test('GW1: a circle in a chain is refused at load', () => plays('circle'));
  test('streams under way end well after SIGTERM', () => playsApart('sigterm'));
  test('a body of 60 MB is refused, and no memory is taken for it', () => playsApart('large-body'));
  test('a key that an upstream repeats comes out in no answer and no log', () => playsApart('canary'));
});
