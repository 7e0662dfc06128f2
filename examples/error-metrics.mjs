// Error metrics: how many errors, of which calls, and since when. docs/error-metrics.md is cut from here.
import { systemRuntime } from 'ripstop';
import { ModelOverloadedError } from 'ripstop/errors';
import { errorMetrics } from 'ripstop/observation';
import { createChute } from 'ripstop/serving';
import { virtualRuntime } from 'ripstop/testing';

// snippet: by-hand
const metrics = errorMetrics();
metrics.recordError('generation_failed', 'CUDA error 719 on worker 3', { operation: 'inference' });
metrics.recordError('generation_failed', 'CUDA error 700 on worker 12', { operation: 'inference' });
metrics.recordSuccess('inference', 840); // how long it took, in milliseconds
console.log(metrics.getErrorRate(), metrics.getErrorRate('generation_failed', 30)); // errors a minute
console.log(metrics.getTopErrorPatterns());
console.log(metrics.getErrorSummary().top_errors);
// end of snippet

const log = { debug() {}, info() {}, warn() {}, error() {} };

// snippet: chute
const counted = errorMetrics();
const app = createChute({ name: 'demo', logger: log })
  .onShutdown(counted.listen()) // what listen() returns ends it
  .cord('generate', {}, ({ input }) => {
    if (input.prompt === 'too much') throw new ModelOverloadedError('All slots are taken');
    return { text: 'Paris.' };
  })
  .cord('error_metrics', { method: 'GET' }, () => counted.getErrorSummary());
// end of snippet
await app.start();
for (const prompt of ['hello', 'too much']) await app.request('/generate', { json: { prompt } });
const { total_calls_1h, error_ratio, top_patterns } = await (await app.request('/error_metrics')).json();
console.log({ total_calls_1h, error_ratio, top_patterns });
await app.stop();

// snippet: spikes
const off = systemRuntime.events.on((event) => {
  if (event.type === 'spike.started') console.log(`${event.kind} of ${event.subject}: ${event.recent}`);
  if (event.type === 'spike.ended') console.log(`${event.subject} is over after ${event.ms / 1000} s`);
});
// end of snippet
off();

// snippet: in-a-test
const runtime = virtualRuntime();
const watched = errorMetrics({}, runtime);
const end = watched.listen();
runtime.events.on(({ type, kind, subject }) => console.log(type, kind, subject));
await runtime.clock.advance(10 * 60_000);
for (let count = 0; count < 8; count += 1) watched.recordError('upstream_unavailable', 'connection refused');
await runtime.clock.advance(30_000);
console.log(watched.detectErrorSpikes().length, watched.getErrorSummary().active_spikes.length);
await runtime.clock.advance(2 * 60_000);
end();
// end of snippet
