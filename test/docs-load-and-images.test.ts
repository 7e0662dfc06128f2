import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { imageLimitDefaults, safeGenerateImageDefaults } from 'ripstop/models';
import { degradationDefaults, degradationLevelDefaults } from 'ripstop/observation';
import { describe, expect, test } from 'vitest';
import { readText, root } from './repository.js';

function section(page: string, heading: string): string {
  return page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
}

/** The rows of a section's table: the name, and the default where it is written as code. */
function listed(page: string, heading: string): [string, string | undefined][] {
  return [...section(page, heading).matchAll(/^\| `(\w+)` \| (?:`([^`]+)`|[^|]+) \|/gm)].map(([, name = '', value]) => [
    name,
    value,
  ]);
}

function written(value: unknown): string | undefined {
  if (typeof value === 'string') return `'${value}'`;
  return typeof value === 'number' ? String(value).replace(/\B(?<!\.\d*)(?=(\d{3})+$)/g, ' ') : undefined;
}

function declared(file: string, name: string): string[] {
  const source = readText(`packages/ripstop/src/${file}`);
  const body = new RegExp(`interface ${name}\\b[^{]*{\\n([\\s\\S]*?)\\n}`).exec(source)?.[1] ?? '';
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, option = '']) => option);
}

function withDefault(names: readonly string[], defaults: object): [string, string | undefined][] {
  return names.map((name) => [name, written((defaults as Readonly<Record<string, unknown>>)[name])]);
}

const printed = (example: string): string =>
  execFileSync(process.execPath, [join(root, 'examples', example)], { cwd: root, encoding: 'utf8' });

describe.each([
  ['degradation', 5],
  ['images', 3],
] as const)('docs/%s.md', (name, count) => {
  const page = readText(`docs/${name}.md`);

  test('shows no code but snippets that are cut from its example', () => {
    const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
    expect(snippets).toHaveLength(count);
    expect(page.split('```')).toHaveLength(2 * count + 1);
    for (const [, snippet, file = '', text] of snippets) {
      expect(readText(file)).toContain(`// snippet: ${snippet}\n${text}// end of snippet`);
    }
  });

  test('links only to what is there', () => {
    for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g))
      expect(existsSync(join(root, 'docs', link)), link).toBe(true);
  });
});

test('R125 R131: docs/degradation.md has every option, its default, and the levels of the code', () => {
  const page = readText('docs/degradation.md');
  const names = declared('observation/degradation-options.ts', 'DegradationOptions');
  expect(listed(page, 'Options')).toEqual(withDefault(names, degradationDefaults));
  for (const [level, { above, quality, speed, warning }] of Object.entries(degradationLevelDefaults)) {
    const told = level === 'full' ? '– | 1 | 1 | nothing' : `${above} | ${quality} | ${speed} | ${warning}`;
    expect(page).toContain(`| \`${level}\` | ${told} |`);
  }
});

test('D76: docs/images.md has every option and every limit, with its default', () => {
  const page = readText('docs/images.md');
  const own = declared('models/safe-generate-image.ts', 'SafeGenerateImageOptions');
  const inherited = declared('models/image-model.ts', 'ImageOptions');
  const options = withDefault([...own, ...inherited], safeGenerateImageDefaults);
  expect(Object.fromEntries(listed(page, 'Options'))).toEqual(Object.fromEntries(options));
  expect(listed(page, 'What may be asked for')).toEqual(
    withDefault(Object.keys(imageLimitDefaults), imageLimitDefaults),
  );
});

test('R129 R130 R133 D95: the example of degradation prints what its page promises', () => {
  const lines = printed('degradation.mjs');
  for (const line of [
    'minimal\n{ max_tokens: 40, num_inference_steps: 8, temperature: 0.7 }',
    'reduced 0.75\n',
    "degradation_level: 'reduced'",
    'parameters: { max_tokens: 140 }',
  ]) {
    expect(lines).toContain(line);
  }
  expect(lines.endsWith('true\n')).toBe(true);
});

test('R106 R110: the example of images prints what its page promises', () => {
  expect(printed('images.mjs')).toBe(
    [
      '768 512 20 iVBORw0KGgoA',
      '512 384 15 Parameters reduced due to memory constraints',
      "invalid_input Image resolution too high { max_resolution: '1024x1024', requested: '2048x2048' }",
      '',
    ].join('\n'),
  );
});
