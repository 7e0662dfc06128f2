/** The control groups of this process, on Linux: what it may use, which is not what the machine has. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the kernel tells. */
export interface KernelFiles {
  /** Where control groups are mounted. Default: `/sys/fs/cgroup`. */
  readonly cgroup?: string | undefined;
  /** Where processes are. Default: `/proc`. */
  readonly proc?: string | undefined;
}

export const kernelFileDefaults: Required<KernelFiles> = { cgroup: '/sys/fs/cgroup', proc: '/proc' };

/** One file of the kernel's; undefined where it has none such, or not for us. */
export async function kernelFile(...path: readonly string[]): Promise<string | undefined> {
  try {
    return await readFile(join(...path), 'utf8');
  } catch {
    // No Linux, no such controller, no permission: all the same, nothing is to be had here.
    return undefined;
  }
}

/** The number in such a file; undefined for `max`. */
export async function kernelNumber(...path: readonly string[]): Promise<number | undefined> {
  const text = (await kernelFile(...path))?.trim();
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

/** The number behind `name` in a file of lines `name value`. */
export function namedNumber(text: string | undefined, name: string): number | undefined {
  const found = text === undefined ? null : new RegExp(`^${name}:?\\s+(\\d+)`, 'm').exec(text);
  return found === null ? undefined : Number(found[1]);
}

/**
 * The folders that may limit this process: its group and all above it, in version 2 and in version 1. Seen from inside
 * a container some are missing; whoever reads them takes what is there.
 *
 * Source: Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1.
 */
export async function cgroupFolders(
  controller: 'cpu' | 'memory',
  { cgroup, proc }: Required<KernelFiles>,
): Promise<string[]> {
  const text = (await kernelFile(proc, 'self', 'cgroup')) ?? '';
  const folders = new Set<string>();
  for (const [, controllers = '', path = ''] of text.matchAll(/^\d+:([^:\n]*):(\/[^\n]*)$/gm)) {
    if (controllers !== '' && !controllers.split(',').includes(controller)) continue;
    const mount = controllers === '' ? cgroup : join(cgroup, controller);
    const names = path.split('/').filter((name) => name !== '' && name !== '..');
    for (let depth = names.length; depth >= 0; depth -= 1) folders.add(join(mount, ...names.slice(0, depth)));
  }
  return [...folders];
}
