import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { jsonLimitDefaults, sanitizeTextDefaults } from 'ripstop/input';
import { describe, expect, test } from 'vitest';
import { readText, root } from './repository.js';

const page = readText('docs/input.md');

function section(heading: string): string {
  return page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
}

function written(value: unknown): string {
  return typeof value === 'number' ? String(value).replace(/\B(?=(\d{3})+$)/g, ' ') : `'${String(value)}'`;
}

describe('docs/input.md', () => {
  test.each([
    ['Sanitising', sanitizeTextDefaults],
    ['JSON', jsonLimitDefaults],
  ])('%s: its options and their defaults are those of the code', (heading, defaults) => {
    const listed = [...section(heading).matchAll(/^\| `(\w+)` \| `([^`]+)` \|/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(listed).toEqual(Object.entries(defaults).map(([name, value]) => [name, written(value)]));
  });

  test('D14: its reasons are those that sanitizeText throws', () => {
    const source = ['sanitize-text', 'hidden-scan']
      .map((file) => readText(`packages/ripstop/src/input/${file}.ts`))
      .join('');
    const thrown = [...source.matchAll(/refusal\('(\w+)'/g)].map(([, reason]) => reason);
    const listed = [...section('Sanitising').matchAll(/^\| `(\w+)` \| [A-Z]/gm)].map(([, reason]) => reason);
    expect(listed.toSorted()).toEqual(thrown.toSorted());
  });

  test('its snippets are cut from the example', () => {
    const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (examples\/input\.mjs) -->\n```\w+\n([\s\S]*?)```/g)];
    expect(snippets).toHaveLength(5);
    for (const [, name = '', file = '', text = ''] of snippets) {
      expect(readText(file)).toContain(`// snippet: ${name}\n${text}// end of snippet`);
    }
  });
});

test('R20 R35 D15: the example runs, and prints what the page promises', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/input.mjs')], { cwd: root, encoding: 'utf8' });
  for (const line of [
    "prompt: [ 'This field must have at least 1 character' ]",
    "temperature: [ 'This field must be at most 2' ]",
    `'messages -> 0 -> role': [ 'This field must be one of: "user", "assistant"' ]`,
    "promt: [ 'This field is not allowed' ]",
    "[ { path: [ 'prompt' ], message: 'This field must be text' } ]",
    'Hello world  👩🏽‍🚀\n',
    "400 Input text too long (max 40 characters) { reason: 'too_long', max_length: 40 }",
    "{ prompt: 'What is the capital of France?' }",
    '400 The request body is not valid JSON: it breaks at line 2, column 12 { line: 2, column: 12, position: 28 }',
  ]) {
    expect(printed).toContain(line);
  }
});
