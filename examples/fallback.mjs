// Two models that stand in for each other.
import { modelFallbackChain, openaiModel } from 'ripstop/models';
import { scriptedUpstream } from 'ripstop/testing';

const down = await scriptedUpstream([{ kind: 'reset' }]);
const up = await scriptedUpstream([
  { kind: 'json', body: { choices: [{ message: { content: 'Paris.' }, finish_reason: 'stop' }] } },
]);

// snippet: fallback
const chain = modelFallbackChain()
  .addPrimaryModel(openaiModel({ url: down.url, model: 'large' }), 'large')
  .addFallbackModel(openaiModel({ url: up.url, model: 'small' }), 'small');

const { generated_text, model_used, was_fallback } = await chain.generateWithFallback('What is the capital of France?');
// end of snippet

console.log({ generated_text, model_used, was_fallback });
await Promise.all([down.close(), up.close()]);
