import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { incidentDefaults, incidents, recoveryProbeDefaults } from 'ripstop/observation';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { readText, root } from './repository.js';

const page = readText('docs/recovery.md');

function section(heading: string): string {
  return page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
}

/** The options of a section with their defaults, where they are numbers. */
function options(heading: string): Record<string, number> {
  const rows = section(heading).matchAll(/^\| `(\w+)` \| `([\d ]+)` \|/gm);
  return Object.fromEntries([...rows].map(([, name = '', value = '']) => [name, Number(value.replaceAll(' ', ''))]));
}

test('docs/recovery.md shows no code but snippets that are cut from its example, and links to what is there', () => {
  const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
  expect(snippets).toHaveLength(3);
  expect(page.split('```')).toHaveLength(2 * snippets.length + 1);
  for (const [, snippet, file = '', text] of snippets) {
    expect(readText(file)).toContain(`// snippet: ${snippet}\n${text}// end of snippet`);
  }
  for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g))
    expect(existsSync(join(root, 'docs', link)), link).toBe(true);
});

test('R197: docs/recovery.md has every option with its default, and every key of an incident', () => {
  expect(options('Incidents')).toEqual(incidentDefaults);
  expect(options('Probes')).toEqual(recoveryProbeDefaults);
  for (const [heading, file] of [
    ['Incidents', 'incidents'],
    ['Probes', 'recovery-probes'],
  ] as const) {
    const source = readText(`packages/ripstop/src/observation/${file}.ts`);
    const declared = /interface \w+Options {\n([\s\S]*?)\n}/.exec(source)?.[1] ?? '';
    const names = [...declared.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
    const [, table = ''] = section(heading).split('| option |');
    expect([...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name).toSorted()).toEqual(names.toSorted());
  }
  const runtime = virtualRuntime();
  const watched = incidents({}, runtime);
  runtime.events.emit({ type: 'breaker.opened', name: 'main', cooldownMs: 1, reason: 'x', at: 0 });
  const [keys = ''] = section('Incidents').split('| option |');
  const listed = [...keys.matchAll(/^\| ((?:`\w+` ?)+)\|/gm)].flatMap(([, cell = '']) => cell.match(/\w+/g) ?? []);
  expect(listed.toSorted()).toEqual(Object.keys(watched.recent()[0] ?? {}).toSorted());
});

test('R197 I4: the example of recovery prints what its page promises', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/recovery.mjs')], { encoding: 'utf8' });
  expect(printed.trimEnd().split('\n')).toEqual([
    'big is out: upstream_unavailable',
    'from the big one',
    'big was out for 8 s',
    'closed 8000 { upstream_unavailable: 2 } { small: 4 } { healthy: 1, unhealthy: 2 }',
    'breaker.opened breaker.half_opened breaker.closed',
  ]);
});
