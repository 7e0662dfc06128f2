/**
 * `node scripts/metrics.mjs`: writes the tables of `docs/metrics.md` from the code: every metric, and every alert rule
 * that ships. A test compares the page with them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './set-up.mjs';

/** Longer lists are told below the table. */
const mostListed = 8;

/**
 * @param {Readonly<Record<string, { name: string, type: string, help: string, labels: object }>>} families
 * @returns {string}
 */
export function metricsTable(families) {
  const label = ([name, values]) =>
    values === 'names' || values.length > mostListed ? `\`${name}\`` : `\`${name}\`: ${values.join(', ')}`;
  return [
    '| metric | type | labels | what |',
    '| --- | --- | --- | --- |',
    ...Object.values(families).map(({ name, type, help, labels }) => {
      return `| \`${name}\` | ${type} | ${Object.entries(labels).map(label).join('; ') || '–'} | ${help} |`;
    }),
  ].join('\n');
}

/**
 * @param {string} rules The rule file.
 * @returns {string}
 */
export function alertsTable(rules) {
  const alerts = rules.split(/^ {6}- alert: /m).slice(1);
  const part = (rule, pattern) => pattern.exec(rule)?.[1] ?? '';
  return [
    '| alert | severity | after | what |',
    '| --- | --- | --- | --- |',
    ...alerts.map((rule) => {
      const what = part(rule, /summary: "(.*)"/).replaceAll(/\{\{ (?:\$labels\.)?\$?(\w+)[^}]*\}\}/g, '*$1*');
      const after = part(rule, /\n {8}for: (\S+)/) || 'at once';
      return `| \`${part(rule, /^(\w+)/)}\` | ${part(rule, /severity: (\w+)/)} | ${after} | ${what} |`;
    }),
  ].join('\n');
}

/**
 * The page with its tables replaced.
 * @param {string} page
 * @param {Readonly<Record<string, string>>} tables By the name in their marks.
 * @returns {string}
 */
export function withTables(page, tables) {
  return page.replaceAll(/(<!-- table: (\w+) -->\n)[\s\S]*?(<!-- end of table -->)/g, (_all, begin, name, end) => {
    return `${begin}${tables[name]}\n${end}`;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const built = join(root, 'packages/ripstop/dist/observation/prometheus/families.js');
  const { families } = await import(pathToFileURL(built).href);
  const rules = readFileSync(join(root, 'packages/gateway/prometheus/ripstop-alerts.yml'), 'utf8');
  const page = join(root, 'docs/metrics.md');
  const tables = { metrics: metricsTable(families), alerts: alertsTable(rules) };
  writeFileSync(page, withTables(readFileSync(page, 'utf8'), tables));
}
