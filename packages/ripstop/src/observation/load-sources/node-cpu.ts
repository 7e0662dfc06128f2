import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { withDefaults } from '../../call/options.js';
import type { LoadSource } from '../load-sampler.js';
import {
  cgroupFolders,
  kernelFile,
  kernelFileDefaults,
  type KernelFiles,
  kernelNumber,
  namedNumber,
} from './node-cgroup.js';

/**
 * The load of the CPU since the last reading: what the process's control group has used of its quota, or, where there is
 * none, what all processes have used of the machine. The first reading has nothing to compare with, and is not known.
 */
export function cpuLoad(files: KernelFiles = {}, { clock }: Runtime = systemRuntime): LoadSource {
  const paths = withDefaults<KernelFiles, Required<KernelFiles>>(kernelFileDefaults, files);
  let last: ReadonlyMap<string, Usage> = new Map();
  return {
    name: 'cpu',
    async read() {
      const now = clock.now() * 1_000;
      const usages = new Map<string, Usage>();
      for (const folder of await cgroupFolders('cpu', paths)) {
        const group = await groupUsage(folder, { nowUs: now, cgroup: paths.cgroup });
        if (group !== undefined) usages.set(folder, group);
      }
      if (usages.size === 0) usages.set('machine', await machineUsage(paths));
      const shares = [...usages].flatMap(([name, usage]) => shareSince(last.get(name), usage) ?? []);
      last = usages;
      return shares.length === 0 ? undefined : Math.min(Math.max(...shares), 1);
    },
  };
}

/** Time that was used and time that could have been, in the same unit and since the same moment. */
interface Usage {
  readonly used: number;
  readonly total: number;
}

function shareSince(last: Usage | undefined, { used, total }: Usage): number | undefined {
  return last === undefined || total <= last.total ? undefined : (used - last.used) / (total - last.total);
}

interface Reading {
  readonly nowUs: number;
  readonly cgroup: string;
}

async function groupUsage(folder: string, { nowUs, cgroup }: Reading): Promise<Usage | undefined> {
  const [limit = '', stat] = await Promise.all([kernelFile(folder, 'cpu.max'), kernelFile(folder, 'cpu.stat')]);
  const [, quota, period] = /^(\d+) (\d+)/.exec(limit) ?? [];
  const used = namedNumber(stat, 'usage_usec');
  if (quota !== undefined && used !== undefined) return { used, total: (nowUs * Number(quota)) / Number(period) };
  // Version 1 may count and limit in two hierarchies, which hold the same groups.
  const accounts = folder.replace(join(cgroup, 'cpu'), join(cgroup, 'cpuacct'));
  const [v1Quota, v1Period, v1Used] = await Promise.all([
    kernelNumber(folder, 'cpu.cfs_quota_us'),
    kernelNumber(folder, 'cpu.cfs_period_us'),
    kernelNumber(accounts, 'cpuacct.usage'),
  ]);
  if (v1Quota === undefined || v1Period === undefined || v1Used === undefined) return undefined;
  return { used: v1Used / 1_000, total: (nowUs * v1Quota) / v1Period };
}

async function machineUsage({ proc }: Required<KernelFiles>): Promise<Usage> {
  const [, line] = /^cpu +([\d ]+)$/m.exec((await kernelFile(proc, 'stat')) ?? '') ?? [];
  if (line !== undefined) {
    // user nice system idle iowait irq softirq steal; guests are counted in the first two already.
    const times = line.split(' ').slice(0, 8).map(Number);
    const total = times.reduce((sum, time) => sum + time, 0);
    return { used: total - (times[3] ?? 0) - (times[4] ?? 0), total };
  }
  const all = cpus().map(({ times }) => times);
  const idle = all.reduce((sum, times) => sum + times.idle, 0);
  const total = all.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, idle);
  return { used: total - idle, total };
}
