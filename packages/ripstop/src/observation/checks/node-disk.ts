import { statfs } from 'node:fs/promises';
import { assertNotNegative, withDefaults } from '../../call/options.js';
import type { HealthCheck } from '../health-check.js';

/** Options of `diskCheck()` (D119). */
export interface DiskCheckOptions {
  /** Any path on the disk that is meant. Default: `/`. */
  readonly path?: string | undefined;
  /** At this share of free space or below it fails, in percent. Default: 10. */
  readonly minFreePercent?: number | undefined;
  /** At so many free bytes or below it fails. Default: 0. */
  readonly minFreeBytes?: number | undefined;
}

/** The defaults of `diskCheck()`. */
export const diskCheckDefaults: Required<DiskCheckOptions> = { path: '/', minFreePercent: 10, minFreeBytes: 0 };

/**
 * Is space left on a disk (R153)? Counts what this process may still use: what is reserved for the superuser is not free,
 * as `df` has it.
 *
 * @throws RangeError for a bad option.
 */
export function diskCheck(options: DiskCheckOptions = {}): HealthCheck {
  const { path, minFreePercent, minFreeBytes } = withDefaults<DiskCheckOptions, typeof diskCheckDefaults>(
    diskCheckDefaults,
    options,
  );
  assertNotNegative('minFreePercent', minFreePercent);
  assertNotNegative('minFreeBytes', minFreeBytes);
  return async () => {
    try {
      const { bsize, blocks, bfree, bavail } = await statfs(path);
      const usable = blocks - bfree + bavail;
      const percent = usable === 0 ? 0 : (100 * bavail) / usable;
      return {
        healthy: percent > minFreePercent && bavail * bsize > minFreeBytes,
        free_space_gb: gib(bavail * bsize),
        total_space_gb: gib(blocks * bsize),
        free_percent: hundredths(percent),
      };
    } catch (error) {
      return { healthy: false, reason: 'The disk cannot be read', error: String(error) };
    }
  };
}

function gib(bytes: number): number {
  return hundredths(bytes / 2 ** 30);
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
