/** `npm run bench -- policies`: what policies cost, beside cockatiel, opossum and p-retry in the same process. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { timeSideBySide } from './parts/measure.mjs';
import { onePolicy, oneRetry, rejection, threePolicies, withSignal } from './parts/pipelines.mjs';

export async function run() {
  const bytes = allocations();
  const groups = {
    'three policies, success': [threePolicies(), {}],
    'three policies, caller with a signal': [withSignal(), { calls: 5_000, warmUp: 5_000 }],
    ...Object.fromEntries(
      Object.entries(onePolicy()).map(([policy, candidates]) => [`${policy} alone, success`, [candidates, {}]]),
    ),
    'one retry after 0 ms': [oneRetry(), { calls: 300, warmUp: 300 }],
    'rejection by an open breaker': [await rejection(), { calls: 5_000, warmUp: 5_000 }],
  };
  const rows = [];
  for (const [group, [candidates, options]] of Object.entries(groups)) {
    const times = await timeSideBySide(candidates, options);
    const ours = Object.entries(times).find(([name]) => name.startsWith('ripstop'))[1];
    for (const [name, ns] of Object.entries(times)) {
      rows.push({
        group,
        name,
        ns: Math.round(ns),
        'against ripstop': round(ns / ours),
        ...(group === 'three policies, success' ? { 'bytes a call': Math.round(bytes[name]) } : {}),
      });
    }
  }
  return { suite: 'policies', rows, notes: ['ns: nanoseconds a call, median of 9 interleaved rounds'] };
}

function allocations() {
  const script = fileURLToPath(new URL('./parts/allocations.mjs', import.meta.url));
  const flags = ['--expose-gc', '--max-semi-space-size=256', '--min-semi-space-size=256'];
  return JSON.parse(execFileSync(process.execPath, [...flags, script], { encoding: 'utf8' }));
}

function round(ratio) {
  return Math.round(ratio * 100) / 100;
}
