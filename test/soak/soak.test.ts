import { test } from 'vitest';
import { expectSound, story } from './soak-report.js';
import { soak } from './soak.js';

test('2,000 mixed requests, of which one in ten goes wrong upstream, leave nothing behind', async () => {
  const report = await soak(2_000);
  console.log(story(report));
  expectSound(report);
}, 60_000);
