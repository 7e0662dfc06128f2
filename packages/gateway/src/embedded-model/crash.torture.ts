import { expect, test } from 'vitest';
import { crashRounds } from '../../../../test/embedded-model/crash-rounds.js';
import { describeRuntimes } from '../../../../test/embedded-model/local-models.js';

const rounds = 50;

await describeRuntimes((runtime) => {
  test('a killed, stopped, hung or overgrown process costs only its own request, and never stalls ours', async () => {
    const { kills, ...longest } = await crashRounds(runtime, rounds);
    expect(kills).toBeGreaterThanOrEqual(4 * rounds);
    console.log(`${runtime}: ${kills} kills`, longest);
  });
});
