import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isInstalled } from '../scripts/set-up.mjs';
import { root } from './repository.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const lock = {
  '': { version: '1.0.0' },
  'node_modules/needed': { version: '2.0.0', integrity: 'sha512-a' },
  'node_modules/other-platform': { version: '3.0.0', integrity: 'sha512-b', optional: true },
  'packages/ours': { version: '0.1.0' },
};

/** A folder with a lock file and npm's note of what it installed. */
function installation(installed: object | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), 'ripstop-set-up-'));
  folders.push(folder);
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages: lock }));
  mkdirSync(join(folder, 'node_modules'));
  if (installed !== undefined) {
    writeFileSync(join(folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages: installed }));
  }
  return folder;
}

describe('the set-up knows when packages must be installed', () => {
  const { 'node_modules/needed': needed, 'packages/ours': ours } = lock;

  test('not when what is installed agrees with the lock file, whatever else lies about', () => {
    const installed = { 'node_modules/needed': needed, 'packages/ours': ours, 'node_modules/extra': needed };
    expect(isInstalled(installation(installed))).toBe(true);
    expect(isInstalled(root)).toBe(true);
  });

  test('when nothing is installed, or an installation broke off', () => {
    expect(isInstalled(installation(undefined))).toBe(false);
  });

  test('when a package is missing, of another version, or of other content', () => {
    expect(isInstalled(installation({ 'packages/ours': ours }))).toBe(false);
    for (const change of [{ version: '2.0.1' }, { integrity: 'sha512-c' }]) {
      const installed = { 'node_modules/needed': { ...needed, ...change }, 'packages/ours': ours };
      expect(isInstalled(installation(installed))).toBe(false);
    }
  });

  test('when an optional package is there, but of another version', () => {
    const old = { ...lock['node_modules/other-platform'], version: '2.9.0' };
    const installed = { 'node_modules/needed': needed, 'packages/ours': ours, 'node_modules/other-platform': old };
    expect(isInstalled(installation(installed))).toBe(false);
  });
});
