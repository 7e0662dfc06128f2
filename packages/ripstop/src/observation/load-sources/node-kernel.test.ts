/** The sources that read the kernel's files, on files of each kind that a kernel writes. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { degradation } from '../degradation.js';
import { cpuLoad } from './node-cpu.js';
import { memoryLoad, systemMemory } from './node-memory.js';
import { systemLoad } from './node-system.js';

let folder = '';
let machines = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ripstop-kernel-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Machine {
  readonly files: { readonly cgroup: string; readonly proc: string };
  readonly write: (files: Readonly<Record<string, string>>) => Promise<void>;
}

async function machine(files: Readonly<Record<string, string>>): Promise<Machine> {
  machines += 1;
  const root = join(folder, String(machines));
  const write = async (more: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(more)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
  };
  await write(files);
  return { files: { cgroup: join(root, 'cgroup'), proc: join(root, 'proc') }, write };
}

const { signal } = new AbortController();
const gib = 2 ** 30;

test('D94: the CPU of a group of version 2 is its use of its quota since the last reading', async () => {
  const runtime = virtualRuntime();
  const { files, write } = await machine({
    'proc/self/cgroup': '0::/pod/container\n',
    'proc/stat': 'cpu  100 0 100 800 0 0 0 0 0 0\n',
    'cgroup/pod/container/cpu.max': '200000 100000\n',
    'cgroup/pod/container/cpu.stat': 'usage_usec 5000000\nuser_usec 4000000\n',
    'cgroup/pod/cpu.max': 'max 100000\n',
    'cgroup/pod/cpu.stat': 'usage_usec 9000000\n',
  });
  const source = cpuLoad(files, runtime);
  expect(await source.read(signal)).toBeUndefined();
  await runtime.clock.advance(1_000);
  await write({ 'cgroup/pod/container/cpu.stat': 'usage_usec 6500000\n' });
  expect(await source.read(signal)).toBe(0.75);
  await runtime.clock.advance(1_000);
  await write({ 'cgroup/pod/container/cpu.stat': 'usage_usec 9500000\n' });
  expect(await source.read(signal)).toBe(1);
});

test('D94: a quota further up counts too, and a container sees only the mount’s root', async () => {
  const runtime = virtualRuntime();
  const { files, write } = await machine({
    'proc/self/cgroup': '0::/../../elsewhere\n',
    'cgroup/cpu.max': '50000 100000\n',
    'cgroup/cpu.stat': 'usage_usec 0\n',
  });
  const source = cpuLoad(files, runtime);
  await source.read(signal);
  await runtime.clock.advance(2_000);
  await write({ 'cgroup/cpu.stat': 'usage_usec 250000\n' });
  expect(await source.read(signal)).toBe(0.25);
});

test('D94: version 1 is read as well', async () => {
  const runtime = virtualRuntime();
  const { files, write } = await machine({
    'proc/self/cgroup': '4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n1:name=systemd:/x\n',
    'proc/meminfo': `MemTotal: ${16 * 2 ** 20} kB\nMemFree: 1 kB\nMemAvailable: ${12 * 2 ** 20} kB\n`,
    'cgroup/cpu/docker/abc/cpu.cfs_quota_us': '100000\n',
    'cgroup/cpu/docker/abc/cpu.cfs_period_us': '100000\n',
    'cgroup/cpu/cpu.cfs_quota_us': '-1\n',
    'cgroup/cpu/cpu.cfs_period_us': '100000\n',
    'cgroup/cpuacct/cpuacct.usage': '9000000000\n',
    'cgroup/cpuacct/docker/abc/cpuacct.usage': '1000000000\n',
    'cgroup/memory/memory.limit_in_bytes': `${2 * gib}\n`,
    'cgroup/memory/memory.usage_in_bytes': `${1.75 * gib}\n`,
    'cgroup/memory/memory.stat': `inactive_file 5\ntotal_inactive_file ${0.25 * gib}\n`,
  });
  const source = cpuLoad(files, runtime);
  await source.read(signal);
  await runtime.clock.advance(1_000);
  await write({ 'cgroup/cpuacct/docker/abc/cpuacct.usage': '1500000000\n' });
  expect(await source.read(signal)).toBe(0.5);
  expect(await memoryLoad(files).read(signal)).toBe(0.75);
});

test('D94: without a quota the machine counts: all that is not idle', async () => {
  const { files, write } = await machine({
    'proc/self/cgroup': '0::/\n',
    'proc/stat': 'cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3 4\n',
    'cgroup/cpu.stat': 'usage_usec 5\n',
  });
  const source = cpuLoad(files, virtualRuntime());
  await source.read(signal);
  await write({ 'proc/stat': 'cpu  160 10 110 710 110 0 0 0 90 0\n' });
  expect(await source.read(signal)).toBe(0.8);
  expect(await source.read(signal)).toBeUndefined();
});

test('D77: the memory of a group is what it uses of its limit, without pages of files that could be dropped', async () => {
  const { files, write } = await machine({
    'proc/self/cgroup': '0::/pod\n',
    'proc/meminfo': `MemTotal: ${8 * 2 ** 20} kB\nMemAvailable: ${6 * 2 ** 20} kB\n`,
    'cgroup/pod/memory.max': `${gib}\n`,
    'cgroup/pod/memory.current': `${(3 * gib) / 4}\n`,
    'cgroup/pod/memory.stat': `anon 1\ninactive_file ${gib / 4}\nactive_file 7\n`,
  });
  expect(await systemMemory(files)).toEqual({ usedBytes: gib / 2, totalBytes: gib });
  await write({ 'cgroup/pod/memory.max': 'max\n' });
  expect(await systemMemory(files)).toEqual({ usedBytes: 2 * gib, totalBytes: 8 * gib });
  expect(await memoryLoad(files).read(signal)).toBe(0.25);
});

test('D94: where the kernel tells nothing, the platform does', async () => {
  const files = { cgroup: join(folder, 'none'), proc: join(folder, 'none') };
  const { usedBytes, totalBytes } = await systemMemory(files);
  expect(usedBytes / totalBytes).toBeGreaterThan(0);
  expect(usedBytes / totalBytes).toBeLessThan(1);
  const source = cpuLoad(files);
  expect(await source.read(signal)).toBeUndefined();
});

test('D94: all of it together gives a load on the machine that runs this', async () => {
  const service = degradation({ sources: systemLoad() });
  await service.sample();
  await service.sample();
  expect(service.systemLoad).toBeGreaterThan(0);
});
