import { assertOneOf, assertPositive, type Defaults, withDefaults } from '../../call/options.js';
import type { HealthCheck } from '../health-check.js';
import {
  assertNvidiaSmi,
  type Gpu,
  nvidiaSmiDefaults,
  type NvidiaSmiOptions,
  queryGpus,
} from '../load-sources/node-nvidia-smi.js';

/** Options of `gpuCheck()`. */
export interface GpuCheckOptions extends NvidiaSmiOptions {
  /**
   * Where there is no `nvidia-smi`: `if_present` means that it cannot be told and does not count, since a service may
   * run on the CPU (D114); `required` fails. Default: `if_present`.
   */
  readonly presence?: 'if_present' | 'required' | undefined;
  /** The use of a GPU's memory from which on it fails, in percent. Default: 95. */
  readonly maxMemoryPercent?: number | undefined;
}

type Settings = Defaults<GpuCheckOptions, 'command' | 'limitMs' | 'presence' | 'maxMemoryPercent'>;

/** The defaults of `gpuCheck()`. */
export const gpuCheckDefaults: Settings = { ...nvidiaSmiDefaults, presence: 'if_present', maxMemoryPercent: 95 };

const mib = 2 ** 20;

/**
 * Do the NVIDIA GPUs answer, and is memory left on each of them (R152)? Asks `nvidia-smi`, in a process of its own that is
 * killed at its limit. A driver that shows no GPU fails (D115). Engines take nearly all of the memory when they start:
 * beside one of those, allow for more.
 *
 * @throws RangeError for a bad option.
 */
export function gpuCheck(options: GpuCheckOptions = {}): HealthCheck {
  const settings = withDefaults<GpuCheckOptions, Settings>(gpuCheckDefaults, options);
  assertNvidiaSmi(settings);
  assertOneOf('presence', settings.presence, ['if_present', 'required']);
  assertPositive('maxMemoryPercent', settings.maxMemoryPercent);
  return async () => {
    try {
      return told(await queryGpus(settings), settings);
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      return { healthy: false, gpu_available: false, reason: 'The GPU cannot be asked', error: String(cause) };
    }
  };
}

function told(gpus: readonly Gpu[] | undefined, { presence, maxMemoryPercent }: Settings): Record<string, unknown> {
  if (gpus === undefined) {
    const healthy = presence === 'required' ? false : null;
    return { healthy, gpu_available: false, message: 'There is no NVIDIA driver here' };
  }
  if (gpus.length === 0) {
    return { healthy: false, gpu_available: false, device_count: 0, devices: [], message: 'The driver shows no GPU' };
  }
  const devices = gpus.map(deviceOf);
  const healthy = devices.every(({ memory_percent: percent }) => percent === null || percent < maxMemoryPercent);
  return { healthy, gpu_available: true, device_count: devices.length, devices };
}

interface Device {
  readonly device_id: number | null;
  readonly name: string;
  readonly memory_used_mb: number | null;
  readonly memory_total_mb: number | null;
  readonly memory_percent: number | null;
}

/** A GPU that is split (MIG) tells no memory: `null`. */
function deviceOf({ index, name, memory }: Gpu): Device {
  const { usedBytes, totalBytes } = memory ?? {};
  const known = usedBytes !== undefined && totalBytes !== undefined;
  return {
    device_id: index ?? null,
    name,
    memory_used_mb: known ? usedBytes / mib : null,
    memory_total_mb: known ? totalBytes / mib : null,
    memory_percent: known ? Math.round((1_000 * usedBytes) / totalBytes) / 10 : null,
  };
}
