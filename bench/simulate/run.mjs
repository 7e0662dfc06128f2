/** One run: one scenario, one contender, one seed. */
import { virtualRuntime } from 'ripstop/testing';
import { CallerSignal, callersOf } from './callers.mjs';
import { Upstream } from './upstream.mjs';

/** Time passes in steps of this length until everybody is done; events inside a step happen at their own times. */
const stepMs = 1_000;

/**
 * Runs until the last caller is gone and the upstream is idle. What became of each caller stands in `calls`:
 * `{ at, ms, outcome }`, with `outcome` `answered`, `failed` or `left`.
 */
export async function simulate(scenario, { make, around = (_, work) => work() }, seed) {
  const runtime = virtualRuntime({ seed });
  const { clock } = runtime;
  const received = [];
  const upstream = new Upstream(scenario, { clock, seed, heard: () => received.push(clock.now()) });
  const calls = [];
  const callers = callersOf(scenario, seed);

  await around(runtime, async () => {
    const call = make(runtime);
    comeInTurn(callers, clock, (caller) => {
      void one(caller, call, upstream, clock).then((outcome) => calls.push(outcome));
    });
    while (calls.length < callers.length || clock.pending > 0) await clock.advance(stepMs);
  });
  return { calls, received, upstream: upstream.counts };
}

/** One timer at a time, however many will come. */
function comeInTurn(callers, clock, comes) {
  const wait = (index) => {
    const caller = callers[index];
    if (caller === undefined) return;
    clock.after(caller.at - clock.now(), () => {
      comes(caller);
      wait(index + 1);
    });
  };
  wait(0);
}

async function one({ number, at, patienceMs }, call, upstream, clock) {
  const signal = new CallerSignal();
  const patience = clock.after(patienceMs, () => signal.abort(new Error('The caller has left')));
  let attempts = 0;
  const ask = (attemptSignal) => upstream.call(number, (attempts += 1), attemptSignal);
  const outcome = await call(ask, signal).then(
    () => 'answered',
    () => (signal.aborted ? 'left' : 'failed'),
  );
  patience.cancel();
  return { at, ms: clock.now() - at, outcome: signal.aborted ? 'left' : outcome };
}
