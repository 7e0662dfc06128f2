import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readFiles, root } from './repository.js';

const pages = new Map([...readFiles('docs')].filter(([path]) => path.endsWith('.md')));

function linksOf(path: string): string[] {
  return [...(pages.get(path) ?? '').matchAll(/\]\((?!http|#)([^)#]+)(?:#[^)]*)?\)/g)].map(([, link = '']) =>
    join(dirname(path), link),
  );
}

test('every page is linked from docs/README.md, or from the README of its folder', () => {
  const indexes = [...pages.keys()].filter((path) => path.endsWith('/README.md'));
  const linked = new Set(indexes.flatMap((path) => linksOf(path)));
  expect(pages.size).toBeGreaterThan(40);
  expect([...pages.keys()].filter((path) => path !== 'docs/README.md' && !linked.has(path))).toEqual([]);
});

test('no page links to what is not there', () => {
  const dangling = [...pages.keys()].flatMap((path) =>
    linksOf(path)
      .filter((link) => !existsSync(join(root, link)))
      .map((link) => `${path}: ${link}`),
  );
  expect(dangling).toEqual([]);
});
