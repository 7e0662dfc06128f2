import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readText, root } from './repository.js';

const page = readText('docs/testing.md');
const source = readText('packages/ripstop/src/testing/faults.ts');

/** The options that an interface of faults.ts declares. */
function declared(name: string): string[] {
  const body = new RegExp(`interface ${name}\\b[^{]*{\\n([\\s\\S]*?)\\n}`).exec(source)?.[1] ?? '';
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, option = '']) => option);
}

test('I20: docs/testing.md tells of every fault and every part of a schedule', () => {
  const options = ['FaultsOptions', 'FaultSchedule', 'ErrorFault', 'SlowFault', 'StreamFault'].flatMap(declared);
  expect(options.length).toBeGreaterThan(14);
  for (const option of options) expect(page, option).toMatch(new RegExp(`\`[^\`]*\\b${option}\\b[^\`]*\``));
});

test('docs/testing.md shows no code but snippets of an example, and links only to what is there', () => {
  const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
  expect(snippets).toHaveLength(page.split('```').length / 2 - 0.5);
  for (const [, name, file = '', text] of snippets) {
    expect(readText(file)).toContain(`// snippet: ${name}\n${text}// end of snippet`);
  }
  for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
    expect(existsSync(join(root, 'docs', link)), link).toBe(true);
  }
});

test('the example of faults runs, and its answer comes after the outage', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/faults.mjs')], { cwd: root, encoding: 'utf8' });
  expect(printed.trimEnd().split('\n')).toEqual([
    'Paris. after 6 attempts and 41 s',
    'Par',
    'is',
    'stream_interrupted 1',
  ]);
});
