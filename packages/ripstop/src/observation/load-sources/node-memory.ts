import { freemem, totalmem } from 'node:os';
import { withDefaults } from '../../call/options.js';
import type { MemoryUse } from '../../models/memory-check.js';
import type { LoadSource } from '../load-sampler.js';
import {
  cgroupFolders,
  kernelFile,
  kernelFileDefaults,
  type KernelFiles,
  kernelNumber,
  namedNumber,
} from './node-cgroup.js';

/** The load of the main memory: the share in use of what `systemMemory()` tells. */
export function memoryLoad(files: KernelFiles = {}): LoadSource {
  return {
    name: 'memory',
    async read() {
      const { usedBytes, totalBytes } = await systemMemory(files);
      return Math.min(usedBytes / totalBytes, 1);
    },
  };
}

/**
 * The main memory as this process may use it: that of its control group where it has a limit, or of the machine,
 * whichever is fuller. Pages of files that could be dropped at once do not count as used. Fits `memory()` of a model.
 *
 * Source of the group's working set: use − inactive file pages, as the kubelet evicts by it.
 */
export async function systemMemory(files: KernelFiles = {}): Promise<MemoryUse> {
  const paths = withDefaults<KernelFiles, Required<KernelFiles>>(kernelFileDefaults, files);
  const groups = await Promise.all((await cgroupFolders('memory', paths)).map(groupMemory));
  let fullest = await machineMemory(paths);
  for (const group of groups) if (group !== undefined && share(group) > share(fullest)) fullest = group;
  return fullest;
}

function share({ usedBytes, totalBytes }: MemoryUse): number {
  return usedBytes / totalBytes;
}

/** Version 1 writes a number of about 2^63 where there is no limit. */
const noLimit = 2 ** 60;

async function groupMemory(folder: string): Promise<MemoryUse | undefined> {
  const [limit, v1Limit] = await Promise.all([
    kernelNumber(folder, 'memory.max'),
    kernelNumber(folder, 'memory.limit_in_bytes'),
  ]);
  const totalBytes = limit ?? v1Limit;
  if (totalBytes === undefined || totalBytes === 0 || totalBytes > noLimit) return undefined;
  const [current, v1Current, stat] = await Promise.all([
    kernelNumber(folder, 'memory.current'),
    kernelNumber(folder, 'memory.usage_in_bytes'),
    kernelFile(folder, 'memory.stat'),
  ]);
  const used = current ?? v1Current;
  const droppable = namedNumber(stat, 'total_inactive_file') ?? namedNumber(stat, 'inactive_file') ?? 0;
  return used === undefined ? undefined : { usedBytes: Math.max(used - droppable, 0), totalBytes };
}

async function machineMemory({ proc }: Required<KernelFiles>): Promise<MemoryUse> {
  const text = await kernelFile(proc, 'meminfo');
  const [total, available] = [namedNumber(text, 'MemTotal'), namedNumber(text, 'MemAvailable')];
  if (total === undefined || available === undefined)
    return { usedBytes: totalmem() - freemem(), totalBytes: totalmem() };
  return { usedBytes: (total - available) * 1_024, totalBytes: total * 1_024 };
}
