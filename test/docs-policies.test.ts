import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as policies from 'ripstop/policies';
import {
  adaptiveLimitDefaults,
  backoffDefaults,
  bulkheadDefaults,
  circuitBreakerDefaults,
  coalesceDefaults,
  deadlineDefaults,
  hedgeDefaults,
  keyedDefaults,
  rateLimitDefaults,
  retryBudgetDefaults,
  retryDefaults,
  throttleDefaults,
  timeoutDefaults,
} from 'ripstop/policies';
import { describe, expect, test } from 'vitest';
import { readText, root } from './repository.js';

interface Page {
  readonly name: string;
  readonly defaults: object;
  /** Where the options are declared: file and interfaces. */
  readonly options: readonly (readonly [file: string, name: string])[];
  /** Whose events it tells of, or `none`. */
  readonly events: string;
}

const source = (file: string): string => `packages/ripstop/src/${file}`;
const backoff = [source('policies/parts/backoff.ts'), 'BackoffOptions'] as const;
const pages: readonly Page[] = [
  {
    name: 'retry',
    defaults: retryDefaults,
    options: [[source('policies/retry.ts'), 'RetryOptions'], backoff],
    events: 'retry',
  },
  {
    name: 'circuit-breaker',
    defaults: circuitBreakerDefaults,
    options: [[source('policies/circuit-breaker.ts'), 'CircuitBreakerOptions']],
    events: 'breaker',
  },
  {
    name: 'timeout',
    defaults: timeoutDefaults,
    options: [[source('policies/timeout.ts'), 'TimeoutOptions']],
    events: 'timeout',
  },
  {
    name: 'retry-budget',
    defaults: retryBudgetDefaults,
    options: [[source('policies/parts/retry-budget.ts'), 'RetryBudgetOptions']],
    events: 'none',
  },
  {
    name: 'hedge',
    defaults: hedgeDefaults,
    options: [[source('policies/hedge.ts'), 'HedgeOptions']],
    events: 'hedge',
  },
  {
    name: 'throttle',
    defaults: throttleDefaults,
    options: [[source('policies/throttle.ts'), 'ThrottleOptions']],
    events: 'throttle',
  },
  {
    name: 'deadline',
    defaults: deadlineDefaults,
    options: [[source('policies/deadline.ts'), 'DeadlineOptions']],
    events: 'deadline',
  },
  {
    name: 'bulkhead',
    defaults: bulkheadDefaults,
    options: [[source('policies/bulkhead.ts'), 'BulkheadOptions']],
    events: 'bulkhead',
  },
  {
    name: 'rate-limit',
    defaults: rateLimitDefaults,
    options: [[source('policies/rate-limit.ts'), 'RateLimitOptions']],
    events: 'rate_limit',
  },
  {
    name: 'coalesce',
    defaults: coalesceDefaults,
    options: [[source('policies/coalesce.ts'), 'CoalesceOptions']],
    events: 'coalesce',
  },
  {
    name: 'adaptive-limit',
    defaults: adaptiveLimitDefaults,
    options: [[source('policies/adaptive-limit.ts'), 'AdaptiveLimitOptions']],
    events: 'limit',
  },
  {
    name: 'fallback',
    defaults: {},
    options: [[source('policies/fallback.ts'), 'FallbackOptions']],
    events: 'fallback',
  },
  {
    name: 'keyed',
    defaults: keyedDefaults,
    options: [[source('policies/keyed.ts'), 'KeyedOptions']],
    events: 'none',
  },
  { name: 'pipeline', defaults: {}, options: [[source('call/call.ts'), 'ContextOptions']], events: 'listener' },
];

/** The part of a page under a heading. */
function section(page: string, heading: string): string {
  return page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
}

/** The cells of the tables in a text, row by row, without heads. */
function rows(text: string): string[][] {
  return [...text.matchAll(/^\| (`.+) \|$/gm)].map(([, row = '']) => row.split(' | '));
}

/** The names that an interface in the sources declares. */
function declared(file: string, name: string): string[] {
  const body = new RegExp(`interface ${name}\\b[^{]*{\\n([\\s\\S]*?)\\n}`).exec(readText(file))?.[1] ?? '';
  return [...body.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, option = '']) => option);
}

/** A default as the pages write it: thousands apart, text in quotes. */
function written(value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'number') return `\`${spaced(value)}\``;
  if (typeof value === 'string') return `\`'${value}'\``;
  const members = Object.entries(value as object).map(([key, member]) => `${key}: ${spaced(member as number)}`);
  return `\`{ ${members.join(', ')} }\``;
}

function spaced(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}

describe.each(pages)('docs/policies/$name.md', ({ name, defaults, options, events }) => {
  const page = readText(`docs/policies/${name}.md`);

  test('has the five sections, in order', () => {
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(['Purpose', 'Options', 'Events', 'Errors', 'Do not']);
  });

  test('lists every option of the code and no other, each with the default that the code has', () => {
    const listed = rows(section(page, 'Options')).map(([option = '', value]) => [option.slice(1, -1), value]);
    const names = options.flatMap(([file, of]) => declared(file, of));
    expect(names.length).toBeGreaterThan(0);
    expect(listed.map(([option]) => option).sort()).toEqual([...names].sort());
    const known: Record<string, unknown> = { ...defaults };
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(names.map((option) => [option, written(known[option])])),
    );
  });

  test('lists every event of the code and no other', () => {
    const listed = rows(section(page, 'Events')).map(([event = '']) => event.slice(1, -1));
    const reported = [...readText(source('call/events.ts')).matchAll(/readonly type: '([\w.]+)'/g)];
    const own = reported.map(([, event = '']) => event).filter((event) => event.startsWith(`${events}.`));
    expect(own.length > 0).toBe(events !== 'none');
    expect([...listed].sort()).toEqual([...own].sort());
  });

  test('links only to what is there', () => {
    for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
      expect(existsSync(join(root, dirname(`docs/policies/${name}.md`), link)), link).toBe(true);
    }
  });

  test('shows no code but snippets that are cut from an example', () => {
    const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
    expect(snippets[0]?.[1]).toBe(name);
    expect(snippets).toHaveLength(page.split('```').length / 2 - 0.5);
    for (const [, snippet, file = '', text] of snippets) {
      expect(readText(file)).toContain(`// snippet: ${snippet}\n${text}// end of snippet`);
    }
  });
});

test('every page is one of these, the index or a guide, and every function of `ripstop/policies` is told of on one', () => {
  const files = readdirSync(join(root, 'docs/policies')).filter((file) => file.endsWith('.md'));
  const guides = ['README.md', 'coming-from.md', 'which-and-in-what-order.md'];
  expect(files.sort()).toEqual([...guides, ...pages.map(({ name }) => `${name}.md`)].sort());
  const text = files.map((file) => readText(`docs/policies/${file}`)).join('\n');
  const functions = Object.entries(policies).filter(([, value]) => typeof value === 'function');
  expect(functions.length).toBeGreaterThan(15);
  expect(functions.map(([name]) => name).filter((name) => !new RegExp(`\\b${name}\\(`).test(text))).toEqual([]);
});

test('the backoff of retry is the backoff', () => {
  expect(retryDefaults).toMatchObject(backoffDefaults);
});

test('the example of what limits extra attempts runs, and prints what its pages promise', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/shared-load.mjs')], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(printed.trimEnd().split('\n')).toEqual([
    'budget after 3',
    'budget after 1',
    "first attempt: { reason: 'hedge_lost' }",
    'Paris.',
    ...Array.from({ length: 5 }, () => 'The model is overloaded; try again later'),
    'rejects 83 %',
  ]);
});

test('the example of these pages runs, and prints what they promise', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/policies.mjs')], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(printed.trimEnd().split('\n')).toEqual([
    'Paris. attempt 2',
    'closed - no answer',
    'open - no answer',
    'open - Circuit breaker is OPEN for gpt-x',
    'told to stop',
    "inference_timeout { phase: 'attempt', timeout_seconds: 0.02 }",
    'timeout.expired 1',
    'told to stop',
    'retry.scheduled 1',
    'timeout.expired 2',
    'told to stop',
    'retry.stopped 2',
    'inference_timeout attempts 2',
  ]);
});

test('the example of the policies around a call runs, and prints what their pages promise', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/around-the-call.mjs')], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(printed.trimEnd().split('\n')).toEqual([
    'attempt 1',
    'attempt 2',
    'upstream_unavailable deadline',
    '2 run, 1 waits',
    'fulfilled fulfilled fulfilled queue_full',
    "[ 'Paris, asked 1 time', 'Paris, asked 1 time' ]",
    'fallback.used failure',
    'Please try again later.',
  ]);
});

test('the example of the limits runs, and prints what their pages promise', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/limits.mjs')], { cwd: root, encoding: 'utf8' });
  expect(printed.trimEnd().split('\n')).toEqual([
    '1 waits',
    'first',
    'second',
    'third',
    "rate_limited queue_timeout { 'retry-after': '60' }",
    '10 at a time',
    'model_overloaded 9 at a time',
  ]);
});

test('the example of waits, results, inputs and nested retries runs, and prints what the page of retry promises', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/retry.mjs')], { cwd: root, encoding: 'utf8' });
  expect(printed.trimEnd().split('\n')).toEqual([
    '200 Paris.',
    'not stored not_replayable',
    'down after 4 calls',
    ...[10, 20, 50, 100].map((ms) => `wait ${ms}`),
    'down',
  ]);
});

test('the example of one policy per key runs, and prints what its page promises', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/keyed.mjs')], { cwd: root, encoding: 'utf8' });
  expect(printed.trimEnd().split('\n')).toEqual([
    'main connection lost',
    'main connection lost',
    'main Circuit breaker is OPEN for main',
    'spare Paris.',
    'main: open',
    'spare: closed',
    'main Paris.',
  ]);
});
