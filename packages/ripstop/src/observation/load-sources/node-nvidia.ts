import { assertNotNegative, type Defaults, withDefaults } from '../../call/options.js';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import type { MemoryUse } from '../../models/memory-check.js';
import type { LoadSource } from '../load-sampler.js';
import { assertNvidiaSmi, type Gpu, nvidiaSmiDefaults, type NvidiaSmiOptions, queryGpus } from './node-nvidia-smi.js';

/** Options of `nvidiaGpu()`. */
export interface NvidiaGpuOptions extends NvidiaSmiOptions {
  /** The program is started at most so often, in milliseconds: each start costs some CPU. Default: 5 000. */
  readonly everyMs?: number | undefined;
}

type Settings = Defaults<NvidiaGpuOptions, 'command' | 'everyMs' | 'limitMs'>;

/** The defaults of `nvidiaGpu()`. */
export const nvidiaGpuDefaults: Settings = { ...nvidiaSmiDefaults, everyMs: 5_000 };

/** NVIDIA GPUs: their load, and the memory of the fullest. */
export interface NvidiaGpu extends LoadSource {
  /** Fits `memory()` of a model. Undefined where it cannot be told. */
  memory(): Promise<MemoryUse | undefined>;
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
  assertNvidiaSmi(settings);
  let latest: Promise<readonly Gpu[]> = Promise.resolve([]);
  let nextAt = Number.NEGATIVE_INFINITY;

  function gpus(): Promise<readonly Gpu[]> {
    if (clock.now() < nextAt) return latest;
    nextAt = Number.POSITIVE_INFINITY;
    latest = queryGpus(settings).then(
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
