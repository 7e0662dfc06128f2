import { expect, test } from 'vitest';
import { describeRuntimes } from '../embedded-model/local-models.js';
import { crashEngine } from './engine-crashes.js';

const rounds = 50;

await describeRuntimes((runtime) => {
  test(`${rounds} rounds of kill -9, SIGSTOP and a memory bomb in a row`, async () => {
    const { kills, slowestMs, idleMs } = await crashEngine(runtime, rounds);
    expect(kills).toBe(3 * rounds);
    expect(slowestMs - idleMs).toBeLessThan(100);
    console.log(
      `${runtime}: ${kills} kills; slowest /livez ${Math.round(slowestMs)} ms, of an idle server ${Math.round(idleMs)} ms`,
    );
  }, 1_800_000);
});
