/** Plays scenarios: every contender with every seed, on all cores. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { contenders } from './contenders.mjs';
import { together } from './report.mjs';

/**
 * The results by scenario and contender; several seeds are taken together. `progress({ done, total, calls })` is called
 * after each run.
 */
export async function play(scenarios, seeds, progress = () => undefined) {
  const runs = scenarios.flatMap((scenario) => {
    return Object.keys(contenders).flatMap((contender) => seeds.map((seed) => ({ scenario, contender, seed })));
  });
  const queue = [...runs];
  let [done, calls] = [0, 0];
  const work = async () => {
    const worker = new Worker(new URL('./worker.mjs', import.meta.url));
    try {
      for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
        run.summary = await ask(worker, { scenario: run.scenario, contender: run.contender, seed: run.seed });
        done += 1;
        calls += run.summary.calls;
        progress({ done, total: runs.length, calls });
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), runs.length) }, work));
  return Object.fromEntries(
    scenarios.map(({ name }) => [
      name,
      Object.fromEntries(
        Object.keys(contenders).map((contender) => [
          contender,
          together(
            runs
              .filter((run) => run.scenario.name === name && run.contender === contender)
              .map(({ summary }) => summary),
          ),
        ]),
      ),
    ]),
  );
}

function ask(worker, run) {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', ({ summary, error }) => {
      worker.off('error', reject);
      if (error === undefined) resolve(summary);
      else reject(new Error(`${run.scenario.name}, ${run.contender}, seed ${run.seed}: ${error}`));
    });
    worker.postMessage(run, []);
  });
}
