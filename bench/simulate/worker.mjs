/** A thread that plays one run after the other: told scenario, contender and seed, it tells the summary. */
import { setMaxListeners } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { summary } from './report.mjs';
import { simulate } from './run.mjs';

// Nobody reads the stacks of a million errors.
Error.stackTraceLimit = 0;
// cockatiel hangs a listener on one signal of its own, made as it is loaded, for every caller that waits for a trial.
setMaxListeners(0);
const { contenders } = await import('./contenders.mjs');

parentPort.on('message', ({ scenario, contender, seed }) => {
  void simulate(scenario, contenders[contender], seed).then(
    (run) => parentPort.postMessage({ summary: summary(scenario, run) }, []),
    (error) => parentPort.postMessage({ error: String(error) }, []),
  );
});
