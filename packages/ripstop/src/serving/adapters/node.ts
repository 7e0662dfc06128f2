/** `ripstop/node`: chutes, and any other exchange handler, on `node:http`; and what Node can tell of the system's load. */
export { diskCheck, diskCheckDefaults, type DiskCheckOptions } from '../../observation/checks/node-disk.js';
export { gpuCheck, gpuCheckDefaults, type GpuCheckOptions } from '../../observation/checks/node-gpu.js';
export { memoryCheck, memoryCheckDefaults, type MemoryCheckOptions } from '../../observation/checks/node-memory.js';
export type { KernelFiles } from '../../observation/load-sources/node-cgroup.js';
export { cpuLoad } from '../../observation/load-sources/node-cpu.js';
export { memoryLoad, systemMemory } from '../../observation/load-sources/node-memory.js';
export {
  type NvidiaGpu,
  type NvidiaGpuOptions,
  nvidiaGpu,
  nvidiaGpuDefaults,
} from '../../observation/load-sources/node-nvidia.js';
export type { NvidiaSmiOptions } from '../../observation/load-sources/node-nvidia-smi.js';
export { systemLoad } from '../../observation/load-sources/node-system.js';
export { type NodeListener, type NodeOptions, nodeDefaults, nodeListener } from './node-listener.js';
export {
  type CloseOptions,
  closeDefaults,
  type NodeServer,
  type ServeOptions,
  serve,
  serveDefaults,
} from './node-server.js';
