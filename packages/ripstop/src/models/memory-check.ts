import { OutOfMemoryError } from '../errors/upstream-errors.js';

/** How full a memory is. */
export interface MemoryUse {
  readonly usedBytes: number;
  readonly totalBytes: number;
}

/** Above this share of the memory in use, nothing is begun (R97). */
const fullMemory = 0.9;
const bytesPerMb = 1024 * 1024;

/** What keeps a generation from being begun; undefined where memory is left, or nothing is known of it. */
export function memoryShortage(memory: MemoryUse | undefined): OutOfMemoryError | undefined {
  if (memory === undefined || !(memory.usedBytes > memory.totalBytes * fullMemory)) return undefined;
  return new OutOfMemoryError({
    memoryUsed: Math.floor(memory.usedBytes / bytesPerMb),
    memoryAvailable: Math.floor((memory.totalBytes - memory.usedBytes) / bytesPerMb),
  });
}
