/** Timing side by side: every candidate runs in every round, in a new order, and the median round counts. */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// What one candidate leaves behind must not be collected in the time of the next.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

/**
 * @param {Record<string, () => unknown>} candidates each does one call, and may return a promise
 * @param {{ rounds?: number, calls?: number, warmUp?: number }} options
 * @returns {Promise<Record<string, number>>} nanoseconds a call, the median over the rounds
 */
export async function timeSideBySide(candidates, { rounds = 9, calls = 20_000, warmUp = 20_000 } = {}) {
  const names = Object.keys(candidates);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) await repeat(candidates[name], warmUp);
  for (let round = 0; round < rounds; round += 1) {
    for (let index = 0; index < names.length; index += 1) {
      const name = names[(index + round) % names.length];
      collect();
      // A full collection also throws away compiled code whose objects it found dead; that is not the call's cost.
      await repeat(candidates[name], calls / 2);
      const start = performance.now();
      await repeat(candidates[name], calls);
      times[name].push(((performance.now() - start) * 1e6) / calls);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times[name])]));
}

/**
 * Bytes that one call allocates: growth of the young heap over many calls, in a process started with --expose-gc and
 * a semi-space too large to be collected meanwhile (`bench/parts/allocations.mjs` starts it).
 */
export async function bytesPerCall(call, calls = 20_000) {
  await repeat(call, 5_000);
  const samples = [];
  for (let round = 0; round < 5; round += 1) {
    collect();
    const before = process.memoryUsage().heapUsed;
    await repeat(call, calls);
    samples.push((process.memoryUsage().heapUsed - before) / calls);
  }
  return median(samples);
}

async function repeat(call, times) {
  for (let index = 0; index < times; index += 1) {
    const outcome = call();
    if (typeof outcome?.then === 'function') await outcome;
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
