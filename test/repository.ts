/** The files of this repository, for tests that read it as a whole. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const notOurs = new Set(['node_modules', 'dist', '.git', 'coverage']);
const readable = new Set(['.ts', '.mjs', '.js', '.json', '.md', '.yaml', '.yml', '.py', '.html', '.css', '.sh', '']);

/** All text files under `folder` that belong to the repository, by path from its root. */
export function readFiles(folder = ''): Map<string, string> {
  const files = new Map<string, string>();
  const walk = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory() && !notOurs.has(entry.name)) walk(child);
      else if (entry.isFile() && readable.has(extname(entry.name)) && entry.name !== 'package-lock.json') {
        files.set(relative(root, child).replaceAll('\\', '/'), readFileSync(child, 'utf8'));
      }
    }
  };
  walk(join(root, folder));
  return files;
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export function readJson(path: string): unknown {
  return JSON.parse(readText(path));
}
