import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { post } from './harness.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

interface Locked {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly link?: boolean;
}

/** Everything that the gateway needs from the registry, as the repository's lock file has it, by its place. */
async function productionTree(): Promise<Record<string, Locked>> {
  const lock = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const tree: Record<string, Locked> = {};
  const seen = new Set<string>();
  const visit = (place: string): void => {
    for (const name of Object.keys(lock.packages[place]?.dependencies ?? {})) {
      const found = lookUp(lock.packages, place, name);
      if (seen.has(found) || lock.packages[found]?.link === true) continue;
      tree[found.replace(/^packages\/gateway/, 'node_modules/@ripstop/gateway')] = lock.packages[found] as Locked;
      seen.add(found);
      visit(found);
    }
  };
  visit('packages/gateway');
  return tree;
}

/** As Node finds a dependency: in the package's own folder, then in each above it. */
function lookUp(packages: Record<string, Locked>, place: string, name: string): string {
  const folders = place.split('/node_modules/');
  for (let depth = folders.length; depth >= 0; depth -= 1) {
    const above = folders.slice(0, depth).join('/node_modules/');
    const candidate = above === '' ? `node_modules/${name}` : `${above}/node_modules/${name}`;
    if (candidate in packages) return candidate;
  }
  throw new Error(`${name} is not in the lock file`);
}

async function packed(
  workspace: string,
  folder: string,
): Promise<{ file: string; dependencies: Record<string, string> }> {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: path.join(root, 'packages', workspace),
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  const manifest = JSON.parse(await readFile(path.join(root, 'packages', workspace, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  return { file: `file:${filename}`, dependencies: manifest.dependencies ?? {} };
}

async function sizeOf(folder: string): Promise<{ bytes: number; files: string[] }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const sizes = await Promise.all(files.map(async (file) => (await lstat(file)).size));
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), files };
}

test('the packed gateway installs in an empty folder, small and with nothing compiled, and answers', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'ripstop-pack-'));
  try {
    const library = await packed('ripstop', folder);
    const gateway = await packed('gateway', folder);
    const dependencies = { ripstop: library.file, '@ripstop/gateway': gateway.file };
    const manifest = { name: 'somebody', version: '1.0.0', private: true, dependencies };
    await writeFile(path.join(folder, 'package.json'), JSON.stringify(manifest));
    await writeFile(
      path.join(folder, 'package-lock.json'),
      JSON.stringify({
        ...manifest,
        lockfileVersion: 3,
        requires: true,
        packages: {
          '': manifest,
          'node_modules/ripstop': { version: '0.1.0', resolved: library.file },
          'node_modules/@ripstop/gateway': {
            version: '0.1.0',
            resolved: gateway.file,
            dependencies: gateway.dependencies,
            bin: { ripstop: 'bin/ripstop.js' },
          },
          ...(await productionTree()),
        },
      }),
    );
    // From the cache that `npm ci` of the repository has filled: tests reach nothing outside the machine.
    await run('npm', ['ci', '--offline', '--no-audit', '--no-fund'], { cwd: folder });

    const { bytes, files } = await sizeOf(path.join(folder, 'node_modules'));
    expect(bytes).toBeLessThan(60 * 1024 * 1024);
    expect(files.filter((file) => /\.(node|so|gyp)$/.test(file))).toEqual([]);
    expect(files.some((file) => file.endsWith('embedded-model/NOTICE'))).toBe(true);

    const bin = path.join(folder, 'node_modules', '.bin', 'ripstop');
    const child = spawn(bin, ['serve', '--port', '0'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (part: Buffer) => {
      output += part.toString();
    });
    const exited = once(child, 'exit');
    await expect.poll(() => output, { timeout: 15_000 }).toContain('answers at');
    const url = /answers at (\S+)/.exec(output)?.[1] ?? '';
    const { status, body } = await post(`${url}/generate`, {
      prompt: 'What is the capital of France?',
      temperature: 0,
    });
    const health = (await (await fetch(`${url}/health`)).json()) as {
      checks: { local: { details: { runtime: string } } };
    };
    child.kill('SIGTERM');
    await exited;
    expect(status).toBe(200);
    expect(body['generated_text']).toContain('Paris');
    expect(health.checks.local.details.runtime).toBe('interpreter');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
