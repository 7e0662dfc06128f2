import { expect, test } from 'vitest';
import { describeRuntimes } from '../embedded-model/local-models.js';
import { crashEngine } from './engine-crashes.js';

const rounds = 3;

await describeRuntimes((runtime) => {
  test('R1: kill -9, SIGSTOP and a memory bomb cost the request in flight, and nothing else', async () => {
    const { kills, slowestMs, idleMs } = await crashEngine(runtime, rounds);
    expect(kills).toBe(3 * rounds);
    // A machine that holds up even an idle server is not our doing.
    expect(slowestMs - idleMs).toBeLessThan(100);
    console.log(
      `${runtime}: ${kills} kills; slowest /livez ${Math.round(slowestMs)} ms, of an idle server ${Math.round(idleMs)} ms`,
    );
  }, 120_000);
});
