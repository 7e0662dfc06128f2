/** What the driver tells of NVIDIA GPUs, in a process of its own. */
import { execFile } from 'node:child_process';
import { assertPositive } from '../../call/options.js';
import { UpstreamUnavailableError } from '../../errors/upstream-errors.js';
import type { MemoryUse } from '../../models/memory-check.js';

/** Which program is asked, for which GPUs, and for how long. */
export interface NvidiaSmiOptions {
  /** Which GPUs count, by index or UUID. Default: all that the driver shows. */
  readonly devices?: readonly (number | string)[] | undefined;
  /** The program. Default: `nvidia-smi`, from the path. */
  readonly command?: string | undefined;
  /** After so long it is killed, in milliseconds: a driver in trouble does not answer. Default: 2 000. */
  readonly limitMs?: number | undefined;
}

export const nvidiaSmiDefaults = { command: 'nvidia-smi', limitMs: 2_000 } as const;

/** One GPU. What the driver does not know is undefined. */
export interface Gpu {
  readonly index: number | undefined;
  readonly name: string;
  /** The share of time in which it worked. */
  readonly load: number | undefined;
  readonly memory: MemoryUse | undefined;
}

const fields = 'index,name,utilization.gpu,memory.used,memory.total';

/** Undefined where there is no such program. Rejects with an UpstreamUnavailableError when it fails. */
export function queryGpus(options: NvidiaSmiOptions): Promise<readonly Gpu[] | undefined> {
  const { devices, command = nvidiaSmiDefaults.command, limitMs = nvidiaSmiDefaults.limitMs } = options;
  const args = [`--query-gpu=${fields}`, '--format=csv,noheader,nounits'];
  if (devices !== undefined) args.push(`--id=${devices.join(',')}`);
  return new Promise((resolve, reject) => {
    const limits = { timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: 2 ** 16, windowsHide: true } as const;
    execFile(command, args, limits, (error, output) => {
      if (error === null) resolve(output.split('\n').flatMap(gpuOf));
      else if (error.code === 'ENOENT') resolve(undefined);
      else reject(new UpstreamUnavailableError('The GPU cannot be asked for its load', { cause: error }));
    });
  });
}

/** @throws RangeError for a bad option. */
export function assertNvidiaSmi({ limitMs = nvidiaSmiDefaults.limitMs }: NvidiaSmiOptions): void {
  assertPositive('limitMs', limitMs);
}

/** `0, NVIDIA H100, 37, 1024, 81559`: percent and MiB. What the driver does not know is a word in brackets. */
function gpuOf(line: string): readonly Gpu[] {
  // "No devices were found" comes with success from some drivers.
  if (!line.includes(',')) return [];
  const [index = '', ...rest] = line.split(',').map((text) => text.trim());
  const [load, used, total] = rest.slice(-3).map(whole);
  const memory =
    used === undefined || total === undefined || total === 0
      ? undefined
      : { usedBytes: used * 2 ** 20, totalBytes: total * 2 ** 20 };
  const name = rest.slice(0, -3).join(', ');
  return [{ index: whole(index), name, load: load === undefined ? undefined : load / 100, memory }];
}

function whole(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
