import { assertPositive, withDefaults } from '../../call/options.js';
import type { HealthCheck } from '../health-check.js';
import type { KernelFiles } from '../load-sources/node-cgroup.js';
import { systemMemory } from '../load-sources/node-memory.js';

/** Options of `memoryCheck()`. */
export interface MemoryCheckOptions {
  /** The use from which on it fails, in percent. Default: 95. */
  readonly maxPercent?: number | undefined;
  /** Where the kernel tells of control groups. Default: its usual places. */
  readonly files?: KernelFiles | undefined;
}

/** The defaults of `memoryCheck()`. */
export const memoryCheckDefaults: Pick<Required<MemoryCheckOptions>, 'maxPercent'> = { maxPercent: 95 };

const mib = 2 ** 20;

/**
 * Is main memory left? That of the control group where it has a limit, or of the machine, whichever is fuller.
 *
 * @throws RangeError for a bad option.
 */
export function memoryCheck({ files, ...options }: MemoryCheckOptions = {}): HealthCheck {
  const { maxPercent } = withDefaults<MemoryCheckOptions, typeof memoryCheckDefaults>(memoryCheckDefaults, options);
  assertPositive('maxPercent', maxPercent);
  return async () => {
    const { usedBytes, totalBytes } = await systemMemory(files);
    const percent = (100 * usedBytes) / totalBytes;
    return {
      healthy: percent < maxPercent,
      memory_used_mb: Math.round(usedBytes / mib),
      memory_total_mb: Math.round(totalBytes / mib),
      memory_percent: Math.round(percent * 10) / 10,
    };
  };
}
