/** Against a program that says what `nvidia-smi` says, as a real child process. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { nvidiaGpu } from './node-nvidia.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ripstop-gpu-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A program that remembers how it was called. */
async function program(name: string, script: string): Promise<{ command: string; calls: () => Promise<string[]> }> {
  const command = join(folder, name);
  await writeFile(command, `#!/bin/sh\necho "$@" >> "${command}.log"\n${script}\n`);
  await chmod(command, 0o755);
  return { command, calls: async () => (await readFile(`${command}.log`, 'utf8')).trim().split('\n') };
}

const { signal } = new AbortController();
const mib = 2 ** 20;

test('D94: the busiest GPU is the load, and the memory of the fullest is told apart', async () => {
  const { command, calls } = await program(
    'two',
    'echo "0, NVIDIA H100, 37, 1024, 81559"\necho "1, NVIDIA H100, 92, 512, 81559"',
  );
  const gpu = nvidiaGpu({ command, devices: [0, 'GPU-1'] }, virtualRuntime());
  expect(await gpu.read(signal)).toBe(0.92);
  expect(await gpu.memory()).toEqual({ usedBytes: 1_024 * mib, totalBytes: 81_559 * mib });
  expect(await calls()).toEqual([
    '--query-gpu=index,name,utilization.gpu,memory.used,memory.total --format=csv,noheader,nounits --id=0,GPU-1',
  ]);
});

test('D93: what the driver does not know is not known', async () => {
  const { command } = await program('mig', 'echo "0, NVIDIA H100, [N/A], [Insufficient Permissions], 81559"');
  const gpu = nvidiaGpu({ command });
  expect([await gpu.read(signal), await gpu.memory()]).toEqual([undefined, undefined]);
});

test('D94: the program is started at most every five seconds, however often it is asked', async () => {
  const runtime = virtualRuntime();
  const { command, calls } = await program('busy', 'echo "0, NVIDIA L4, 50, 1, 2"');
  const gpu = nvidiaGpu({ command }, runtime);
  expect(await Promise.all([gpu.read(signal), gpu.read(signal), gpu.memory()])).toMatchObject([0.5, 0.5, {}]);
  await runtime.clock.advance(4_999);
  await gpu.read(signal);
  expect(await calls()).toHaveLength(1);
  await runtime.clock.advance(1);
  await gpu.read(signal);
  expect(await calls()).toHaveLength(2);
});

test('D94: a program that fails is a failure, and is asked again later', async () => {
  const runtime = virtualRuntime();
  const { command, calls } = await program('broken', 'echo "Failed to initialize NVML" >&2\nexit 9');
  const gpu = nvidiaGpu({ command }, runtime);
  await expect(gpu.read(signal)).rejects.toMatchObject({ message: 'The GPU cannot be asked for its load' });
  await expect(gpu.read(signal)).rejects.toMatchObject({ errorType: 'upstream_unavailable' });
  expect(await calls()).toHaveLength(1);
  await runtime.clock.advance(5_000);
  await expect(gpu.read(signal)).rejects.toMatchObject({ errorType: 'upstream_unavailable' });
  expect(await calls()).toHaveLength(2);
});

test('D94: a program that hangs is killed at its limit', async () => {
  const { command } = await program('hang', 'exec sleep 60');
  await expect(nvidiaGpu({ command, limitMs: 50 }).read(signal)).rejects.toMatchObject({
    cause: { killed: true, signal: 'SIGKILL' },
  });
});

test('D94: where there is no such program nothing is known, and it is not looked for again', async () => {
  const runtime = virtualRuntime();
  const command = join(folder, 'later');
  const gpu = nvidiaGpu({ command }, runtime);
  expect(await gpu.read(signal)).toBeUndefined();
  await program('later', 'echo "0, NVIDIA L4, 50, 1, 2"');
  await runtime.clock.advance(3_600_000);
  expect(await gpu.read(signal)).toBeUndefined();
});

test('a bad option is refused', () => {
  expect(() => nvidiaGpu({ everyMs: -1 })).toThrow(new RangeError('everyMs must be 0 or above, got -1'));
  expect(() => nvidiaGpu({ limitMs: 0 })).toThrow(new RangeError('limitMs must be above 0, got 0'));
});
