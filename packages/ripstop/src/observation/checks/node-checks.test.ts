/** The checks that Node alone can make: GPU, disk, memory. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HealthCheck } from '../health-check.js';
import { healthChecker } from '../health-checker.js';
import { diskCheck } from './node-disk.js';
import { gpuCheck } from './node-gpu.js';
import { memoryCheck } from './node-memory.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ripstop-checks-'));
});
afterAll(() => rm(folder, { recursive: true }));

const { signal } = new AbortController();
const run = (check: HealthCheck): Promise<unknown> => Promise.resolve(check({ signal }));

describe('gpuCheck', () => {
  /** A program that says what `nvidia-smi` says. */
  async function program(name: string, script: string): Promise<string> {
    const command = join(folder, name);
    await writeFile(command, `#!/bin/sh\n${script}\n`);
    await chmod(command, 0o755);
    return command;
  }

  test('R152: every device with its memory; healthy while each is below 95 %', async () => {
    const command = await program(
      'two',
      'echo "0, NVIDIA H100 PCIe, 3, 1024, 81559"\necho "1, NVIDIA H100 PCIe, 0, 77000, 81559"',
    );
    const second = { device_id: 1, name: 'NVIDIA H100 PCIe', memory_used_mb: 77_000, memory_total_mb: 81_559 };
    expect(await run(gpuCheck({ command }))).toEqual({
      healthy: true,
      gpu_available: true,
      device_count: 2,
      devices: [
        { ...second, device_id: 0, memory_used_mb: 1_024, memory_percent: 1.3 },
        { ...second, memory_percent: 94.4 },
      ],
    });
    expect(await run(gpuCheck({ command, maxMemoryPercent: 90 }))).toMatchObject({ healthy: false, device_count: 2 });
  });

  test('D114: where there is no GPU it does not count, unless it is required', async () => {
    const command = join(folder, 'absent');
    const checker = healthChecker();
    checker.registerCheck('gpu', gpuCheck({ command }), { critical: true });
    const report = await checker.runAllChecks();
    expect(report).toMatchObject({ overall_status: 'healthy', critical_failures: [] });
    expect(report.checks['gpu']).toMatchObject({ status: 'unknown', details: { gpu_available: false } });
    expect(await run(gpuCheck({ command, presence: 'required' }))).toEqual({
      healthy: false,
      gpu_available: false,
      message: 'There is no NVIDIA driver here',
    });
  });

  test.each(['true', 'echo "No devices were found"'])(
    'D115: a driver that shows no device (%s) is unhealthy',
    async (script) => {
      const command = await program('empty', script);
      expect(await run(gpuCheck({ command }))).toMatchObject({ healthy: false, gpu_available: false, device_count: 0 });
    },
  );

  test('R152: a driver in trouble is unhealthy, and its text is not for everybody', async () => {
    const command = await program('broken', 'echo "Failed to initialize NVML" >&2\nexit 9');
    const checker = healthChecker();
    checker.registerCheck('gpu', gpuCheck({ command }));
    expect((await checker.runAllChecks()).checks['gpu']).toMatchObject({
      status: 'unhealthy',
      details: { healthy: false, gpu_available: false, reason: 'The GPU cannot be asked' },
    });
    expect(JSON.stringify(checker.latest())).not.toMatch(/NVML|broken/);
    expect(JSON.stringify(checker.latest({ view: 'full' }))).toContain('NVML');
  });

  test('a driver that hangs is killed at its limit', async () => {
    const command = await program('hang', 'exec sleep 60');
    expect(await run(gpuCheck({ command, limitMs: 50 }))).toMatchObject({ healthy: false });
  });

  test('a device that is split tells no memory, and a bad option is refused', async () => {
    const command = await program('mig', 'echo "0, NVIDIA A100, MIG, [N/A], [Insufficient Permissions], 81559"');
    expect(await run(gpuCheck({ command }))).toMatchObject({
      healthy: true,
      devices: [{ name: 'NVIDIA A100, MIG', memory_used_mb: null, memory_percent: null }],
    });
    expect(() => gpuCheck({ limitMs: 0 })).toThrow('limitMs');
    expect(() => gpuCheck({ presence: 'maybe' as 'required' })).toThrow('presence');
    expect(() => gpuCheck({ maxMemoryPercent: 0 })).toThrow('maxMemoryPercent');
  });
});

describe('diskCheck', () => {
  test('R153 D119: free and total space of the disk of any path, not floored to whole GiB', async () => {
    const told = (await run(diskCheck({ path: folder, minFreePercent: 0 }))) as Record<string, number | boolean>;
    expect(Object.keys(told)).toEqual(['healthy', 'free_space_gb', 'total_space_gb', 'free_percent']);
    expect(told['healthy']).toBe(true);
    expect(told['total_space_gb']).toBeGreaterThan(Number(told['free_space_gb']));
    expect(told['free_percent']).toBeGreaterThan(0);
    expect(told['free_percent']).toBeLessThanOrEqual(100);
    expect(JSON.stringify(told)).not.toContain(folder);
  });

  test('D119: limits are configured, in percent and in bytes', async () => {
    expect(await run(diskCheck({ path: folder, minFreePercent: 100 }))).toMatchObject({ healthy: false });
    expect(await run(diskCheck({ path: folder, minFreePercent: 0, minFreeBytes: 2 ** 60 }))).toMatchObject({
      healthy: false,
    });
    expect(() => diskCheck({ minFreePercent: -1 })).toThrow('minFreePercent');
    expect(() => diskCheck({ minFreeBytes: -1 })).toThrow('minFreeBytes');
  });

  test('R153 D117: a disk that is not there is unhealthy, with an error that is not for everybody', async () => {
    const checker = healthChecker();
    checker.registerCheck('disk', diskCheck({ path: join(folder, 'gone') }));
    const report = await checker.runAllChecks();
    expect(report.checks['disk']).toMatchObject({
      status: 'unhealthy',
      details: { reason: 'The disk cannot be read' },
    });
    expect(JSON.stringify(report)).not.toContain('gone');
    expect(checker.latest({ view: 'full' }).checks['disk']?.details).toMatchObject({
      error: expect.stringContaining('ENOENT'),
    });
  });
});

describe('memoryCheck', () => {
  test('the memory of the control group counts, where it has a limit', async () => {
    const files = { cgroup: join(folder, 'cgroup'), proc: join(folder, 'proc') };
    const mib = 2 ** 20;
    for (const [path, text] of Object.entries({
      'proc/self/cgroup': '0::/pod\n',
      'proc/meminfo': `MemTotal: ${8 * mib} kB\nMemAvailable: ${6 * mib} kB\n`,
      'cgroup/pod/memory.max': `${1_000 * mib}\n`,
      'cgroup/pod/memory.current': `${960 * mib}\n`,
      'cgroup/pod/memory.stat': `inactive_file ${20 * mib}\n`,
    })) {
      await mkdir(join(folder, path, '..'), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const told = { memory_used_mb: 940, memory_total_mb: 1_000, memory_percent: 94 };
    expect(await run(memoryCheck({ files }))).toEqual({ healthy: true, ...told });
    expect(await run(memoryCheck({ files, maxPercent: 90 }))).toEqual({ healthy: false, ...told });
    expect(() => memoryCheck({ maxPercent: 0 })).toThrow('maxPercent');
  });

  test('on the machine that runs this, memory is left', async () => {
    expect(await run(memoryCheck({ maxPercent: 100 }))).toMatchObject({ healthy: true });
  });
});
