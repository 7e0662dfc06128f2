// Metrics of your own service, in your own registry. docs/metrics.md is cut from here.
// snippet: set-up
import * as client from 'prom-client';
import { bulkhead, circuitBreaker, pipeline, retry } from 'ripstop';
import { modelFallbackChain } from 'ripstop/models';
import { prometheusMetrics } from 'ripstop/prometheus';
// end of snippet
import { ModelOverloadedError } from 'ripstop';
import { scriptedModel } from 'ripstop/testing';

// snippet: registry
const registry = new client.Registry();
registry.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE); // before, if you want exemplars

const slots = bulkhead({ name: 'chat', limit: 8, maxQueue: 8 });
const breaker = circuitBreaker({ name: 'large' });
const metrics = prometheusMetrics({
  client,
  registry,
  known: { model: ['large', 'small'] },
  readings: {
    queues: () => [{ name: 'chat', running: slots.running, waiting: slots.waiting, limit: slots.limit }],
    breakers: () => [{ name: 'large', state: breaker.state }],
  },
});
// end of snippet

const large = scriptedModel([new ModelOverloadedError(undefined, { origin: 'upstream' })]);
const small = scriptedModel(['Paris.']);

// snippet: calls
const policy = pipeline(retry({ attempts: 2, baseDelayMs: 1 }), slots, breaker);
const chain = modelFallbackChain()
  .addPrimaryModel(large, 'large', { policy, breaker })
  .addFallbackModel(small, 'small');
const { generated_text } = await chain.generateWithFallback('What is the capital of France?');
// end of snippet

console.log(generated_text);
// snippet: scrape
const page = await registry.metrics(); // what your own GET /metrics answers, with registry.contentType
// end of snippet
for (const line of page.split('\n')) if (/^ripstop_\w+(?<!bucket|sum)(\{.*\})? [1-9]/.test(line)) console.log(line);
metrics.close();
