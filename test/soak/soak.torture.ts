import { expect, test } from 'vitest';
import { expectSound, meanOf, story } from './soak-report.js';
import { soak } from './soak.js';

test('200,000 mixed requests, of which one in ten goes wrong upstream, leave nothing behind', async () => {
  const report = await soak(200_000);
  console.log(story(report));
  expectSound(report);
  const [, ...warm] = report.onTheWay.map(({ rss }) => rss);
  expect(meanOf(warm.slice(-4)) / meanOf(warm.slice(0, 4))).toBeLessThan(1.15);
});
