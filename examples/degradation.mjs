// Degradation: shorter answers while the load is high. docs/degradation.md is cut from here.
import { bulkhead } from 'ripstop';
import { safeGenerate } from 'ripstop/models';
import { systemLoad } from 'ripstop/node';
import { adaptiveGenerate, degradation, metricsPageLoad, occupancyLoad } from 'ripstop/observation';
import { scriptedModel, scriptedUpstream } from 'ripstop/testing';

// snippet: by-hand
const quality = degradation();
console.log(quality.updateSystemLoad(95, 85, 90)); // CPU, memory, GPU in percent
console.log(quality.getAdjustedParameters({ max_tokens: 100, num_inference_steps: 20, temperature: 0.7 }));
console.log(quality.getDegradationWarning());
// end of snippet

const vllm = await scriptedUpstream([
  { kind: 'text', body: 'vllm:num_requests_waiting 2\nvllm:kv_cache_usage_perc 0.75\n' },
]);
const vllmHost = `http://127.0.0.1:${vllm.port}`;

// snippet: sources
const slots = bulkhead({ name: 'chat', limit: 8, maxQueue: 8 });
const chat = degradation({
  name: 'chat',
  sources: [
    metricsPageLoad({ url: `${vllmHost}/metrics`, maxWaiting: 16 }),
    occupancyLoad(() => ({ running: slots.running, waiting: slots.waiting, limit: slots.limit, maxQueue: 8 })),
    { name: 'own', read: async () => 0.2 },
  ],
});
await chat.sample(); // at the start, so that the first request knows already
console.log(chat.level, chat.systemLoad);
// end of snippet
await vllm.close();

const model = scriptedModel(['Paris.']);

// snippet: adaptive
const answer = await adaptiveGenerate(chat, {
  parameters: { maxTokens: 100 },
  generate: (options) => safeGenerate(model, 'What is the capital of France?', options),
});
console.log(answer);
// end of snippet

// snippet: one-request
function respond(body) {
  const request = chat.admit(); // throws a ModelOverloadedError when it has to be shed
  const parameters = request.getAdjustedParameters({ max_tokens: body.max_tokens });
  return { parameters, warning: request.getDegradationWarning(), level: request.level };
}
console.log(respond({ max_tokens: 200 }));
// end of snippet

// snippet: system
const system = degradation({ name: 'system', sources: systemLoad() });
await system.sample();
await system.sample(); // the CPU is measured from one reading to the next
// end of snippet
console.log(system.systemLoad > 0);
