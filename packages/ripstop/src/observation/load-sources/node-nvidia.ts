import { execFile } from 'node:child_process';
import { assertNotNegative, assertPositive, type Defaults, withDefaults } from '../../call/options.js';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { UpstreamUnavailableError } from '../../errors/upstream-errors.js';
import type { MemoryUse } from '../../models/memory-check.js';
import type { LoadSource } from '../load-sampler.js';

/** Options of `nvidiaGpu()`. */
export interface NvidiaGpuOptions {
  /** Which GPUs count, by index or UUID. Default: all that the driver shows. */
  readonly devices?: readonly (number | string)[] | undefined;
  /** The program. Default: `nvidia-smi`, from the path. */
  readonly command?: string | undefined;
  /** It is started at most so often, in milliseconds: each start costs some CPU. Default: 5 000. */
  readonly everyMs?: number | undefined;
  /** After so long it is killed, in milliseconds: a driver in trouble does not answer. Default: 2 000. */
  readonly limitMs?: number | undefined;
}

type Settings = Defaults<NvidiaGpuOptions, 'command' | 'everyMs' | 'limitMs'>;

/** The defaults of `nvidiaGpu()`. */
export const nvidiaGpuDefaults: Settings = { command: 'nvidia-smi', everyMs: 5_000, limitMs: 2_000 };

/** NVIDIA GPUs: their load, and the memory of the fullest. */
export interface NvidiaGpu extends LoadSource {
  /** Fits `memory()` of a model. Undefined where it cannot be told. */
  memory(): Promise<MemoryUse | undefined>;
}

interface Gpu {
  readonly load: number | undefined;
  readonly memory: MemoryUse | undefined;
}

/**
 * The load of NVIDIA GPUs, as `nvidia-smi` tells it in a process of its own: the share of time in which the busiest one
 * worked. Memory is told apart and is no part of the load: engines take nearly all of it when they start. Where there
 * is no such program, nothing is known and it is not looked for again. The numbers are of the whole GPU, whoever uses
 * it; one that is split (MIG) tells no load.
 *
 * @throws RangeError for a bad option. A reading rejects when the program fails.
 */
export function nvidiaGpu(options: NvidiaGpuOptions = {}, { clock }: Runtime = systemRuntime): NvidiaGpu {
  const settings = withDefaults<NvidiaGpuOptions, Settings>(nvidiaGpuDefaults, options);
  assertNotNegative('everyMs', settings.everyMs);
  assertPositive('limitMs', settings.limitMs);
  let latest: Promise<readonly Gpu[]> = Promise.resolve([]);
  let nextAt = Number.NEGATIVE_INFINITY;

  function gpus(): Promise<readonly Gpu[]> {
    if (clock.now() < nextAt) return latest;
    nextAt = Number.POSITIVE_INFINITY;
    latest = query(settings).then(
      (found) => {
        nextAt = found === undefined ? Number.POSITIVE_INFINITY : clock.now() + settings.everyMs;
        return found ?? [];
      },
      (error: unknown) => {
        nextAt = clock.now() + settings.everyMs;
        throw error;
      },
    );
    return latest;
  }

  return {
    name: 'nvidia_gpu',
    async read() {
      const loads = (await gpus()).flatMap(({ load }) => load ?? []);
      return loads.length === 0 ? undefined : Math.max(...loads);
    },
    async memory() {
      const known = (await gpus()).flatMap(({ memory }) => memory ?? []);
      return known.toSorted((a, b) => b.usedBytes / b.totalBytes - a.usedBytes / a.totalBytes)[0];
    },
  };
}

const fields = 'utilization.gpu,memory.used,memory.total';

/** Undefined where there is no such program. */
function query({ command, devices, limitMs }: Settings): Promise<readonly Gpu[] | undefined> {
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

/** `37, 1024, 81559`: percent and MiB. What the driver does not know is a word in brackets. */
function gpuOf(line: string): readonly Gpu[] {
  if (line.trim() === '') return [];
  const [load, used, total] = line.split(',').map((text) => (/^\s*\d+\s*$/.test(text) ? Number(text) : undefined));
  const memory =
    used === undefined || total === undefined || total === 0
      ? undefined
      : { usedBytes: used * 2 ** 20, totalBytes: total * 2 ** 20 };
  return [{ load: load === undefined ? undefined : load / 100, memory }];
}
