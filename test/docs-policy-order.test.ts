/** docs/policies/which-and-in-what-order.md and the index of the folder: picture, links, snippets, and what was measured. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { draw } from '../scripts/draw-pipeline.mjs';
import { readJson, readText, root } from './repository.js';

interface Measured {
  readonly goodputs: readonly number[];
  readonly amplifications: readonly number[];
}

function mean(numbers: readonly number[] = []): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

describe('the page', () => {
  const page = readText('docs/policies/which-and-in-what-order.md');

  test('has the picture that the script draws', () => {
    expect(readText('docs/policies/default-pipeline.svg'), 'node scripts/draw-pipeline.mjs').toBe(draw());
    expect(page).toContain('](default-pipeline.svg)');
  });

  test.each(['README', 'which-and-in-what-order'])('docs/policies/%s.md links only to what is there', (name) => {
    for (const [, link = ''] of readText(`docs/policies/${name}.md`).matchAll(/\]\((?!http|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      expect(existsSync(join(root, 'docs/policies', link)), link).toBe(true);
    }
  });

  test('shows no code but snippets of examples', () => {
    const snippets = [...page.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
    expect(snippets.length).toBeGreaterThan(0);
    expect(page.split('```')).toHaveLength(snippets.length * 2 + 1);
    for (const [, name, file = '', text] of snippets) {
      expect(readText(file)).toContain(`// snippet: ${name}\n${text}// end of snippet`);
    }
  });

  test('gives a reason for each order that is tried here, and for no other', () => {
    const given = [...page.matchAll(/^\| ([a-z ]+) \| ([a-z ]+) \| [^|]+ \| [^|]+ \|$/gm)].map(
      ([, outside, inside]) => `${outside} around ${inside}`,
    );
    const tried = [...readText('test/policy-order.test.ts').matchAll(/^ {2}test\('([a-z ]+ around [a-z ]+),/gm)];
    expect(given.filter((order) => order !== 'outside around inside').sort()).toEqual(
      tried.map(([, order]) => order).sort(),
    );
  });

  test('says of the simulator what it measured: no other answers more callers, and ours needs no more than a request a call', () => {
    const results = readdirSync(join(root, 'bench/results/simulate')).filter((file) => file.endsWith('.json'));
    expect(results).toHaveLength(5);
    for (const file of results) {
      const { contenders } = readJson(`bench/results/simulate/${file}`) as { contenders: Record<string, Measured> };
      const ours = contenders['Ripstop default'];
      const goodputs = Object.values(contenders).map((measured) => mean(measured.goodputs));
      expect(goodputs).toHaveLength(4);
      expect(mean(ours?.goodputs), file).toBe(Math.max(...goodputs));
      expect(mean(ours?.amplifications), file).toBeLessThanOrEqual(1);
    }
  });

  test('the index lists every page of the folder', () => {
    const index = readText('docs/policies/README.md');
    const pages = readdirSync(join(root, 'docs/policies')).filter((file) => /^(?!README).+\.md$/.test(file));
    expect(pages.length).toBeGreaterThan(15);
    expect(pages.filter((file) => !index.includes(`](${file})`))).toEqual([]);
  });
});
