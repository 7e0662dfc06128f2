/** The tables of docs/policies/coming-from.md, held against the packages that they tell of. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as cockatiel from 'cockatiel';
import * as pRetryPackage from 'p-retry';
import {
  backoffDefaults,
  bulkheadDefaults,
  circuitBreakerDefaults,
  coalesceDefaults,
  deadlineDefaults,
  retryDefaults,
  timeoutDefaults,
} from 'ripstop';
import { afterAll, describe, expect, test } from 'vitest';
import { cockatielFacts } from './differences/facts-cockatiel.js';
import { opossumFacts, pRetryFacts } from './differences/facts-others.js';
import { opossum, shutDownAll } from './differences/theirs.js';
import { readText, root } from './repository.js';

afterAll(shutDownAll);

const page = readText('docs/policies/coming-from.md');

/** The part of the page under a heading. */
function section(heading: string): string {
  return page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
}

/** The cells of the section's tables that have so many columns, row by row, without heads. */
function rows(heading: string, columns: number): string[][] {
  return [...section(heading).matchAll(/^\|(.+)\|$/gm)]
    .map(([, row = '']) => row.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells.length === columns && cells[0] !== '---')
    .slice(1);
}

/** Every word in backticks in the first cells: what of theirs the tables tell of. */
function told(heading: string): Set<string> {
  const first = [...rows(heading, 3), ...rows(heading, 5)].map(([cell = '']) => cell);
  return new Set(
    first.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, code = '']) => code.match(/\w+/g) ?? [])),
  );
}

function names(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))];
}

describe('the tables name', () => {
  test('I26: everything that cockatiel exports, and every event of its policies', () => {
    const theirs = told('From cockatiel');
    // Bases of the rest: classes that nobody makes by hand, type guards of the errors, and how they emit.
    const plumbing = /^(Event|EventEmitter|Policy|\w+Policy|is\w+Error)$/;
    const exported = Object.keys(cockatiel).filter((name) => !plumbing.test(name));
    const policies = [
      cockatiel.retry(cockatiel.handleAll, {}),
      cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 1, breaker: new cockatiel.ConsecutiveBreaker(1) }),
      cockatiel.timeout(1, cockatiel.TimeoutStrategy.Aggressive),
      cockatiel.bulkhead(1),
    ];
    const events = policies.flatMap((policy) => Object.keys(policy).filter((key) => /^on[A-Z]\w+[a-z]$/.test(key)));
    const wanted = [...exported, ...events.filter((event) => !event.endsWith('Emitter'))];
    expect(wanted.length).toBeGreaterThan(35);
    expect(wanted.filter((name) => !theirs.has(name))).toEqual([]);
  });

  test('I26: every option, method, event and error code of opossum', () => {
    const source = readText('node_modules/opossum/lib/circuit.js');
    const theirs = told('From opossum');
    const options = names(source, /options\.(\w+)/g).filter((name) => name !== 'coalesceCache');
    const methods = names(source, /^ {2}(?:static |get )?(?!constructor|if)([a-z]\w+) \([^)]*\) \{$/gm);
    const events = names(source, /emit\('(\w+)'/g);
    const codes = names(source, /'(E[A-Z]+)'/g);
    const wanted = [...options, ...methods, ...events, ...codes];
    expect(wanted.length).toBeGreaterThan(70);
    expect(wanted.filter((name) => !theirs.has(name))).toEqual([]);
  });

  test('I26: every option and export of p-retry', () => {
    const types = readText('node_modules/p-retry/index.d.ts');
    const theirs = told('From p-retry');
    const options = names(types, /^\treadonly (\w+)\?:/gm);
    const exported = Object.keys(pRetryPackage).map((name) => (name === 'default' ? 'pRetry' : name));
    expect(options).toHaveLength(11);
    expect([...options, ...exported].filter((name) => !theirs.has(name))).toEqual([]);
  });

  test('the versions that are installed', () => {
    for (const name of ['cockatiel', 'opossum', 'p-retry']) {
      const { version } = JSON.parse(readText(`node_modules/${name}/package.json`)) as { version: string };
      expect(page).toContain(`${name} ${version}`);
    }
  });
});

/** A default as the page writes it. */
function written(value: unknown): string {
  if (value === undefined) return 'none';
  return `\`${inspect(value).replace(/\B(?=(\d{3})+$)/g, ' ')}\``;
}

describe('the defaults are', () => {
  const ours: Record<string, unknown> = {
    'timeout({ limitMs })': timeoutDefaults.limitMs,
    failureRatio: (circuitBreakerDefaults as Record<string, unknown>)['failureRatio'],
    minCalls: (circuitBreakerDefaults as Record<string, unknown>)['minCalls'],
    'window: { ms }': (circuitBreakerDefaults.window as { ms: number }).ms,
    cooldownMs: circuitBreakerDefaults.cooldownMs,
    consecutive: circuitBreakerDefaults.consecutive,
    name: circuitBreakerDefaults.name,
    'bulkhead({ limit })': bulkheadDefaults.limit,
    maxKeys: coalesceDefaults.maxKeys,
    attempts: retryDefaults.attempts,
    ...backoffDefaults,
    'deadline({ limitMs })': deadlineDefaults.limitMs,
  };

  test.each([...rows('From opossum', 5), ...rows('From p-retry', 5)])('here: %s, %s, %s, %s', (_, __, here, stated) => {
    if (stated === '') return expect(here).toMatch(/^–$|signal|events|coalesce|disable|restore/);
    const option = /`([^`]+)`/.exec(here)?.[1] ?? '';
    expect(stated).toBe(written(ours[option]));
  });

  test('p-retry’s, as its types state them', () => {
    const types = readText('node_modules/p-retry/index.d.ts');
    const theirs = [...types.matchAll(/@default (\S+)\n[^]*?readonly (\w+)\?/g)].map(([, value, name]) => [
      name,
      value,
    ]);
    const stated = rows('From p-retry', 5).filter(([, value]) => value !== 'none');
    expect(stated.map(([name = '', value = '']) => [name, value].map((cell) => cell.replace(/[` ]/g, '')))).toEqual(
      expect.arrayContaining(theirs),
    );
    expect(stated).toHaveLength(theirs.length);
  });

  test('opossum’s', () => {
    const { options, volumeThreshold } = opossum(() => 1, { timeout: undefined });
    const theirs: Record<string, unknown> = {
      ...options,
      volumeThreshold,
      enabled: true,
      cache: false,
      allowWarmUp: false,
    };
    expect(options['capacity']).toBe(Number.MAX_SAFE_INTEGER);
    expect(options['coalesceTTL']).toBe(options['timeout']);
    const stated = rows('From opossum', 5).filter(([, value = '']) => /^`(\d[\d ]*|true|false)`$/.test(value));
    expect(stated).toHaveLength(9);
    for (const [cell = '', value] of stated) {
      const name = /`(\w+)`/.exec(cell)?.[1] ?? '';
      expect([name, value]).toEqual([name, written(theirs[name])]);
    }
  });
});

describe.each(Object.entries({ cockatiel: cockatielFacts, opossum: opossumFacts, 'p-retry': pRetryFacts }))(
  'what the tables say of %s',
  (_, facts) => {
    test.each(Object.entries(facts))('%s', async (__, show) => {
      await show();
    });
  },
);

describe('the page', () => {
  test.each([
    ['cockatiel', ['retry 1', 'Paris.', 'retry 1', 'Paris.', 'retry 1', 'Paris.']],
    ['opossum', ['open after 10', 'Please try again later. 10', 'open after 10', 'Please try again later. 10']],
    ['p-retry', ['failed 1', 'Paris.', 'failed 1', 'Paris.']],
  ])('has an example of %s that prints the same before and after', (name, lines) => {
    const example = join(root, `examples/coming-from-${name}.mjs`);
    const printed = execFileSync(process.execPath, [example], { cwd: root, encoding: 'utf8' });
    expect(printed.trimEnd().split('\n')).toEqual(lines);
  });

  test('shows no code but snippets of these, and links only to what is there', () => {
    const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
    expect(snippets).toHaveLength(7);
    expect(page.split('```')).toHaveLength(15);
    for (const [, name, file = '', text] of snippets) {
      expect(readText(file)).toContain(`// snippet: ${name}\n${text}// end of snippet`);
    }
    for (const [, link = ''] of page.matchAll(/\]\((?!http|#)([^)#]+)\)/g)) {
      expect(existsSync(join(root, 'docs/policies', link)), link).toBe(true);
    }
    const anchors = names(page, /^#+ (.+)$/gm).map((title) =>
      title
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
    for (const [, anchor = ''] of page.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
  });
});
