/** The pages for users of SDKs, held to the code: programs, options, defaults, links. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { resilienceTimeoutDefaults } from 'ripstop/ai-sdk';
import { fetchTimeoutDefaults } from 'ripstop/models';
import { describe, expect, test } from 'vitest';
import { readText, root } from './repository.js';

const pages = [
  {
    name: 'resilient-fetch',
    source: 'packages/ripstop/src/models/resilient-fetch.ts',
    options: 'ResilientFetchOptions',
    timeouts: fetchTimeoutDefaults,
    prints: [
      'Paris. asked 2 times',
      'NotFoundError: 404 model not found: gpt-x (model_not_found)',
      'Par',
      'APIError: The answer broke off before its end (stream_interrupted)',
    ],
  },
  {
    name: 'ai-sdk',
    source: 'packages/ripstop/src/models/ai-sdk.ts',
    options: 'ResilienceOptions',
    timeouts: resilienceTimeoutDefaults,
    prints: [
      'main.chat/big model_not_found',
      'Paris.',
      'main.chat/big model_not_found',
      'Paris.',
      'main.chat/big model_not_found',
      'spare.chat/small stream_interrupted',
      'stream_interrupted true',
      'Par',
    ],
  },
];

/** The first two cells of the rows of all tables in a text that begin with a name in code. */
function rows(text: string): (readonly [string, string])[] {
  return [...text.matchAll(/^\| `(\w+)` \| (.+?) \| /gm)].map(([, name = '', value = '']) => [name, value]);
}

function spaced(value: number): string {
  return `\`${String(value).replace(/\B(?=(\d{3})+$)/g, ' ')}\``;
}

describe.each(pages)('docs/$name.md', ({ name, source, options, timeouts, prints }) => {
  const page = readText(`docs/${name}.md`);
  const file = `examples/${name}.mjs`;

  test('shows one complete program, which is the file that runs here', () => {
    expect(page).toContain(`<!-- file: ${file} -->\n\`\`\`js\n${readText(file)}\`\`\`\n`);
    expect(page.split('```')).toHaveLength(3);
  });

  test('and that prints what it should', () => {
    const printed = execFileSync(process.execPath, [join(root, file)], { cwd: root, encoding: 'utf8' });
    expect(printed.trimEnd().split('\n')).toEqual(prints);
  });

  test('lists every option of the code and no other, and each limit with its default', () => {
    const listed = rows(page.split(/^## /m).find((part) => part.startsWith('Options\n')) ?? '');
    const body = new RegExp(`interface ${options}\\b[^{]*{\\n([\\s\\S]*?)\\n}`).exec(readText(source))?.[1] ?? '';
    const declared = [...body.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, option = '']) => option);
    expect(declared.length).toBeGreaterThan(2);
    expect(listed.map(([option]) => option)).toEqual([...declared, ...Object.keys(timeouts)]);
    const limits = listed.slice(declared.length);
    expect(limits).toEqual(Object.entries<number>({ ...timeouts }).map(([limit, ms]) => [limit, spaced(ms)]));
  });

  test('links only to what is there', () => {
    const links = [...page.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(0);
    for (const link of links) expect(existsSync(join(root, dirname(`docs/${name}.md`), link)), link).toBe(true);
  });
});
