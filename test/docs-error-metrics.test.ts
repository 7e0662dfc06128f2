import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errorMetrics, errorMetricsDefaults } from 'ripstop/observation';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { readText, root } from './repository.js';

const page = readText('docs/error-metrics.md');

function section(heading: string): string {
  return page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
}

function written(value: unknown): string | undefined {
  if (typeof value === 'string') return `'${value}'`;
  return typeof value === 'number' ? String(value).replace(/\B(?<!\.\d*)(?=(\d{3})+$)/g, ' ') : undefined;
}

test('docs/error-metrics.md shows no code but snippets that are cut from its example', () => {
  const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
  expect(snippets).toHaveLength(4);
  expect(page.split('```')).toHaveLength(2 * snippets.length + 1);
  for (const [, snippet, file = '', text] of snippets) {
    expect(readText(file)).toContain(`// snippet: ${snippet}\n${text}// end of snippet`);
  }
});

test('docs/error-metrics.md links only to what is there', () => {
  for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g))
    expect(existsSync(join(root, 'docs', link)), link).toBe(true);
});

test('R135: docs/error-metrics.md has every option and its default', () => {
  const rows = [...section('Options').matchAll(/^\| `(\w+)` \| (?:`([^`]+)`|[^|]+) \|/gm)];
  expect(rows.map(([, name, value]) => [name, value])).toEqual(
    Object.entries(errorMetricsDefaults).map(([name, value]) => [name, written(value)]),
  );
  for (const kind of errorMetricsDefaults.watch) expect(section('Spikes')).toContain(`| \`${kind}\` |`);
});

test('R141: docs/error-metrics.md has every key of the summary and no other', () => {
  const rows = section('The summary').matchAll(/^\| ((?:`\w+` ?)+)\|/gm);
  const keys = [...rows]
    .flatMap(([, cell = '']) => [...cell.matchAll(/\w+/g)].map(([key]) => key))
    .filter((key) => key !== 'key');
  expect(keys.toSorted()).toEqual(Object.keys(errorMetrics({}, virtualRuntime()).getErrorSummary()).toSorted());
});

test('R136 R141 R142 I14: the example of error metrics prints what its page promises', () => {
  const lines = execFileSync(process.execPath, [join(root, 'examples/error-metrics.mjs')], { encoding: 'utf8' });
  for (const line of [
    "2 4\n[ [ 'generation_failed:inference', 2 ] ]",
    "message: 'CUDA error # on worker #'",
    'total_calls_1h: 2,\n  error_ratio: 0.5,',
    "top_patterns: [ [ 'model_overloaded:/generate', 1 ] ]",
    'spike.started errors upstream_unavailable\n1 1\nspike.ended errors upstream_unavailable\n',
  ]) {
    expect(lines).toContain(line);
  }
});
