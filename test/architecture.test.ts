import { describe, expect, test } from 'vitest';
import { apiPage, entriesOf, publicNames } from '../scripts/api.mjs';
import { brokenFileRules, brokenFloors, brokenGatewayImports, foreignImports } from './architecture/house-rules.js';
import { circles, type Files, importsOf } from './architecture/imports.js';
import { readFiles, readJson, readText } from './repository.js';

interface Manifest {
  readonly name: string;
  readonly exports: Record<string, string | { default: string }>;
}

const isTest = (path: string): boolean => /\.(test|torture)\.ts$/.test(path);
const everything = readFiles();
const sources: Files = new Map([...everything].filter(([path]) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path)));
const shipped: Files = new Map([...sources].filter(([path]) => !isTest(path)));
const imports = importsOf(shipped);
const entries = entriesOf(readJson('packages/ripstop/package.json') as Manifest);

/** The real sources with one more file. */
function planted(path: string, text: string): Files {
  return new Map([...shipped, [path, text]]);
}

describe('floors', () => {
  test('imports point down only', () => {
    expect(shipped.size).toBeGreaterThan(20);
    expect(brokenFloors(imports)).toEqual([]);
  });

  test('a planted upward import is reported', () => {
    const files = planted('packages/ripstop/src/errors/planted.ts', "import { retry } from '../policies/retry.js';");
    expect(brokenFloors(importsOf(files))).toEqual([
      'packages/ripstop/src/errors/planted.ts imports up or across: packages/ripstop/src/policies/retry.ts',
    ]);
  });

  test('an upward import counts as a type, as a re-export, and at run time too', () => {
    for (const text of [
      "import type { Policy } from '../policies/policy.js';",
      "export { retry } from '../policies/policy.js';",
      "const late = await import('../policies/policy.js');",
      "type Late = import('../policies/policy.js').Policy;",
    ]) {
      expect(brokenFloors(importsOf(planted('packages/ripstop/src/call/planted.ts', text)))).toHaveLength(1);
    }
  });

  test('a policy that imports another policy is reported, and so is a model that imports a part of one', () => {
    const policy = planted('packages/ripstop/src/policies/planted.ts', "import { retry } from './retry.js';");
    expect(brokenFloors(importsOf(policy))).toHaveLength(1);
    const model = planted(
      'packages/ripstop/src/models/planted.ts',
      "import { b } from '../policies/parts/backoff.js';",
    );
    expect(brokenFloors(importsOf(model))).toHaveLength(1);
  });

  test('an import of an index, and an index that does more than re-export, are reported', () => {
    const guest = planted('packages/ripstop/src/models/planted.ts', "import { retry } from '../policies/index.js';");
    expect(brokenFloors(importsOf(guest))).toHaveLength(1);
    const index = planted('packages/ripstop/src/input/index.ts', "import { a } from './a.js';");
    expect(brokenFloors(importsOf(index))).toHaveLength(1);
  });
});

describe('circles', () => {
  test('there is none', () => {
    expect(circles(importsOf(shipped))).toEqual([]);
  });

  test('a planted circle is reported once, as its way round', () => {
    const files = new Map([
      ...shipped,
      ['packages/ripstop/src/call/one.ts', "import { two } from './two.js';"],
      ['packages/ripstop/src/call/two.ts', "import type { Three } from './three.js';"],
      ['packages/ripstop/src/call/three.ts', "export * from './one.js';"],
    ]);
    expect(circles(importsOf(files))).toEqual([
      'packages/ripstop/src/call/one.ts → packages/ripstop/src/call/two.ts → packages/ripstop/src/call/three.ts → packages/ripstop/src/call/one.ts',
    ]);
  });
});

describe('what stays outside', () => {
  test('the library has no dependency, and uses Node only where it says so', () => {
    expect(foreignImports(imports)).toEqual([]);
    expect(readJson('packages/ripstop/package.json')).not.toHaveProperty('dependencies');
  });

  test('a planted dependency and a planted use of Node are reported', () => {
    const npm = planted('packages/ripstop/src/models/planted.ts', "import { request } from 'undici';");
    expect(foreignImports(importsOf(npm))).toHaveLength(1);
    const node = planted('packages/ripstop/src/models/planted.ts', "import { readFileSync } from 'node:fs';");
    expect(foreignImports(importsOf(node))).toHaveLength(1);
  });

  test('the gateway uses the library by its public names', () => {
    expect(brokenGatewayImports(imports, [...entries.keys()])).toEqual([]);
  });

  test('a private name of the library, planted in the gateway, is reported', () => {
    for (const specifier of [
      'ripstop/dist/index.js',
      '../../ripstop/src/index.js',
      'ripstop/secret',
      'ripstop/testing',
    ]) {
      const files = planted('packages/gateway/src/planted.ts', `import { x } from '${specifier}';`);
      expect(brokenGatewayImports(importsOf(files), [...entries.keys()]), specifier).toHaveLength(1);
    }
  });
});

describe('public names', () => {
  const names = publicNames(shipped, entries);

  test('every one carries a doc comment', () => {
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter(({ line }) => line === '').map(({ entry, name }) => `${entry}: ${name}`)).toEqual([]);
  });

  test('docs/api.md lists every one and no other; `node scripts/api.mjs` writes it anew', () => {
    expect(readText('docs/api.md')).toBe(apiPage(names));
  });

  test('a planted name without a comment, and one that the page does not have, are reported', () => {
    const index = 'packages/ripstop/src/errors/index.ts';
    const files = new Map(planted('packages/ripstop/src/errors/planted.ts', 'export function bare(): void {}'));
    files.set(index, `${files.get(index)}\nexport { bare } from './planted.js';\n`);
    const found = publicNames(files, entries);
    expect(found.filter(({ entry, name }) => entry === 'ripstop/errors' && name === 'bare')).toEqual([
      { entry: 'ripstop/errors', name: 'bare', kind: 'function', line: '' },
    ]);
    expect(apiPage(found)).not.toBe(apiPage(names));
  });
});

describe('files', () => {
  test('none is too long, unfinished, or written for one machine', () => {
    const ruled = [...everything].filter(([path]) => !isTest(path) && !path.startsWith('test/'));
    expect(brokenFileRules(new Map(ruled))).toEqual([]);
  });

  test('planted breaches are reported', () => {
    const broken = (path: string, text: string): number => brokenFileRules(new Map([[path, text]])).length;
    expect(broken('packages/ripstop/src/call/x.ts', 'const now = Date.now();')).toBe(1);
    expect(broken('packages/ripstop/src/call/x.ts', 'function f(x: any): void {}')).toBe(1);
    expect(broken('packages/ripstop/src/call/x.ts', '// TODO later')).toBe(1);
    expect(broken('packages/ripstop/src/call/x.ts', 'x\n'.repeat(301))).toBe(1);
    expect(broken('docs/x.md', 'see /home/somebody/notes')).toBe(1);
    expect(broken('packages/ripstop/src/call/runtime.ts', 'const handle = setTimeout(f, 1);')).toBe(0);
  });
});
