import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { contenders } from '../bench/simulate/contenders.mjs';
import { summary } from '../bench/simulate/report.mjs';
import { simulate } from '../bench/simulate/run.mjs';
import { readScenarios } from '../bench/simulate/scenarios.mjs';
import { markdown, rowsOf } from '../bench/simulate/table.mjs';
import { readJson, readText, root } from './repository.js';

type Contender = keyof typeof contenders;
interface Result {
  readonly seeds: readonly number[];
  readonly contenders: Record<Contender, { readonly goodputs: number[]; readonly amplifications: number[] }>;
}

const scenarios = readScenarios();
const names = Object.keys(contenders) as Contender[];
const committed = (scenario: string): Result => readJson(`bench/results/simulate/${scenario}.json`) as Result;
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** A brown-out in small: forty seconds, some three hundred callers, twice as many as the upstream can serve. */
const small = {
  ...scenarios['brown-out'],
  durationMs: 40_000,
  callsPerSecond: 8,
  patienceMs: { least: 8_000, most: 12_000 },
  upstream: { ...scenarios['brown-out'].upstream, slots: 20, queue: 60 },
  trouble: { fromMs: 10_000, untilMs: 25_000, slots: 5, failureRatio: 0.2 },
};

async function played(
  contender: Contender,
  seed: number,
  scenario: unknown = small,
): Promise<ReturnType<typeof summary>> {
  return summary(scenario, await simulate(scenario, contenders[contender], seed));
}

describe('a run', () => {
  test.each(names)('of %s is the same with the same seed, and another with another', async (contender) => {
    const once = await played(contender, 7);
    expect(once.calls).toBeGreaterThan(200);
    expect(await played(contender, 7)).toEqual(once);
    expect(await played(contender, 8)).not.toEqual(once);
  });

  test.each(names)('of %s loses no request and no caller', async (contender) => {
    const { calls, answered, received, served, failed, rejected, wasted, seconds } = await played(contender, 3);
    expect(served + failed + rejected).toBe(received);
    expect(answered).toBe(served - wasted);
    expect(answered).toBeLessThanOrEqual(calls);
    expect(mean(seconds.offered) * seconds.offered.length).toBe(calls);
  });

  test('of no policy makes one request a call; all contenders meet the same callers', async () => {
    const runs = await Promise.all(names.filter((name) => name !== 'cockatiel wrap').map((name) => played(name, 5)));
    runs.push(await played('cockatiel wrap', 5));
    expect(new Set(runs.map(({ seconds }) => JSON.stringify(seconds.offered))).size).toBe(1);
    const [{ amplification }] = runs;
    expect(amplification).toBe(1);
  });

  test('gives the globals back that a contender needed', async () => {
    const before = [setTimeout, clearTimeout, Date.now, Math.random];
    await played('cockatiel wrap', 1);
    expect([setTimeout, clearTimeout, Date.now, Math.random]).toEqual(before);
  });

  test('with an outage loses what was running, and with a spent quota answers no more than that', async () => {
    const outage = { ...small, trouble: { fromMs: 10_000, untilMs: 20_000, down: true } };
    const down = await played('no policy', 2, outage);
    expect(down.seconds.answered.slice(11, 20).every((count: number) => count === 0)).toBe(true);
    expect(down.failed).toBeGreaterThan(60);
    const spent = await played('retry only', 2, { ...small, trouble: undefined, quota: 50 });
    expect(spent.answered).toBe(50);
    expect(spent.rejected).toBeGreaterThan(200);
  });
});

describe('bench/scenarios.json', () => {
  test('has the five scenarios, and each can be played', () => {
    expect(Object.keys(scenarios)).toEqual([
      'short-outage',
      'brown-out',
      'slow-upstream',
      'thundering-return',
      'quota-end',
    ]);
  });

  test.each([
    ['unknown keys', { upstreams: {} }, 'upstreams is not known'],
    ['bad numbers', { callsPerSecond: -1 }, 'callsPerSecond is no number'],
    ['trouble that ends before it begins', { trouble: { fromMs: 9, untilMs: 8 } }, 'must begin before it ends'],
    ['trouble of no known kind', { trouble: { fromMs: 8, untilMs: 9, fire: true } }, 'fire is not known'],
  ])('would be refused with %s', (_, change, message) => {
    const { base } = readJson('bench/scenarios.json') as { base: object };
    const text = JSON.stringify({ base, scenarios: { a: { title: 'A', what: 'a', ...change } } });
    expect(() => readScenarios(text)).toThrow(message);
  });
});

describe('the committed results', () => {
  test.each(Object.keys(scenarios))(
    '%s: Ripstop’s default is at least as good as every other, with few requests',
    (name) => {
      const { seeds, contenders: results } = committed(name);
      expect(seeds).toHaveLength(5);
      expect(Object.keys(results)).toEqual(names);
      const ours = results['Ripstop default'];
      for (const other of names) {
        expect(mean(ours.goodputs), other).toBeGreaterThanOrEqual(mean(results[other].goodputs));
        for (const [index, goodput] of ours.goodputs.entries()) {
          expect(goodput, `${other}, seed ${seeds[index]}`).toBeGreaterThanOrEqual(results[other].goodputs[index]);
        }
      }
      expect(Math.max(...ours.amplifications)).toBeLessThanOrEqual(1.3);
    },
  );

  test.each(['brown-out', 'slow-upstream', 'thundering-return'])('%s: it is ahead with every seed', (name) => {
    const { contenders: results } = committed(name);
    for (const other of names.filter((contender) => contender !== 'Ripstop default')) {
      for (const [index, goodput] of results['Ripstop default'].goodputs.entries()) {
        expect(goodput, `${other}, run ${index}`).toBeGreaterThan(results[other].goodputs[index]);
      }
    }
  });

  test('are what this code plays: the quickest scenario, once more', async () => {
    const { seeds, contenders: results } = committed('short-outage');
    const { goodput } = await played('Ripstop default', seeds[0], scenarios['short-outage']);
    expect(goodput).toBeCloseTo(results['Ripstop default'].goodputs[0], 2);
  });
});

describe('docs/simulator.md', () => {
  const page = readText('docs/simulator.md');

  test.each(Object.values(scenarios))(
    '$name: has the table of the committed results, the plot and what happens',
    (scenario) => {
      const { name, title, what } = scenario as { name: string; title: string; what: string };
      const { contenders: results } = committed(name);
      expect(page).toContain(`### ${title}\n\n${what}\n`);
      expect(page).toContain(`${markdown(rowsOf(results))}\n`);
      expect(page).toContain(`](../bench/results/simulate/${name}.svg)`);
    },
  );

  test('shows the pipeline that was played', () => {
    const [, snippet] =
      /<!-- snippet: default-pipeline of examples\/default-pipeline.mjs -->\n```js\n([\s\S]*?)```/.exec(page) ?? [];
    expect(readText('examples/default-pipeline.mjs')).toContain(
      `// snippet: default-pipeline\n${snippet}// end of snippet`,
    );
  });

  test('links only to what is there', () => {
    const links = [...page.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(5);
    for (const link of links) expect(existsSync(join(root, dirname('docs/simulator.md'), link)), link).toBe(true);
  });
});

test('the command lists the scenarios, and refuses one that is not there', () => {
  const command = [join(root, 'scripts/simulate.mjs'), 'no-such-thing'];
  expect(() => execFileSync(process.execPath, command, { cwd: root, stdio: 'pipe', encoding: 'utf8' })).toThrow(
    /No scenario is named no-such-thing[\s\S]*short-outage/,
  );
});
