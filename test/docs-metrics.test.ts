import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prometheusDefaults } from 'ripstop/prometheus';
import { expect, test } from 'vitest';
import { families } from '../packages/ripstop/src/observation/prometheus/families.js';
import { alertsTable, metricsTable, withTables } from '../scripts/metrics.mjs';
import { readText, root } from './repository.js';

const page = readText('docs/metrics.md');
const rulesFile = 'packages/gateway/prometheus/ripstop-alerts.yml';
const skipped = !existsSync('/usr/bin/promtool') && process.env['CI'] === undefined;

test('I3: every metric and every alert rule has its row; `node scripts/metrics.mjs` writes them anew', () => {
  const tables = { metrics: metricsTable(families), alerts: alertsTable(readText(rulesFile)) };
  expect(page).toBe(withTables(page, tables));
  const rows = [...page.matchAll(/^\| `(ripstop_\w+)` \| (?:counter|gauge|histogram) \|/gm)].map(([, name]) => name);
  expect(rows).toEqual(Object.values(families).map(({ name }) => name));
  expect([...page.matchAll(/^\| `Ripstop\w+` \| (?:critical|warning) \|/gm)].length).toBeGreaterThan(8);
});

test('a planted metric, and a changed rule, make another page', () => {
  const planted = { name: 'ripstop_new_total', type: 'counter', help: 'New.', labels: {} };
  expect(metricsTable({ ...families, planted })).toContain('| `ripstop_new_total` | counter | – | New. |');
  const rules = readText(rulesFile).replace('for: 2m', 'for: 9m');
  expect(withTables(page, { metrics: metricsTable(families), alerts: alertsTable(rules) })).not.toBe(page);
});

test('shows no code but what is cut from its examples', () => {
  const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
  expect(snippets).toHaveLength(4);
  expect(page.split('```')).toHaveLength(2 * (snippets.length + 1) + 1);
  for (const [, snippet, file = '', text] of snippets) {
    expect(readText(file)).toContain(`// snippet: ${snippet}\n${text}// end of snippet`);
  }
  const yaml = readText('examples/prometheus.yml');
  expect(page).toContain(`<!-- file: examples/prometheus.yml -->\n\`\`\`yaml\n${yaml}\`\`\``);
});

test.skipIf(skipped)('promtool accepts the configuration of the example (needs /usr/bin/promtool)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ripstop-test-'));
  try {
    const file = join(folder, 'prometheus.yml');
    const here = readText('examples/prometheus.yml').replace(/node_modules\S+\.yml/, join(root, rulesFile));
    writeFileSync(file, here);
    const { stdout, stderr } = spawnSync('/usr/bin/promtool', ['check', 'config', file], { encoding: 'utf8' });
    expect(`${stdout}${stderr}`).toMatch(/1 rule files found[\s\S]*is valid prometheus config[\s\S]*\d+ rules found/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every option has its row, and its default is the code’s', () => {
  const source = readText('packages/ripstop/src/observation/prometheus.ts');
  const body = /interface PrometheusOptions\b[^{]*{\n([\s\S]*?)\n}/.exec(source)?.[1] ?? '';
  const options = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name = '']) => name);
  expect(options.length).toBeGreaterThan(3);
  for (const option of options) expect(page).toContain(`| \`${option}\` |`);
  expect(page).toContain(`| \`maxNames\` | \`${prometheusDefaults.maxNames}\` |`);
  expect(page).toContain(`and ${prometheusDefaults.maxNames} others`);
});

test('I3: the example counts a retry, a fallback and an answer in a registry of its own', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/metrics.mjs')], { cwd: root, encoding: 'utf8' });
  expect(printed.trim().split('\n')).toEqual([
    'Paris.',
    'ripstop_retries_total{error_type="model_overloaded"} 1',
    'ripstop_retry_stops_total{reason="attempts"} 1',
    'ripstop_answers_total{model="small"} 1',
    'ripstop_answer_duration_seconds_count{model="small"} 1',
    'ripstop_model_failures_total{model="large",error_type="model_overloaded"} 1',
    'ripstop_fallbacks_total{model="small"} 1',
    'ripstop_concurrency_limit{name="chat"} 8',
    'ripstop_breaker_state{name="large",state="closed"} 1',
  ]);
});

test('links only to what is there', () => {
  for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g))
    expect(existsSync(join(root, 'docs', link)), link).toBe(true);
});
