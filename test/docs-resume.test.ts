import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fallbackChainDefaults } from 'ripstop/models';
import { expect, test } from 'vitest';
import { readText, root } from './repository.js';

const page = readText('docs/resume.md');
const source = readText('packages/ripstop/src/models/resume.ts');

test('docs/resume.md shows no code but snippets that are cut from its example', () => {
  const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
  expect(snippets).toHaveLength(2);
  expect(page.split('```')).toHaveLength(5);
  for (const [, snippet, file = '', text] of snippets) {
    expect(readText(file)).toContain(`// snippet: ${snippet}\n${text}// end of snippet`);
  }
});

test('GW7: its example prints the whole answer, who ended it, and what both have cost', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/resume.mjs')], { cwd: root, encoding: 'utf8' });
  expect(printed).toMatch(/^A circuit breaker stops calls to a service that fails\.\nspare \[/);
  expect(printed).toMatch(/model: 'main',[^}]*outputTokens: 2 \},\s+counted: 'estimated'/);
  expect(printed).toMatch(/model: 'spare',[^}]*outputTokens: 6 \},\s+counted: 'by_model'/);
});

test('GW1 GW7: docs/resume.md tells the bounds and the default of the code', () => {
  expect(source).toContain('const maxTries = { call: 6, model: 3 };');
  expect(page).toContain('| attempts | 6 in one call and 3 at one model,');
  expect(source).toContain('const maxStreams = 2;');
  expect(page).toContain('| streams of one model | 2 in one call |');
  expect(source).toContain('const maxKept = 2 ** 20;');
  expect(page).toContain('| text that is kept | 1 MiB;');
  expect(page).toContain(`| \`resume\` of \`modelFallbackChain\` | \`'${fallbackChainDefaults.resume}'\` |`);
});

test('docs/resume.md names every event of resuming, and links only to what is there', () => {
  const events = [...readText('packages/ripstop/src/call/events.ts').matchAll(/'(stream\.\w+)'/g)].map(
    ([, name]) => name,
  );
  expect(events).toHaveLength(3);
  for (const event of events) expect(page).toContain(`| \`${event}\` |`);
  for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g))
    expect(existsSync(join(root, 'docs', link)), link).toBe(true);
});
