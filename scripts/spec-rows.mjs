/** The rows and rules of `docs/spec/`, and the tests that name them. Read by `npm run rows` and by its own test. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** How many of each there are. The second part of an id is a number from 1 to this. */
export const families = {
  R: 207,
  D: 126,
  I: 26,
  G: 12,
  B: 18,
  RT: 11,
  T: 6,
  K: 7,
  H: 7,
  F: 5,
  U: 6,
  C: 4,
  GW: 25,
  S: 16,
};

/**
 * Every id that must exist, in order. Scenarios have two digits.
 * @returns {string[]}
 */
export function expectedIds() {
  return Object.entries(families).flatMap(([family, count]) => {
    return Array.from(
      { length: count },
      (_, index) => family + String(index + 1).padStart(family === 'S' ? 2 : 1, '0'),
    );
  });
}

/**
 * The rows in a page: the lines `| id | line |` of its tables, in the order of the page.
 * @param {string} page
 * @returns {{ id: string, line: string }[]}
 */
export function rowsOf(page) {
  return [...page.matchAll(/^\| ([A-Z]+\d+) \| (.+?) \|$/gm)].map(([, id, line]) => ({ id, line }));
}

/**
 * All rows and rules of the repository.
 * @param {string} root
 */
export function readRows(root) {
  const folder = join(root, 'docs/spec');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .flatMap((name) => rowsOf(readFileSync(join(folder, name), 'utf8')));
}

const family = Object.keys(families).join('|');
const titles = new RegExp(
  // A call's first argument: a string that begins with ids and a colon.
  String.raw`\(\s*(['"\`])((?:(?:${family})\d+)(?:[ ,]+(?:${family})\d+)*): ((?:\\.|(?!\1)[^\\])*)\1`,
  'g',
);

/**
 * The tests of a file whose title begins with ids: `R97: …`, `R17 D9: …`.
 * @param {string} source
 * @returns {{ ids: string[], title: string }[]}
 */
export function titledTests(source) {
  return [...source.matchAll(titles)].map(([, quote, ids, title]) => {
    return { ids: ids.split(/[ ,]+/), title: title.replaceAll(`\\${quote}`, quote).replaceAll(/\s+/g, ' ') };
  });
}

/**
 * All such tests of the repository.
 * @param {string} root
 * @returns {{ ids: string[], title: string, file: string }[]}
 */
export function readTests(root) {
  return ['packages', 'test', 'examples']
    .flatMap((folder) => testFiles(join(root, folder)))
    .flatMap((file) => {
      const name = relative(root, file).replaceAll('\\', '/');
      return titledTests(readFileSync(file, 'utf8')).map((test) => ({ ...test, file: name }));
    });
}

function testFiles(folder) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return ['node_modules', 'dist'].includes(entry.name) ? [] : testFiles(path);
      return /\.(test|torture)\.ts$/.test(entry.name) ? [path] : [];
    });
}
