/** Who imports whom, read off the sources. Files are given as a map, so that tests can plant what must be caught. */
import { posix } from 'node:path';
import ts from 'typescript';

/** Sources by path from the root of the repository. */
export type Files = ReadonlyMap<string, string>;

export interface Import {
  readonly from: string;
  /** As it is written: `./x.js`, `node:http`, `undici`. */
  readonly specifier: string;
  /** The file it means, if it is relative. */
  readonly to: string | undefined;
  /** Gone after compilation. */
  readonly typeOnly: boolean;
  /** Passes names on, as an index does. */
  readonly reExport: boolean;
}

export function importsOf(files: Files): Import[] {
  return [...files].flatMap(([from, text]) => {
    const found: Import[] = [];
    const add = (specifier: ts.Node, typeOnly: boolean, reExport = false): void => {
      if (!ts.isStringLiteralLike(specifier)) return;
      found.push({ from, specifier: specifier.text, to: target(from, specifier.text), typeOnly, reExport });
    };
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnlyImport(node));
      else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
        add(node.moduleSpecifier, node.isTypeOnly, true);
      } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
        add(node.argument.literal, true);
      } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        const [specifier] = node.arguments;
        if (specifier !== undefined) add(specifier, false);
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(from, text, ts.ScriptTarget.ES2022, true));
    return found;
  });
}

/** Every circle once, as the files on the way round. An import of a type counts: two files that need each other are one. */
export function circles(imports: readonly Import[]): string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of imports) {
    if (to !== undefined) next.set(from, (next.get(from) ?? new Set()).add(to));
  }
  const found = new Set<string>();
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): void => {
    const start = way.indexOf(file);
    if (start >= 0) return void found.add(roundTrip(way.slice(start)));
    if (done.has(file)) return;
    for (const to of next.get(file) ?? []) walk(to, [...way, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  return [...found];
}

/** A circle written from its first file by name, so that it is the same wherever the walk met it. */
function roundTrip(way: readonly string[]): string {
  const start = way.indexOf([...way].sort()[0] ?? '');
  return [...way.slice(start), ...way.slice(0, start + 1)].join(' → ');
}

function target(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
}

/** `import { type X }` stays as an empty import under `verbatimModuleSyntax`, so only `import type` counts. */
function isTypeOnlyImport({ importClause }: ts.ImportDeclaration): boolean {
  return importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}
