/** Failures on purpose, in no time: an outage of half a minute is over at once. */
import { ModelError, pipeline, retry, timeout } from 'ripstop';
import { faults, virtualRuntime } from 'ripstop/testing';

// snippet: faults
const runtime = virtualRuntime({ seed: 7 });
const broken = faults(
  {
    hang: { calls: [1] },
    fail: [
      { fromMs: 5_000, untilMs: 35_000 },
      { fromMs: 60_000, probability: 0.2 },
    ],
    outOfMemory: { calls: [9] },
  },
  runtime,
);
const safely = pipeline(
  retry({ attempts: 6, baseDelayMs: 2_000 }, runtime),
  timeout({ limitMs: 5_000 }, runtime),
  broken,
);

const answer = safely.execute(() => 'Paris.');
await runtime.clock.runAll();
console.log(await answer, `after ${broken.calls} attempts and ${Math.round(runtime.clock.now() / 1_000)} s`);
// end of snippet

// snippet: wrap
async function* answerInPieces() {
  yield* ['Par', 'is', '.'];
}
const cut = faults({ breakStream: { afterItems: 2 } }, runtime);
const stream = cut.wrap(answerInPieces);
try {
  for await (const piece of await stream()) console.log(piece);
} catch (error) {
  if (!ModelError.isInstance(error)) throw error;
  console.log(error.errorType, cut.injected.breakStream);
}
// end of snippet
