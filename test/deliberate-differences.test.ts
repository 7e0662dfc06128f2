import { afterAll, expect, test } from 'vitest';
import { breaking } from './differences/breaking.js';
import { limiting } from './differences/limiting.js';
import { retrying } from './differences/retrying.js';
import { standingIn } from './differences/standing-in.js';
import { shutDownAll } from './differences/theirs.js';
import { readText } from './repository.js';

const shown = { ...retrying, ...breaking, ...limiting, ...standingIn };

afterAll(shutDownAll);

test.each(Object.entries(shown))('%s', async (_, show) => {
  await show();
});

test('docs/policies/coming-from.md tells of each of these, and of nothing that is not shown', () => {
  const page = readText('docs/policies/coming-from.md');
  const differences = page.split(/^## /m).filter((section) => section.startsWith('Differences: '));
  const headings = [...differences.join('').matchAll(/^### (.+)$/gm)].map(([, title]) => title);
  expect(headings).toEqual(Object.keys(shown));
});
