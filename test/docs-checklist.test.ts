import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configurationChecks } from '../packages/gateway/src/doctor/doctor.js';
import { type ChecklistItem, checklist, serviceItems } from '../packages/ripstop/src/serving/checklist/checklist.js';
import { readText, root } from './repository.js';

const page = readText('docs/checklist.md');
/** A page as others of the same folder link to it. */
function link(target: string): string {
  return target.replace(/^docs\//, '');
}

/** GitHub's name of a heading. */
function anchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test('R193: docs/checklist.md has every item, in its category, with its sentence and its page', () => {
  for (const [category, items] of Object.entries(checklist)) {
    const section = page.split(`### ${category}\n`)[1]?.split('\n#')[0] ?? '';
    const expected = items.map(({ id, text, page: help }: ChecklistItem) => {
      return `| \`${id}\` | ${text} | [${help.replace(/^docs\/|#.*$/g, '')}](${link(help)}) |`;
    });
    expect(section.split('\n').filter((line) => line.startsWith('| `'))).toEqual(expected);
  }
});

test('every page that a finding names is there, and has that heading', () => {
  const pages = [...Object.values(checklist).flat(), ...serviceItems, ...Object.values(configurationChecks)];
  for (const { page: target } of pages) {
    const [file = '', anchor] = target.split('#');
    expect(existsSync(join(root, file)), target).toBe(true);
    if (anchor !== undefined) expect(anchors(readText(file)).has(anchor), target).toBe(true);
  }
});

test('GW24: docs/checklist.md has every check of the doctor, and none besides', () => {
  const table = page.split('## ripstop doctor')[1]?.split('## Do not')[0] ?? '';
  const told = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, check]) => check);
  expect(told).toEqual([...Object.keys(configurationChecks), 'reachable']);
  for (const { id } of serviceItems) expect(page).toContain(`\`${id}\``);
});

test('docs/checklist.md shows the example, which runs and prints what it says', () => {
  const [, name, file = '', text] = /<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/.exec(page) ?? [];
  expect(readText(file)).toContain(`// snippet: ${name}\n${text}// end of snippet`);
  const printed = execFileSync(process.execPath, [join(root, file)], { cwd: root, encoding: 'utf8' });
  expect(printed).toContain('has_fallback_chain: true');
  expect(printed).toMatch(/^spike_alerts: A rise of errors is not told to anybody\. /m);
  expect(printed.trimEnd().split('\n').at(-1)).toBe('not known: checked_uploads, graceful_degradation, guard, drain');
});
