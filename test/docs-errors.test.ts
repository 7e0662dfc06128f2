import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errorHandlerDefaults } from 'ripstop/serving';
import { describe, expect, test } from 'vitest';
import { readText, root } from './repository.js';

const pages = { 'error-context': 2, 'error-handler': 2, logging: 1 };

describe.each(Object.entries(pages))('docs/%s.md', (name, count) => {
  const page = readText(`docs/${name}.md`);

  test('shows no code but snippets that are cut from the example', () => {
    const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
    expect(snippets).toHaveLength(count);
    expect(page.split('```')).toHaveLength(2 * count + 1);
    for (const [, snippet, file = '', text] of snippets) {
      expect(readText(file)).toContain(`// snippet: ${snippet}\n${text}// end of snippet`);
    }
  });

  test('links only to what is there', () => {
    for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
      expect(existsSync(join(root, 'docs', link)), link).toBe(true);
    }
  });
});

test('docs/error-handler.md lists every option of the code and no other, with its default', () => {
  const source = readText('packages/ripstop/src/serving/error-handler.ts');
  const declared = /interface ErrorHandlerOptions {\n([\s\S]*?)\n}/.exec(source)?.[1] ?? '';
  const names = [...declared.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, option = '']) => option);
  const section = readText('docs/error-handler.md')
    .split(/^## /m)
    .find((part) => part.startsWith('Options'));
  const listed = [...(section ?? '').matchAll(/^\| `(\w+)` \| (\S+(?: \d+`)?) \|/gm)].map(([, name, value]) => [
    name,
    value,
  ]);
  const written = { profile: "`'http'`", exposeDetails: "`'never'`", historySize: '`1 000`' };
  expect(Object.keys(errorHandlerDefaults)).toEqual(Object.keys(written));
  expect(errorHandlerDefaults.historySize).toBe(1_000);
  expect(listed).toEqual(names.map((name) => [name, (written as Record<string, string>)[name] ?? 'none']));
});

test('docs/logging.md: the lines are those that events make', () => {
  const source = readText('packages/ripstop/src/serving/event-lines.ts');
  const events = [...source.matchAll(/^ {2}'([\w.]+)': \(/gm)].map(([, event]) => event);
  expect(events).toHaveLength(8);
  for (const event of events) expect(readText('docs/logging.md')).toContain(`\`${event}\``);
});

test('R67: the example runs, and prints what the pages promise', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/errors.mjs')], { cwd: root, encoding: 'utf8' });
  expect(printed.trimEnd().split('\n')).toEqual([
    "inference_timeout { correlationId: 'req-12345', model: 'small', operation: 'inference' }",
    "TypeError { operation: 'summarising', inputSize: 0 }",
    'error Error in inference: Model inference timed out after 5 seconds req-12345',
    "504 { timeout_seconds: 5, context: { model: 'small' } }",
    "{ inference_timeout: 1 } { operation: 'inference', request_path: '/generate', model: 'small' }",
    'warn Attempt 1 failed for inference: Model inference timed out. Retrying in 0.01 seconds... req-7',
    'warn Gave up on inference after attempt 2 (attempts): Model inference timed out req-7',
    'gave up',
    'error Error in inference: Model inference timed out after 5 seconds req-8',
    'true inference_timeout 504 true req-8',
  ]);
});
