import { readFile } from 'node:fs/promises';

/**
 * Resident memory of a process in MB, as the kernel counts it: a process that is busy or stopped need not take part.
 * `undefined` where it has ended, or where there is no `/proc` (see `memoryIsReadable`).
 */
export async function residentMemoryMb(pid: number): Promise<number | undefined> {
  let status: string;
  try {
    status = await readFile(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined; // it has ended: its exit event says so
  }
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

/** Only Linux tells. */
export const memoryIsReadable: boolean = process.platform === 'linux';
