/**
 * `node scripts/api.mjs`: writes `docs/api.md`, the list of every public name with the first sentence of its doc
 * comment. The architecture test compares the page with the sources, and refuses names without a comment.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { root } from './set-up.mjs';

/**
 * @typedef {object} PublicName
 * @property {string} entry What users import it from: `ripstop/errors`.
 * @property {string} name
 * @property {string} kind
 * @property {string} line What it is, in one line; empty where nobody wrote it down.
 */

/**
 * The public entries of the library: what users import, and the source file behind it.
 * @param {{ name: string, exports: Record<string, string | { default: string }> }} manifest
 * @returns {Map<string, string>}
 */
export function entriesOf({ name, exports }) {
  const entries = new Map();
  for (const [path, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    entries.set(
      path.replace(/^\./, name),
      target.default.replace(/^\.\/dist\/(.*)\.js$/, 'packages/ripstop/src/$1.ts'),
    );
  }
  return entries;
}

/**
 * Every name that the entries export. An entry whose file does not exist yet has none.
 * @param {ReadonlyMap<string, string>} files Sources by path.
 * @param {ReadonlyMap<string, string>} entries
 * @returns {PublicName[]}
 */
export function publicNames(files, entries) {
  const program = programOf(files, [...entries.values()]);
  const checker = program.getTypeChecker();
  return [...entries].flatMap(([entry, file]) => {
    const source = program.getSourceFile(`/${file}`);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) return [];
    return checker
      .getExportsOfModule(module)
      .map((exported) => {
        const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
        return { entry, name: exported.name, kind: kindOf(symbol), line: lineOf(exported.name, symbol, checker) };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

/**
 * The page.
 * @param {PublicName[]} names
 */
export function apiPage(names) {
  const entries = [...new Set(names.map(({ entry }) => entry))];
  const tables = entries.map((entry) => {
    const rows = names
      .filter((name) => name.entry === entry)
      .map(({ name, kind, line }) => `| \`${name}\` | ${kind} | ${line.replaceAll('|', '\\|')} |`);
    return [`## \`${entry}\``, '', '| name | kind | what |', '| --- | --- | --- |', ...rows, ''].join('\n');
  });
  return ['# Public names', '', 'Written by `node scripts/api.mjs` from the doc comments.', '', ...tables].join('\n');
}

/**
 * The library's sources by path, without tests.
 * @param {string} folder
 * @returns {Map<string, string>}
 */
export function readSources(folder) {
  const files = new Map();
  for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.ts') || /\.(test|torture)\.ts$/.test(entry.name)) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    files.set(relative(root, path).replaceAll('\\', '/'), readFileSync(path, 'utf8'));
  }
  return files;
}

/** A program that sees these files and nothing else: names and comments need no standard library. */
export function programOf(files, names) {
  const text = (path) => files.get(path.slice(1));
  return ts.createProgram({
    rootNames: names.filter((name) => files.has(name)).map((name) => `/${name}`),
    options: {
      noLib: true,
      types: [],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    },
    host: {
      fileExists: (path) => text(path) !== undefined,
      readFile: text,
      getSourceFile: (path, target) => {
        const source = text(path);
        return source === undefined ? undefined : ts.createSourceFile(path, source, target, true);
      },
      getDefaultLibFileName: () => 'lib.d.ts',
      writeFile: () => undefined,
      getCurrentDirectory: () => '/',
      getCanonicalFileName: (path) => path,
      useCaseSensitiveFileNames: () => true,
      getNewLine: () => '\n',
    },
  });
}

function kindOf({ flags }) {
  if (flags & ts.SymbolFlags.Class) return 'class';
  if (flags & ts.SymbolFlags.Function) return 'function';
  if (flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias)) return 'type';
  return 'value';
}

/**
 * A policy's file opens with the comment on the policy, above its options (see STYLE in CONTRIBUTING.md), so there
 * the factory takes that comment, and `…Options` and `…Defaults` go by their factory.
 */
function lineOf(name, symbol, checker) {
  const [declaration] = symbol.declarations ?? [];
  if (declaration === undefined) return '';
  const own = firstSentence(ts.displayPartsToString(symbol.getDocumentationComment(checker)));
  const source = declaration.getSourceFile();
  const factory = /\/policies\/([a-z-]+)\.ts$/
    .exec(source.fileName)?.[1]
    ?.replaceAll(/-(.)/g, (_, c) => c.toUpperCase());
  if (factory !== undefined && factory !== 'policy') {
    if (name.toLowerCase() === `${factory}options`.toLowerCase()) return `Options of \`${factory}()\`.`;
    if (name === `${factory}Defaults`) return `Defaults of \`${factory}()\`.`;
    if (name === factory && own === '') return firstSentence(headComment(source));
  }
  return own;
}

function headComment(source) {
  const text = /\/\*\*([\s\S]*?)\*\//.exec(source.text)?.[1] ?? '';
  return text.replaceAll(/^\s*\* ?/gm, '').trim();
}

function firstSentence(text) {
  const [paragraph = ''] = text.trim().split(/\n\s*\n/);
  const line = paragraph.replaceAll(/\s+/g, ' ').trim();
  return /^.*?[.!?](?= [A-Z`'"(@]|$)/.exec(line)?.[0] ?? line;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const manifest = JSON.parse(readFileSync(join(root, 'packages/ripstop/package.json'), 'utf8'));
  const names = publicNames(readSources('packages/ripstop/src'), entriesOf(manifest));
  writeFileSync(join(root, 'docs/api.md'), apiPage(names));
  const bare = names.filter(({ line }) => line === '');
  console.log(`docs/api.md: ${names.length} names${bare.length > 0 ? `, without a doc comment:` : ''}`);
  for (const { entry, name } of bare) console.log(`  ${name} (${entry})`);
}
