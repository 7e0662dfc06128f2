import { type Runtime, systemRuntime } from '../../call/runtime.js';
import type { LoadSource } from '../load-sampler.js';
import { eventLoopLoad } from './event-loop.js';
import { cpuLoad } from './node-cpu.js';
import { memoryLoad } from './node-memory.js';
import { nvidiaGpu } from './node-nvidia.js';

/** CPU, memory, event loop and, where there is one, NVIDIA GPU, each with its defaults: `sources: systemLoad()`. */
export function systemLoad(runtime: Runtime = systemRuntime): readonly LoadSource[] {
  return [cpuLoad({}, runtime), memoryLoad(), eventLoopLoad({}, runtime), nvidiaGpu({}, runtime)];
}
