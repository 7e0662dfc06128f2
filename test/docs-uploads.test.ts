import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileUploadDefaults } from 'ripstop/input';
import { describe, expect, test } from 'vitest';
import { fileTypes } from '../packages/ripstop/src/input/file-types/formats.js';
import { unsafeContents } from '../packages/ripstop/src/input/file-types/polyglot.js';
import { readText, root } from './repository.js';

const section = readText('docs/input.md').split('\n## Uploads\n')[1]?.split(/^## /m)[0] ?? '';
const table = (head: string): string => section.split(`| ${head}`)[1]?.split('\n\n')[0] ?? '';
const names = (text: string): string[] => [...text.matchAll(/`([\w/+-]+)`/g)].map(([, name]) => name ?? '');
const firstCells = (text: string): string[] =>
  [...text.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell = '']) => names(cell));

describe('docs/input.md, Uploads', () => {
  test('its defaults are those of the code', () => {
    const written = (value: unknown): string =>
      typeof value === 'number' ? String(value).replaceAll(/\B(?=(\d{3})+$)/g, ' ') : JSON.stringify(value);
    const listed = [...table('option').matchAll(/^\| `(\w+)` \| `([^`]+)` \|/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(listed).toEqual(Object.entries(fileUploadDefaults).map(([name, value]) => [name, written(value)]));
  });

  test('its types, and what may be allowed besides, are those of the code', () => {
    const types = names(section.split('The types are ')[1]?.split('. ')[0] ?? '');
    expect(types.toSorted()).toEqual(fileTypes.toSorted());
    expect(firstCells(table('`allowUnsafe` | lets')).toSorted()).toEqual(unsafeContents.toSorted());
  });

  test('D14: its reasons are those that are thrown', () => {
    const folder = 'packages/ripstop/src/input';
    const sources = readdirSync(join(root, folder, 'file-types')).map((file) => `${folder}/file-types/${file}`);
    const code = [...sources, `${folder}/file-upload.ts`, `${folder}/read-upload.ts`]
      .filter((file) => !file.includes('.test.'))
      .map((file) => readText(file))
      .join('\n');
    const thrown = new Set(
      [...code.matchAll(/(?:\breason: (?:isActive \? '(\w+)' : )?|\bunsafe\(\s*|\bbomb\(\s*)'(\w+)'/g)].flatMap(
        ([, first, second]) => [first, second].filter((reason) => reason !== undefined),
      ),
    );
    expect(firstCells(table('`details.reason`')).toSorted()).toEqual([...thrown].toSorted());
  });

  test('its snippet is cut from the example', () => {
    const [, text = 'none'] =
      /<!-- snippet: upload of examples\/upload\.mjs -->\n```js\n([\s\S]*?)```/.exec(section) ?? [];
    expect(readText('examples/upload.mjs')).toContain(`// snippet: upload\n${text}// end of snippet`);
  });
});

test('R170 D20: the example runs, and prints what the page promises', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/upload.mjs')], { cwd: root, encoding: 'utf8' });
  expect(printed.replaceAll(/\s+/g, ' ').trim()).toBe(
    [
      "a picture: 200 { type: 'image/png', extension: 'png', size: 67, width: 1, height: 1 }",
      'one that is called something else: 415 The content of the file is image/png, and the declared type says otherwise',
      'a drawing with a script: 415 File type not allowed. Allowed types: image/png, image/jpeg, image/webp',
      'a picture with an archive behind it: 400 The file goes on behind its end; such files are not accepted',
      'a body without an end: 413 File too large (max 5MB)',
    ].join(' '),
  );
});
