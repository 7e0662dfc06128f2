/** Run by bench/observation.mjs in a process of its own: prints the bytes that error metrics keep, as JSON. */
import { errorMetrics } from 'ripstop/observation';
import { virtualRuntime } from 'ripstop/testing';
import { letters } from './recordings.mjs';

const million = 1_000_000;

/** In bytes, after as many full collections as it takes. */
function heap() {
  for (let round = 0; round < 4; round += 1) globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Memory kept by metrics that were told of `count` errors over an hour, by turns of `errorOf`. */
async function kept(count, errorOf) {
  const runtime = virtualRuntime();
  const before = heap();
  const metrics = errorMetrics({}, runtime);
  for (let index = 0; index < count; index += 1) {
    const [type, message, operation] = errorOf(index);
    metrics.recordError(type, message, { operation });
    if (index % (count / 60) < 1) await runtime.clock.advance(60_000);
  }
  const bytes = heap() - before;
  if (metrics.getErrorSummary().total_errors_1h === 0) throw new Error('nothing was counted');
  return bytes;
}

await kept(1_000, () => ['generation_failed', 'failed', 'inference']);
const sizes = {
  'a thousand errors of one kind': await kept(1_000, () => ['generation_failed', 'failed', 'inference']),
  'a million different texts in an hour': await kept(million, (n) => ['generation_failed', letters(n), 'inference']),
  'two million different texts': await kept(2 * million, (n) => ['generation_failed', letters(n), 'inference']),
  'a million different types, texts and operations': await kept(million, (n) => [letters(n), letters(n), letters(n)]),
};
process.stdout.write(JSON.stringify(sizes));
