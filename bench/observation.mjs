/**
 * `npm run bench -- observation`: what it costs to count a call, and what is kept after a million different errors.
 * Beside it the least that counting can cost: one number in a Map.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { timeSideBySide } from './parts/measure.mjs';
import { candidates } from './parts/recordings.mjs';

export async function run() {
  const times = await timeSideBySide(candidates(), { calls: 200_000, warmUp: 200_000 });
  const script = fileURLToPath(new URL('./parts/error-memory.mjs', import.meta.url));
  const memory = JSON.parse(execFileSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8' }));
  const rows = [
    ...Object.entries(times).map(([name, ns]) => ({ what: name, 'ns a call': Math.round(ns), 'MB kept': '' })),
    ...Object.entries(memory).map(([what, bytes]) => ({ what, 'ns a call': '', 'MB kept': bytes / 2 ** 20 })),
  ];
  return {
    suite: 'observation',
    rows,
    notes: ['ns a call: median of 9 interleaved rounds', 'MB kept: heap after a full collection'],
  };
}
