import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { diskCheckDefaults, gpuCheckDefaults, memoryCheckDefaults } from 'ripstop/node';
import {
  eventLoopCheckDefaults,
  healthCheckDefaults,
  healthCheckerDefaults,
  modelCheckDefaults,
  upstreamCheckDefaults,
} from 'ripstop/observation';
import { expect, test } from 'vitest';
import { readText, root } from './repository.js';

const page = readText('docs/health.md');

/** The options of an interface, with those that it takes over. */
function declared(file: string, name: string): string[] {
  const source = readText(`packages/ripstop/src/observation/${file}`);
  const [, body = ''] = new RegExp(`interface ${name}\\b[^{]*{\\n([\\s\\S]*?)\\n}`).exec(source) ?? [];
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, option = '']) => option);
}

function written(value: unknown): string {
  if (value === undefined) return 'none';
  if (value === Number.POSITIVE_INFINITY) return 'Infinity';
  if (Array.isArray(value)) return `['${value.join("', '")}']`;
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** The first table behind a text. */
function listed(behind: string): [string, string][] {
  const table =
    page
      .slice(page.indexOf(behind))
      .split(/\n\n/)
      .find((part) => part.startsWith('| option')) ?? '';
  return [...table.matchAll(/^\| `(\w+)` \| (?:`([^`]+)`|none) \|/gm)].map(([, option = '', value]) => [
    option,
    value ?? 'none',
  ]);
}

test.each([
  ['Of a check, in', 'health-check.ts HealthCheckOptions', healthCheckDefaults],
  ['Of `healthChecker(options)`', 'health-checker.ts HealthCheckerOptions', healthCheckerDefaults],
  ['`modelCheck(model, options)`', 'checks/model.ts ModelCheckOptions', modelCheckDefaults],
  ['`upstreamCheck(options)`', 'checks/upstream.ts UpstreamCheckOptions', upstreamCheckDefaults],
  [
    '`gpuCheck(options)`',
    'checks/node-gpu.ts GpuCheckOptions load-sources/node-nvidia-smi.ts NvidiaSmiOptions',
    gpuCheckDefaults,
  ],
  ['`diskCheck(options)`', 'checks/node-disk.ts DiskCheckOptions', diskCheckDefaults],
  ['`memoryCheck(options)`', 'checks/node-memory.ts MemoryCheckOptions', memoryCheckDefaults],
  ['`eventLoopCheck(options)`', 'checks/event-loop.ts EventLoopCheckOptions', eventLoopCheckDefaults],
])('docs/health.md: the table behind “%s” has the options and defaults of the code', (behind, places, defaults) => {
  const names = [...places.matchAll(/(\S+) (\S+)/g)].flatMap(([, file = '', name = '']) => declared(file, name));
  const known = defaults as Readonly<Record<string, unknown>>;
  expect(names.length).toBeGreaterThan(1);
  expect(Object.fromEntries(listed(behind))).toEqual(
    Object.fromEntries(names.map((name) => [name, written(known[name])])),
  );
});

test('docs/health.md shows no code but snippets that are cut from its example, and links to what is there', () => {
  const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
  expect(snippets.map(([, name]) => name)).toEqual(['chute', 'alone']);
  expect(page.split('```')).toHaveLength(5);
  for (const [, snippet, file = '', text] of snippets) {
    expect(readText(file)).toContain(`// snippet: ${snippet}\n${text}// end of snippet`);
  }
  for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
    expect(existsSync(join(root, 'docs', link)), link).toBe(true);
  }
});

test('R154: the example of health registers a model, a GPU and a disk, and prints what its page promises', () => {
  const lines = execFileSync(process.execPath, [join(root, 'examples/health.mjs')], { cwd: root, encoding: 'utf8' });
  expect(lines).toMatch(/^200 degraded healthy (unknown|healthy) \{ healthy: false, waiting: 90 \}\n/);
  expect(lines).toContain('cache unknown → error\n');
  expect(lines).toMatch(
    /degraded The check failed\nconnect ECONNREFUSED 10\.0\.0\.7:6379\n\[ 'cache error: The check failed' \]\n$/,
  );
});
